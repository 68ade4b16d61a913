"""Every block of code in the README and the documentation is run or checked.

* ``python`` is run, page by page, in an empty folder. Budgets are cut: a run takes at most 5 steps, 20
  samples and 4 steps of a trajectory, and draws no figures.
* ``sh`` is parsed by the application itself: commands, options and values; the components and settings
  of ``genlab run`` are resolved as for a real run.
* ``toml`` is parsed; entry points must name classes that the page defines.
* The code of other libraries stands in directives, and is parsed.
* Everything else must be ``text``, which is what a program said, or have no language.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from genlab import api, registry
from genlab.cli import app
from genlab.components.parameters import check_parameters
from genlab.components.registry import ROLES
from genlab.config import parse_assignments, resolve
from genlab.evaluation.restoration import POSTERIOR
from genlab.experiments import experiment_names
from genlab.kit import create_package

from .conftest import (
    Block,
    Install,
    blocks,
    command_line,
    definitions,
    entry_points,
    name_of,
    pages,
)

# Programs that are not genlab: why a block that uses them is not run.
OTHERS = {
    "cd": "changes a folder",
    "pip": "needs a package index",
    "uv": "needs a package index",
    "git": "needs a remote repository",
    "nox": "is what runs this",
    "docker": "needs a daemon",
    "torchrun": "starts processes on several machines",
    "accelerate": "is installed by those who use it",
}
PLACES = {"RUN": "runs/first", "DIR": "."}

MARKDOWN = [page for page in pages() if page.suffix == ".md"]
WITH_PYTHON = [page for page in MARKDOWN if blocks(page, "python")]
WITH_COMPONENTS = [
    page
    for page in MARKDOWN
    if set(entry_points(page)) & set(ROLES.values()) and "my_package:" in str(entry_points(page))
]


def test_blocks_say_what_they_are() -> None:
    known = {"python", "sh", "toml", "text", ""}  # without a language: no code
    found = [block for page in MARKDOWN for block in blocks(page)]
    assert [f"{block}: {block.language!r}" for block in found if block.language not in known] == []
    assert len(found) > 50


def test_pages_of_directives_hold_no_code_by_hand() -> None:
    for page in pages():
        if page.suffix == ".rst":
            assert "code-block" not in page.read_text("utf-8"), name_of(page)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
@pytest.mark.usefixtures("small")
def test_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    """What a page defines is a module of its own, so that it can be pickled, as in a package."""
    source = definitions(page)
    install(source, entry_points(page))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "my_package"}
    outputs = []
    for block in blocks(page):
        if block.language == "python" and not is_method(block):
            said = io.StringIO()
            padded = "\n" * (block.line - 1) + block.text
            with contextlib.redirect_stdout(said), torch.random.fork_rng(devices=[]):
                exec(compile(padded, str(page), "exec"), namespace)
                use_module(namespace)
            outputs.append(said.getvalue())
        elif block.language == "text" and outputs and outputs[-1]:
            assert block.text == outputs[-1], f"{block} shows another output"


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_code_of_others_is_python(page: Path) -> None:
    found = re.findall(r"^```{code-block} python\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    for text in found:
        ast.parse(text)


def is_method(block: Block) -> bool:
    """Say whether a block is a method, which :mod:`test_tutorial` puts into its class."""
    return block.text.startswith("def ") and "(self" in block.text.splitlines()[0]


def use_module(namespace: dict[str, Any]) -> None:
    """Let the classes of a page be those of its module."""
    import my_package  # type: ignore[import-not-found]

    for name, value in vars(my_package).items():
        if isinstance(value, type) and value.__module__ == "my_package" and name in namespace:
            namespace[name] = value


@pytest.mark.parametrize("page", WITH_COMPONENTS, ids=name_of)
def test_components_keep_their_contract(page: Path, install: Install) -> None:
    """``genlab check`` passes for every component that a page defines and registers."""
    groups = {group: role for role, group in ROLES.items()}
    declared = entry_points(page)
    install(definitions(page), declared)
    for group, entries in declared.items():
        for name in entries if group in groups else ():
            assert command_line("check", groups[group], name, "--json") == 0


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_toml_parses_and_names_what_is_there(page: Path) -> None:
    for block in blocks(page, "toml"):
        tables = tomllib.loads(block.text)
        for entries in tables.get("project", {}).get("entry-points", {}).values():
            for value in entries.values():
                if value.startswith("my_package:"):
                    name = value.partition(":")[2]
                    assert re.search(
                        rf"^((class|def) {name}\b|{name} = )", definitions(page), re.MULTILINE
                    ), block


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_commands_are_right(page: Path, install: Install, tmp_path: Path) -> None:
    declared = entry_points(page)
    made = re.search(r"genlab new ([a-z]+) ([a-z][a-z-]*)[`\n]", page.read_text("utf-8"))
    if made and made[1] in ROLES:
        folder = create_package(made[1], made[2], tmp_path)
        (module,) = (folder / "src").rglob(f"{made[1]}.py")
        name = made[2].title().replace("-", "")
        groups = {ROLES[made[1]]: {}, **declared} if "my_package" in str(declared) else {}
        groups[ROLES[made[1]]] = {
            **groups.get(ROLES[made[1]], {}),
            made[2]: f"my_package:{name}",
        }
        install(module.read_text() + definitions(page), groups)
    elif declared:
        install(definitions(page), declared)
    for block in blocks(page, "sh"):
        for command in commands(block):
            check_command(block, command)
    for text in re.findall(r"`(genlab [^`]+)`", page.read_text("utf-8")):
        if "\n" not in text:
            check_command(page, shlex.split(text.replace("...", ""), comments=True))


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the commands of a block, without what comes before genlab."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        parts: list[list[str]] = [[]]
        for word in words:
            parts = [*parts, []] if word == "&&" else [*parts[:-1], [*parts[-1], word]]
        for part in parts:
            while part and re.fullmatch(r"[A-Z_]+=\S*", part[0]):
                part = part[1:]
            if part[:2] == ["uv", "run"] and "genlab" in part[:4]:
                part = part[part.index("genlab") :]
            if not part:
                continue
            if part[0] == "genlab":
                yield part
            else:
                assert part[0] in OTHERS, f"{block}: {part[0]!r} is neither genlab nor known"


def check_command(where: object, command: list[str]) -> None:
    """Let the application parse a command; resolve what it would run."""
    group: Any = typer.main.get_command(app)
    words = [PLACES.get(word, word) for word in command[1:]]
    if not words or words[0] in ("--version", "--help", "--install-completion"):
        return
    whole = group.make_context("genlab", [], resilient_parsing=True)
    assert words[0] in group.list_commands(whole), f"{where}: there is no command {words[0]!r}"
    _, parser, _ = group.resolve_command(whole, words[:1])
    prose = len(command) == 2 and words[0] != "run"  # "`genlab sample`" in a sentence
    if prose and any(p.required for p in parser.params):
        return
    context = parser.make_context(f"genlab {words[0]}", words[1:])
    if {"FILE", "NAME", "ROLE", "ROLE.PARAMETER=VALUE"} & set(words):
        return  # a pattern of a command, whose options are right
    given: dict[str, Any] = context.params
    if words[0] == "sweep":
        assert given["file"] in experiment_names(), where
    elif words[0] == "run":
        check_request(where, given)
    elif words[0] in ("show", "check"):
        component = registry(given["role"]).get(given["name"])
        if given.get("settings"):
            check_parameters(component, parse_assignments(given["settings"]), where=given["role"])
    elif given.get("role") is not None:
        assert given["role"] in (*ROLES, "command", "coursework", "experiment"), where
    asked = given.get("sampler") or ()
    samplers = [asked] if isinstance(asked, str) else list(asked)
    for sampler in (
        *samplers,
        *(m for m in given.get("method") or () if m not in ("direct", POSTERIOR)),
    ):
        assert registry("sampler").get(sampler), where
    for metric in given.get("metric") or ():
        assert registry("metric").get(metric), where


def check_request(where: object, given: dict[str, Any]) -> None:
    """Resolve a request as ``genlab run`` does, up to where data is loaded."""
    places = ("degradation", "backbone", "sampler", "density", "dataset", "objective", "optimiser")
    named = {k: given[k] for k in places}
    budget = {k: given[k] for k in ("minutes", "steps", "epochs")}
    if given["experiment"] is not None:
        assert given["experiment"] in experiment_names(), where
    tables = api.request(
        given["experiment"],
        named,
        budget,
        given["settings"] or (),
        classify=given["classify"],
        named_budget=given["budget"],
    )
    if tables.get("dataset", {}).get("name") == "image-folder":
        assert given["data"], f"{where}: an image folder needs --data"
        params = {"path": "photos.zip", **tables.pop("dataset")}
        params.pop("name")
        check_parameters(registry("dataset").get("image-folder"), params, where="dataset")
    resolve(tables)
