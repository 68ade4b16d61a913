"""Help pages: commands and options in groups, and summaries that are whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click
from typer.core import TyperCommand, TyperGroup

__all__ = ["GroupedCommand", "write_commands", "write_options"]

_ARGUMENTS, _REST = "Arguments", "Options"
_WIDEST = 26  # names that are longer stand on lines of their own
_PACKAGES = "Commands of other packages"


class GroupedCommand(TyperCommand):
    """A command whose options are listed in groups: the ``rich_help_panel`` of each names its own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments and the options."""
        write_options(self, ctx, formatter)


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the arguments, then the options group by group; those without a group come last.

    Args:
        command: The command.
        ctx: Its context.
        formatter: What is written to.
    """
    groups: dict[str, list[tuple[str, str]]] = {_ARGUMENTS: []}
    rest: list[tuple[str, str]] = []
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is None:
            continue
        usual = _ARGUMENTS if param.param_type_name == "argument" else _REST
        named = getattr(param, "rich_help_panel", None) or usual
        (rest if named == _REST else groups.setdefault(named, [])).append(record)
    _write(formatter, {**groups, _REST: rest})


def write_commands(
    group: TyperGroup, ctx: click.Context, formatter: click.HelpFormatter, groups: Iterable[str]
) -> None:
    """Write the commands of an application in groups, each with the whole of its summary.

    Args:
        group: The application.
        ctx: Its context.
        formatter: What is written to.
        groups: The groups in their order; commands without one come last.
    """
    listed: dict[str, list[tuple[str, str]]] = {title: [] for title in [*groups, _PACKAGES]}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None and not command.hidden:
            title = getattr(command, "rich_help_panel", None) or _PACKAGES
            listed[title].append((name, _summary(command)))
    _write(formatter, listed)


def _summary(command: click.Command) -> str:
    """Return the first paragraph of a command's help, on one line and without the full stop."""
    paragraph = (command.help or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split()).removesuffix(".")


def _write(formatter: click.HelpFormatter, groups: Mapping[str, list[tuple[str, str]]]) -> None:
    """Write groups of names and what they mean, all meanings in one column."""
    names = [name for rows in groups.values() for name, _ in rows]
    width = max((len(name) for name in names if len(name) <= _WIDEST), default=0)
    for title, rows in groups.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows], _WIDEST)
