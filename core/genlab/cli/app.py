"""The application: its commands, those of other packages, and how it ends."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import sys
from collections.abc import Callable, Mapping, Sequence

import click
import typer
from typer.core import TyperGroup

from genlab.cli import (
    check,
    classify,
    compare,
    doctor,
    evaluate,
    export,
    figures,
    interpolate,
    listing,
    new,
    notebook,
    report,
    reproduce,
    restore,
    resume,
    run,
    runs,
    sample,
    show,
    sweep,
)
from genlab.cli.failure import TRACEBACK, print_traceback, told
from genlab.cli.help import GroupedCommand, write_commands, write_options
from genlab.cli.terminal import show_what_can_be_shown
from genlab.components.registry import Entry
from genlab.errors import (
    GenlabError,
    Interrupted,
    RequestError,
    cut,
    is_out_of_memory,
    raised,
    unknown,
    worded_os_error,
)
from genlab.place import is_first

__all__ = ["app", "main"]

# On few cores that something else uses too, threads that spin while they wait make small networks twenty
# times slower. This lets them sleep soon; it must be set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_ENTRY_POINTS = "genlab.commands"
_INTERRUPTED = 130  # what typer makes of a keyboard interrupt

_COMMANDS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "Make runs": {
        "run": run.run,
        "resume": resume.resume,
        "sweep": sweep.sweep,
        "reproduce": reproduce.reproduce,
    },
    "Use a run": {
        "sample": sample.sample,
        "restore": restore.restore,
        "interpolate": interpolate.interpolate,
        "classify": classify.classify,
        "export": export.export,
    },
    "Look at runs": {
        "runs": runs.runs,
        "evaluate": evaluate.evaluate,
        "figures": figures.figures,
        "compare": compare.compare,
        "report": report.report,
        "notebook": notebook.notebook,
    },
    "Components": {
        "list": listing.listing,
        "show": show.show,
        "check": check.check,
        "new": new.new,
    },
    "Installation": {"doctor": doctor.doctor},
}
"""The commands by group, in the order of the help."""


class _Group(TyperGroup):
    """The commands of genlab, and those that entry points name: a function, or a typer application."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; none of another package is imported for it."""
        own = super().list_commands(ctx)
        return [*own, *(point.name for point in _points() if point.name not in own)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; one of another package only by its name and summary, for the help."""
        own = super().get_command(ctx, cmd_name)
        point = next((point for point in _points() if point.name == cmd_name), None)
        return own if own or not point else click.Command(point.name, help=_summary(point))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is to be carried out; one of another package is imported now.

        Raises:
            RequestError: There is no such command.
        """
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise unknown("command", args[0], self.list_commands(ctx))
        name, command, rest = super().resolve_command(ctx, args)
        if super().get_command(ctx, name or "") is None:
            command = next((_loaded(point) for point in _points() if point.name == name), command)
        return name, command, rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups, and the few options after them."""
        write_commands(self, ctx, formatter, _COMMANDS)
        write_options(self, ctx, formatter)

    def invoke(self, ctx: click.Context) -> object:
        """Carry a command out; typer would forget what an interrupted run says."""
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            raise _StoppedError(str(error)) from error


class _StoppedError(GenlabError):
    """A run was interrupted; the message says how it goes on."""


def _points() -> list[importlib.metadata.EntryPoint]:
    return sorted(
        importlib.metadata.entry_points(group=_ENTRY_POINTS), key=lambda point: point.name
    )


def _summary(point: importlib.metadata.EntryPoint) -> str:
    """Return the first line of a function's docstring, read from its source without importing it."""
    package, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "")
    entry = Entry("command", point.name, point.value, package, version)
    try:
        tree = ast.parse(entry.source.read_text("utf-8")) if entry.source else ast.Module([], [])
    except (OSError, ValueError, SyntaxError):
        tree = ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == point.attr:
            return ast.get_docstring(node) or ""
    return f"A command of the package {package}."


def _loaded(point: importlib.metadata.EntryPoint) -> click.Command:
    package = point.dist.name if point.dist else "unknown"
    try:
        found = point.load()
    except Exception as error:
        raise RequestError(
            f"the command {point.name!r} of the package {package} cannot be imported: "
            f"{raised(error)}"
        ) from error
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(point.name)(found)
    return typer.main.get_command(single)


app = typer.Typer(
    name="genlab",
    cls=_Group,
    help="Turn any way of degrading data into a generative model.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
for _title, _group in _COMMANDS.items():
    for _name, _function in _group.items():
        app.command(_name, cls=GroupedCommand, rich_help_panel=_title)(_function)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    traceback: bool = typer.Option(
        False, TRACEBACK, help="Show where an error comes from; after any command, too."
    ),
) -> None:
    """Turn any way of degrading data into a generative model."""
    if version:
        from genlab import __version__

        typer.echo(f"genlab {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its :func:`exit_status`."""
    sys.exit(exit_status(None if arguments is None else list(arguments)))


def exit_status(arguments: list[str] | None) -> int:
    """Run the command line, and return 0 for done, 1 for failed, 2 for a wrong request, 3 for interrupted.

    Args:
        arguments: What stands after ``genlab``; None: those of this process. ``--traceback`` may
            stand anywhere.
    """
    show_what_can_be_shown()
    given = sys.argv[1:] if arguments is None else arguments
    whole = TRACEBACK in given
    try:
        return _status([each for each in given if each != TRACEBACK])
    except click.ClickException as error:
        return _say(" ".join(map(cut, error.format_message().split())), 2)
    except RequestError as error:
        return _say(str(error), 2, error if whole else None)
    except _StoppedError as error:
        return _say(str(error), 3)
    except GenlabError as error:
        return _say(str(error), 1, error if whole else None)
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", 3)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (
        Exception
    ) as error:  # of the system, of somebody else's component, or a mistake of genlab's
        return _say(_unworded(error), 1, error if whole else None)


def _unworded(error: Exception) -> str:
    """Word an error that genlab did not raise."""
    if isinstance(error, OSError) and error.errno is not None:
        return worded_os_error(error)
    if is_out_of_memory(error):
        return "memory ran out: ask for fewer samples at once, such as -n 16"
    return told(error)


def _status(arguments: list[str]) -> int:
    """Run the command line, whose errors are raised."""
    status = app(arguments, prog_name="genlab", standalone_mode=False, obj=arguments)
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    return status if isinstance(status, int) else 0


def _say(message: str, status: int, traceback_of: BaseException | None = None) -> int:
    if not is_first():
        return status
    if traceback_of is not None:
        print_traceback(traceback_of)
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return status
