"""The application: its commands, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from genlab.cli import (
    check,
    classify,
    compare,
    doctor,
    evaluate,
    figures,
    interpolate,
    judge,
    listing,
    new,
    reproduce,
    restore,
    resume,
    run,
    sample,
    show,
    sweep,
)
from genlab.errors import GenlabError, RequestError

__all__ = ["app", "main"]

# On few cores that something else uses too, threads that spin while they wait make small networks twenty
# times slower. This lets them sleep soon; it must be set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Every error that the parser raises: the base class of those that typer names.
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="genlab",
    help="Turn any way of degrading data into a generative model.",
    no_args_is_help=True,
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
app.command("judge")(judge.judge)
app.command("compare")(compare.compare)
app.command("figures")(figures.figures)
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
    """Run the command line and exit: 0 done, 1 the run failed, 2 the request was wrong."""
    sys.exit(_status(None if arguments is None else list(arguments)))


def _status(arguments: list[str] | None) -> int:
    try:
        status = app(arguments, prog_name="genlab", standalone_mode=False)
    except _ClickException as error:
        return _say(error.format_message(), 2)  # type: ignore[attr-defined]
    except RequestError as error:
        return _say(str(error), 2)
    except GenlabError as error:
        return _say(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0


def _say(message: str, status: int) -> int:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return status
