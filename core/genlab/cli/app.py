"""The application: its commands, those of other packages, and how it ends."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import sys
from collections.abc import Sequence

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
    report,
    reproduce,
    restore,
    resume,
    run,
    sample,
    show,
    sweep,
)
from genlab.components.registry import Entry
from genlab.errors import (
    GenlabError,
    Interrupted,
    RequestError,
    is_out_of_memory,
    worded_os_error,
)

__all__ = ["app", "main"]

# On few cores that something else uses too, threads that spin while they wait make small networks twenty
# times slower. This lets them sleep soon; it must be set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_COMMANDS = "genlab.commands"
_INTERRUPTED = 130  # what typer makes of a keyboard interrupt


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
        """Return the command that is to be carried out; one of another package is imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        if super().get_command(ctx, name or "") is None:
            command = next((_loaded(point) for point in _points() if point.name == name), command)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> object:
        """Carry a command out; typer would forget what an interrupted run says."""
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            raise _StoppedError(str(error)) from error


class _StoppedError(GenlabError):
    """A run was interrupted; the message says how it goes on."""


def _points() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.entry_points(group=_COMMANDS), key=lambda point: point.name)


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
            f"{type(error).__name__}: {error}"
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
app.command("run")(run.run)
app.command("resume")(resume.resume)
app.command("sample")(sample.sample)
app.command("restore")(restore.restore)
app.command("interpolate")(interpolate.interpolate)
app.command("classify")(classify.classify)
app.command("evaluate")(evaluate.evaluate)
app.command("sweep")(sweep.sweep)
app.command("reproduce")(reproduce.reproduce)
app.command("compare")(compare.compare)
app.command("figures")(figures.figures)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("list")(listing.listing)
app.command("show")(show.show)
app.command("check")(check.check)
app.command("new")(new.new)
app.command("doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
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
    """Run the command line, and return 0 for done, 1 for failed, 2 for a wrong request, 3 for interrupted."""
    try:
        status = app(arguments, prog_name="genlab", standalone_mode=False)
    except click.ClickException as error:
        return _say(error.format_message(), 2)
    except RequestError as error:
        return _say(str(error), 2)
    except _StoppedError as error:
        return _say(str(error), 3)
    except GenlabError as error:
        return _say(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", 3)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(worded_os_error(error), 1)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _say(
            "memory ran out: ask for fewer samples at once, such as -n 16",
            1,
        )
    if status == _INTERRUPTED:
        return _say("stopped", 3)
    return status if isinstance(status, int) else 0


def _say(message: str, status: int) -> int:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return status
