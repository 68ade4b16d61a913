"""``genlab new``: a package of one's own, with one working component or command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from genlab.kit.names import Names

__all__ = ["new"]


def _groups(incomplete: str) -> list[str]:
    from genlab.kit.names import GROUPS

    return [role for role in GROUPS if role.startswith(incomplete)]


def new(
    context: typer.Context,
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE",
            help="A role of components, such as degradation, objective or figure; or command.",
            autocompletion=_groups,
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name: lower case, with hyphens.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to make genlab-NAME in.")] = Path(),
) -> None:
    """Start a package with a component or command of your own.

    It works at once, and is yours to change.
    """
    from genlab.kit import create_package
    from genlab.kit.names import Names, made_role

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


def _print(folder: Path, names: Names) -> None:
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    module = folder / "src" / names.package / f"{names.role}.py"
    tests = "its tests" if names.is_command else "its tests, one per clause of the contract"
    console = plain_console(soft_wrap=True)
    console.print(
        Text.assemble(
            "made ", (str(folder), "bold"), "; your code goes into ", (str(module), "bold")
        )
    )
    for command, purpose in (
        (f"cd {folder}", ""),
        ("uv run pytest", tests),
        (f"uv run {names.command}", names.purpose),
    ):
        note = f"    # {purpose}" if purpose else ""
        console.print(Text.assemble("  ", (command, "cyan"), (note, "dim")))
