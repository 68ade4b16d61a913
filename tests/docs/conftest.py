"""What the tests of the documentation share: its pages, and components that are in them alone."""

from __future__ import annotations

import ast
import functools
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab import api
from genlab.components.registry import ROLES, Entry, Registry
from genlab.config import merge, nested, parse_assignments

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_SKIPPED = {"_build", "_ext", "_static", "examples", "gallery"}  # which Sphinx writes


def pages() -> list[Path]:
    """Every page of the documentation, and the README."""
    found = [p for s in ("*.md", "*.rst") for p in DOCS.rglob(s)]
    inside = [p for p in found if not _SKIPPED & set(p.relative_to(DOCS).parts)]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(inside)]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a Markdown page; directives are not among them."""
    text = page.read_text("utf-8")
    found = []
    for match in re.finditer(r"^( *)```([^\n]*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        spoken = match[2].strip()
        if spoken == "{genlab-figure}":
            spoken, line = "python", line + 2
            options, _, code = match[3].partition("\n\n")
            assert options.startswith(":alt:"), "the options of a figure end with an empty line"
            found.append(Block(page, line, spoken, textwrap.dedent(code)))
        elif not spoken.startswith("{"):
            found.append(Block(page, line, spoken, textwrap.dedent(match[3])))
    return [block for block in found if language in (None, block.language)]


def entry_points(page: Path) -> dict[str, dict[str, str]]:
    """The entry points that the TOML blocks of a page declare, by group."""
    found: dict[str, dict[str, str]] = {}
    for block in blocks(page, "toml"):
        tables = tomllib.loads(block.text)
        for group, entries in tables.get("project", {}).get("entry-points", {}).items():
            found.setdefault(group, {}).update(entries)
    return found


def definitions(page: Path) -> str:
    """A module with everything that the Python blocks of a page import, define and set up."""
    keep = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    parts = []
    for block in blocks(page, "python"):
        if block.text.lstrip().startswith("def ") and "self" in block.text.split("\n")[0]:
            continue  # a method, to be put into a class
        for node in ast.parse(block.text).body:
            made = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            simple = made and isinstance(node.value.func, ast.Name) and not node.value.args  # type: ignore[attr-defined]
            if isinstance(node, keep) or simple:
                parts.append(ast.unparse(node))
    return "\n\n".join(parts) + "\n"


Install = Callable[[str, Mapping[str, Mapping[str, str]]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Make a module ``my_package`` and its entry points known, as an installer would."""
    site = tmp_path / "site"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(source: str, groups: Mapping[str, Mapping[str, str]]) -> None:
        for role in ROLES:
            Registry(role)  # remembers what is installed, before this seems to be
        info = site / "my_package-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
        lines = []
        for group, entries in groups.items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        (site / "my_package.py").write_text(source)
        monkeypatch.syspath_prepend(str(site))
        known = {
            role: [Entry(role, name, value, "my-package", "1.0") for name, value in groups[group].items()]
            for role, group in ROLES.items() if group in groups
        }  # fmt: skip

        def with_those(role: str) -> Registry:
            return Registry(role, [*Registry(role).entries(), *known.get(role, [])])

        monkeypatch.setattr("genlab.components.registry.Registry", with_those)

    yield make
    for name in [n for n in sys.modules if n == "my_package"]:
        del sys.modules[name]


def command_line(*arguments: str) -> int:
    """Run a command of genlab in this process and return its exit status."""
    from genlab.cli import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a page registers: other tests go through all that is registered."""
    monkeypatch.setattr("genlab.components.registry._registered", {})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the budget of every run: 5 steps, 20 samples, 4 steps of a trajectory, and no figures."""
    whole: Callable[..., Any] = api.run
    further: Callable[..., Any] = api.resume
    cut = {"sampling": {"count": 20, "steps": 4}, "training": {"batch": 16}}

    def run(*arguments: Any, set: Any = (), steps: int | None = None, **others: Any) -> Any:
        own = [*set.items()] if isinstance(set, Mapping) else parse_assignments(set).items()
        tables = functools.reduce(merge, (nested(*each) for each in own), {})
        others.pop("minutes", None)
        if _is_fitted(others):
            few = merge(tables, {"sampling": {"count": 20}})
            return whole(*arguments, set=few, **{"draw": False, **others})
        over = {"set": merge(tables, cut), "steps": min(steps or 5, 5)}
        return whole(*arguments, **over, **{"draw": False, **others})

    def resume(path: Any, *, steps: int | None = None, **others: Any) -> Any:
        return further(path, steps=None if steps is None else 6, **others)

    for name, smaller in (("run", run), ("resume", resume)):
        monkeypatch.setattr(genlab, name, smaller)  # fetched from api when it is first asked for
        monkeypatch.setattr(api, name, smaller)


def _is_fitted(options: dict[str, Any]) -> bool:
    """Say whether a run is that of a density that is fitted at once, and has no budget."""
    density = options.get("density")
    cls = genlab.registry("density").get(density) if isinstance(density, str) else density
    fitted = isinstance(cls, type) and issubclass(cls, genlab.FittedDensity)
    return fitted and "degradation" not in options
