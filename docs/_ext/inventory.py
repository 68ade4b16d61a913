"""What is public: read from the sources without importing them.

A name is public where it stands in the ``__all__`` of its module; of ``genlab.testing``, only where the
package itself exports it. It is documented once, under the shortest name by which it can be imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPS = {"genlab": ROOT / "core" / "genlab", "genlab_plugins": ROOT / "plugins" / "genlab_plugins"}
# The command line has a reference of its own, and the page a guide: nobody else calls what is behind them.
ELSEWHERE = ("genlab.cli", "genlab.__main__", "genlab_plugins.play")

WHOLE = "genlab.testing"  # its modules export to each other


@dataclass(frozen=True)
class Item:
    """A public object.

    Args:
        home: The module that defines it.
        name: Its name there.
        kind: ``"class"``, ``"function"`` or ``"data"``.
        documented: The name under which it is documented.
        docstring: Whether it has a docstring.
    """

    home: str
    name: str
    kind: str
    documented: str
    docstring: bool

    @property
    def canonical(self) -> str:
        """Where it is defined."""
        return f"{self.home}.{self.name}"


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules by name."""
    found = {}
    for top, folder in TOPS.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            name = ".".join([top, *(part for part in parts if part != "__init__")])
            if not name.startswith(ELSEWHERE):
                found[name] = ast.parse(file.read_text("utf-8"))
    return found


@cache
def items() -> tuple[Item, ...]:
    """Return everything public, each object once, in the order of modules and of their sources."""
    short: dict[tuple[str, str], str] = {}
    for package in sorted(modules(), key=lambda name: name.count("."), reverse=True):
        for name in _exports(package):
            short[_definition(package, name)] = f"{package}.{name}"
    found = []
    for module, tree in modules().items():
        public = _exports(module)
        for name, kind, docstring in _defined(tree):
            if name in public:
                data = f"{module}.{name}"  # its docstring is a comment, found only where it stands
                documented = data if kind == "data" else short[module, name]
                if documented in modules():  # a function beside a module of the same name
                    documented = data
                if module.startswith(f"{WHOLE}.") and documented != f"{WHOLE}.{name}":
                    continue
                found.append(Item(module, name, kind, documented, docstring))
    return tuple(found)


def children(prefix: str) -> Iterator[Item]:
    """Yield the objects that are documented under a prefix, at any depth."""
    for item in items():
        if item.documented.rpartition(".")[0] == prefix or item.documented.startswith(prefix + "."):
            yield item


def _exports(module: str) -> list[str]:
    """Return ``__all__``, or the names of the stub of a package whose names are imported when first used."""
    if module in _stubs():
        return [alias.name for _, alias in _imports(module, _stubs()[module])]
    for node in modules()[module].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def _definition(module: str, name: str) -> tuple[str, str]:
    """Follow imports to the module that defines a name."""
    tree = modules()[module]
    if any(name == defined for defined, _, _ in _defined(tree)):
        return module, name
    for source, alias in _imports(module, _stubs().get(module, tree)):
        if (alias.asname or alias.name) == name:
            return _definition(source, alias.name)
    raise LookupError(f"{module} exports {name!r} and neither defines nor imports it")


@cache
def _stubs() -> dict[str, ast.Module]:
    found = {}
    for top, folder in TOPS.items():
        for file in sorted(folder.rglob("__init__.pyi")):
            name = ".".join([top, *file.parent.relative_to(folder).parts])
            found[name] = ast.parse(file.read_text("utf-8"))
    return found


def _imports(module: str, tree: ast.Module) -> Iterator[tuple[str, ast.alias]]:
    """Yield what a module imports from modules of ours, each with the module; stubs are those of packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = f"{module}.{node.module}" if node.level else f"{node.module}"
            if source in modules():
                yield from ((source, alias) for alias in node.names)


def _defined(tree: ast.Module) -> Iterator[tuple[str, str, bool]]:
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef):
            yield node.name, "class", ast.get_docstring(node) is not None
        elif isinstance(node, ast.FunctionDef):
            yield node.name, "function", ast.get_docstring(node) is not None
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and not target.id.startswith("_"):
                said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                yield target.id, "data", said
