"""``genlab new``: a package with a component or command of one's own; or a folder for coursework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from genlab.kit.names import Names

__all__ = ["new"]


def _groups(incomplete: str) -> list[str]:
    from genlab.kit.names import COURSEWORK, GROUPS

    return [each for each in (*GROUPS, COURSEWORK) if each.startswith(incomplete)]


def new(
    context: typer.Context,
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE",
            help="A role of components, such as degradation, objective or figure; or command; or "
            "coursework.",
            autocompletion=_groups,
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Its name: lower case, with hyphens; for coursework, its folder.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to make it in.")] = Path(),
) -> None:
    """Start a package of your own, with one component; or coursework.

    It works at once, and is yours to change. In the place of a component it may have a command. Coursework
    is a folder with two sets of hyperparameters, a degradation of your own, a report that draws on the runs,
    and a notebook.
    """
    from genlab.kit import create_coursework, create_package
    from genlab.kit.names import COURSEWORK, Names, made_role

    if role == COURSEWORK:
        _print_coursework(create_coursework(out / name))
        return
    names = Names(made_role(role), name)
    if names.is_command:
        _refuse_own(context, name)
    _print(create_package(role, name, out), names)


def _refuse_own(context: typer.Context, name: str) -> None:
    """Refuse the name of a command that comes with genlab, which always goes before others."""
    from genlab.errors import RequestError

    group = context.find_root().command
    if isinstance(group, TyperGroup) and name in group.commands:
        raise RequestError(f"the command {name!r} is genlab's own: choose another name")


def _print_coursework(folder: Path) -> None:
    commands = {
        f"cd {folder}": "",
        "uv run python -m pytest": "the degradation keeps its contract",
        "uv run python -m genlab run a.toml --out runs/a": "train the first set, in about a minute",
    }
    _print_made(folder, "the commands, in order, are in", folder / "README.md", commands)


def _print(folder: Path, names: Names) -> None:
    module = folder / "src" / names.package / f"{names.role}.py"
    tests = "its tests" if names.is_command else "its tests, one per clause of the contract"
    commands = {
        f"cd {folder}": "",
        "uv run pytest": tests,
        f"uv run {names.command}": names.purpose,
    }
    _print_made(folder, "your code goes into", module, commands)


def _print_made(folder: Path, told: str, file: Path, commands: Mapping[str, str]) -> None:
    """Print what was made, where to look, and commands with what they are for."""
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    console = plain_console(soft_wrap=True)
    console.print(Text.assemble("made ", (str(folder), "bold"), f"; {told} ", (str(file), "bold")))
    for command, purpose in commands.items():
        note = f"    # {purpose}" if purpose else ""
        console.print(Text.assemble("  ", (command, "cyan"), (note, "dim")))
