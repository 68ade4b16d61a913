"""``genlab new``: a package of one's own, with one working component."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.components import Role

__all__ = ["new"]


def new(
    role: Role,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name: lower case, with hyphens.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to make genlab-NAME in.")] = Path(),
) -> None:
    """Start a package with a component of your own: it works at once, and is yours to change."""
    from genlab.kit import create_package

    _print(create_package(role, name, out), role, name)


def _print(folder: Path, role: str, name: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from genlab.components.registry import registry
    from genlab.kit.names import Names

    names = Names(registry(role).role, name)
    module = folder / "src" / names.package / f"{names.role}.py"
    console = Console(soft_wrap=True)
    console.print(
        Text.assemble(
            "made ", (str(folder), "bold"), "; your code goes into ", (str(module), "bold")
        )
    )
    for command, purpose in (
        (f"cd {folder}", ""),
        ("uv run pytest", "its tests, one per clause of the contract"),
        (f"uv run {names.command}", "train, sample, measure, plot"),
    ):
        note = f"    # {purpose}" if purpose else ""
        console.print(Text.assemble("  ", (command, "cyan"), (note, "dim")))
