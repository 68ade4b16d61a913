"""What the shell completes: names of components, of experiments and of settings.

The shell asks at every press of a key, so nothing heavy is imported: names of components are metadata, and
names of settings and parameters are read from the source of their classes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from genlab.components.registry import Entry

__all__ = [
    "experiments",
    "names_of",
    "one_of",
    "parameters_of",
    "roles",
    "settings",
    "tables",
]

Complete = Callable[[str], list[str]]

_TABLES = (
    ("restorer", "config", "RestorerSettings"),
    ("training", "training", "TrainingSettings"),
    ("training", "config", "RunSettings"),
    ("prior_training", "training", "TrainingSettings"),
    ("sampling", "config", "SamplingSettings"),
    ("evaluation", "config", "EvaluationSettings"),
)
"""The tables of settings, each with the package and the class that has them."""

_PLAIN = ("metrics", "figures", "seed", "device", "data")


def one_of(*words: str) -> Complete:
    """Return what completes to some words."""
    return lambda incomplete: _starting(incomplete, words)


def names_of(role: str) -> Complete:
    """Return what completes to the names of a role's components."""

    def complete(incomplete: str) -> list[str]:
        from genlab.components.registry import registry

        return _starting(incomplete, registry(role).names())

    return complete


def roles(*more: str) -> Complete:
    """Return what completes to the roles of components, and to some words besides."""

    def complete(incomplete: str) -> list[str]:
        from genlab.components.registry import ROLES

        return _starting(incomplete, [*ROLES, *more])

    return complete


def experiments(incomplete: str) -> list[str]:
    """Complete the name of an experiment."""
    from genlab.experiments import experiment_names

    return _starting(incomplete, experiment_names())


def tables(incomplete: str) -> list[str]:
    """Complete the name of a table of settings."""
    return _starting(incomplete, ["run", *(table for table, *_ in _TABLES)])


def settings(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a setting of a run, as ``--set`` takes it.

    A component that the line names has its own parameters; otherwise all of its role are offered.
    """
    words = [f"{key}=" for key in (*_PLAIN, *_places())]
    for table, package, name in _TABLES:
        words += [f"{table}.{key}=" for key in _fields(package, name)]
    for place, role in _places().items():
        if incomplete.partition(".")[0] in (place, "") or place.startswith(incomplete):
            named = context.params.get(place)
            words += [f"{place}.{key}=" for key in _parameters_of(role, named)]
    return _starting(incomplete, words)


def parameters_of(role: str, argument: str) -> Callable[[typer.Context, str], list[str]]:
    """Return what completes to the parameters of one component, as ``--set`` takes them.

    Args:
        role: Its role, or the argument of the command that names it.
        argument: The argument or option that has the component's name.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        named, of = _given(context, argument), _given(context, role) or role
        keys = _parameters_of(of, named) if named else ()
        return _starting(incomplete, [f"{key}=" for key in keys])

    return complete


def _given(context: typer.Context, name: str) -> str | None:
    """Return an option or argument of an unfinished line, whose arguments click has not yet given names."""
    positions = [p.name for p in context.command.params if p.param_type_name == "argument"]
    value: str | None = context.params.get(name)
    return value or dict(zip(positions, context.args, strict=False)).get(name)


def _starting(incomplete: str, words: Iterable[str]) -> list[str]:
    return sorted({word for word in words if word.startswith(incomplete)})


def _parameters_of(role: str, name: str | None) -> set[str]:
    """Return the names of a component's parameters, or of those of all components of a role."""
    from genlab.components.registry import registry
    from genlab.errors import RequestError

    try:
        entries = registry(role).entries()
    except RequestError:
        return set()
    named = [entry for entry in entries if name in (None, entry.name)]
    return {key for entry in named for key in _keywords(entry)}


def _keywords(entry: Entry) -> Iterator[str]:
    """Give the keyword-only arguments of a component's constructor, or of that of its nearest base."""
    from genlab.components.registry import Entry

    tree = _parsed(entry.source)
    name = entry.value.partition(":")[2]
    found = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if found is None:
        return
    for node in found.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            yield from (argument.arg for argument in node.args.kwonlyargs)
            return
    homes = {alias.asname or alias.name: node.module for node in tree.body
             if isinstance(node, ast.ImportFrom) for alias in node.names}  # fmt: skip
    for base in found.bases:
        if isinstance(base, ast.Name):
            home = homes.get(base.id, entry.value.partition(":")[0])
            yield from _keywords(Entry(entry.role, base.id, f"{home}:{base.id}", entry.package, ""))
            return


def _places() -> Mapping[str, str]:
    """Return the places that components take in a run, and the role of each."""
    for node in _parsed(_package() / "config" / "tables.py").body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "SLOTS":
            places: dict[str, str] = ast.literal_eval(node.value) if node.value else {}
            return places
    return {}


def _fields(package: str, name: str) -> list[str]:
    """Return the settings of a class; those of a training have their budget by its units."""
    fields = []
    for node in _parsed(_package() / package / "settings.py").body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            lines = [line.target for line in node.body if isinstance(line, ast.AnnAssign)]
            fields = [line.id for line in lines if isinstance(line, ast.Name)]
    return [unit for key in fields for unit in (_UNITS if key == "budget" else (key,))]


_UNITS = ("steps", "epochs", "minutes")


def _package() -> Path:
    import genlab

    return Path(genlab.__file__).parent


@cache
def _parsed(file: Path | None) -> ast.Module:
    try:
        return ast.parse(file.read_text("utf-8")) if file else ast.Module([], [])
    except (OSError, ValueError, SyntaxError):
        return ast.Module([], [])
