"""The structure of the code: no circles of imports, short classes and functions, public names alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = {"genlab": ROOT / "core" / "genlab", "genlab_plugins": ROOT / "plugins" / "genlab_plugins"}
LONGEST_CLASS, LONGEST_FUNCTION = 250, 60


def modules() -> dict[str, ast.Module]:
    """All modules by name."""
    found = {}
    for package, folder in TREES.items():
        for file in folder.rglob("*.py"):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(file.read_text("utf-8"))
    return found


MODULES = modules()


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Every import of a module, wherever it stands: late ones and those for type checking count."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def imported_modules(name: str) -> set[str]:
    """The modules of this project that a module imports; a package is its __init__."""
    found = set()
    for module, attribute in imports(MODULES[name]):
        inner = f"{module}.{attribute}"
        found.add(inner if inner in MODULES else module)
    return {module for module in found if module in MODULES and module != name}


def test_no_circle_of_imports() -> None:
    graph = {name: imported_modules(name) for name in MODULES}
    assert sum(map(len, graph.values())) > 500  # the graph is that of the project
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_circle_is_found() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_plugins_use_public_names_alone() -> None:
    deep = {
        (name, module)
        for name in MODULES
        if name.startswith("genlab_plugins")
        for module, _ in imports(MODULES[name])
        if module.startswith("genlab.")
    }
    assert not deep


def test_the_core_never_imports_the_plugins() -> None:
    found = {
        (name, module)
        for name in MODULES
        if not name.startswith("genlab_plugins")
        for module in imported_modules(name)
        if module.startswith("genlab_plugins")
    }
    assert not found


def lengths(kinds: tuple[type[ast.AST], ...]) -> dict[str, int]:
    """How many lines each class or function of the core has, those of its own docstring left out."""
    return {
        f"{name}:{node.name}": _lines(node)  # type: ignore[attr-defined]
        for name, tree in MODULES.items()
        if name.startswith("genlab.")
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    }


def _lines(node: ast.AST) -> int:
    first = node.body[0]  # type: ignore[attr-defined]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return _span(node) - (_span(first) if documented else 0)


def _span(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]


def test_classes_are_short() -> None:
    assert {k: n for k, n in lengths((ast.ClassDef,)).items() if n > LONGEST_CLASS} == {}


def test_functions_are_short() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert {k: n for k, n in lengths(kinds).items() if n > LONGEST_FUNCTION} == {}


def test_no_conflict_of_a_merge_is_left() -> None:
    """A page that holds both sides builds, and looks odd."""
    marks = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    for folder in ("core", "plugins", "tests", "docs", "experiments", "report", "benchmarks"):
        for file in (ROOT / folder).rglob("*"):
            if (
                file.suffix in (".py", ".md", ".rst", ".toml", ".jinja", ".typ")
                and "_build" not in file.parts
            ):
                assert not marks.search(file.read_text("utf-8")), file
