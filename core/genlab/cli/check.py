"""``genlab check``: the contract of a component, clause by clause."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.completion import names_of
from genlab.cli.components import Name, Role, Settings, build_parameters
from genlab.cli.options import Data, Json

if TYPE_CHECKING:
    from genlab.components.registry import Entry
    from genlab.testing import Check

__all__ = ["check"]

PASSED, FAILED, EXPECTED = "passed", "failed", "expected failure"

_BUILT_FOR = ("backbone", "density", "objective")  # roles that are built for data, or for a model


def check(
    role: Role,
    name: Name,
    settings: Settings = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What a metric is checked on; small images and points if left out.",
            autocompletion=names_of("dataset"),
        ),
    ] = None,
    data: Data = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK=REASON", help="A check that is known to fail, and why."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check whether a component keeps the contract of its role.

    The exit code is 0 where it does, and 1 where it does not.
    """
    from genlab.components.registry import registry

    entry = registry(role).entry(name)
    checks = _checks(entry, settings, dataset, data)
    outcomes = list(_outcomes(checks, _reasons(expect, checks), quiet=as_json))
    kept = all(outcome["outcome"] != FAILED for outcome in outcomes)
    if as_json:
        about = {"role": entry.role, "name": name, "package": f"{entry.package} {entry.version}"}
        typer.echo(json.dumps({**about, "passed": kept, "checks": outcomes}, indent=2))
    else:
        _print(entry, outcomes)
    if not kept:
        raise typer.Exit(1)


def _checks(
    entry: Entry, settings: list[str] | None, dataset: str | None, data: Path | None
) -> list[Check]:
    """Return the checks of a component; a data set whose files are missing raises here."""
    from functools import partial

    from genlab.components.parameters import parameters
    from genlab.components.registry import build
    from genlab.errors import RequestError
    from genlab.testing import checks_of, dataset_checks, metric_checks

    if dataset is not None and entry.role != "metric":
        raise RequestError(f"--dataset is for metrics: leave it away for the role {entry.role}")
    component: Any = entry.load()
    given = list(settings or ())
    if data is not None and any(p.name == "path" for p in parameters(component)):
        given.append(f"path={data}")
    params = build_parameters(entry.role, component, given)
    if entry.role in _BUILT_FOR:
        return list(checks_of(partial(component, **params)))
    instance = component(**params)
    if dataset is not None:
        return list(metric_checks(instance, build("dataset", dataset)))
    if entry.role == "dataset":
        instance.load("train", data)
        return list(dataset_checks(instance, data))
    return list(checks_of(instance))


def _reasons(expect: list[str] | None, checks: list[Check]) -> dict[str, str]:
    """Return the reasons of expected failures by check."""
    from genlab.errors import RequestError, unknown

    reasons = {}
    for item in expect or ():
        check, equals, reason = item.partition("=")
        if not equals or not reason.strip():
            raise RequestError(f"--expect {item!r} gives no reason: write --expect {check}=REASON")
        if check not in {each.name for each in checks}:
            raise unknown("check", check, {each.name for each in checks})
        reasons[check] = reason.strip()
    return reasons


def _outcomes(
    checks: list[Check], reasons: Mapping[str, str], *, quiet: bool
) -> Iterator[dict[str, Any]]:
    """Run every check, with a bar that names the one at work."""
    from rich.progress import Progress

    from genlab.cli.terminal import plain_console

    with Progress(console=plain_console(stderr=True), transient=True, disable=quiet) as progress:
        bar = progress.add_task("", total=len(checks))
        for each in checks:
            progress.update(bar, description=each.name)
            yield _outcome(each, reasons.get(each.name))
            progress.advance(bar)


def _outcome(check: Check, reason: str | None) -> dict[str, Any]:
    from genlab.testing.check import failures

    start = time.perf_counter()
    failure = next(failures([check]), None)
    seconds = round(time.perf_counter() - start, 3)
    outcome, example = (FAILED, failure.example) if failure else (PASSED, None)
    if reason and failure:
        outcome = EXPECTED
    elif reason:
        outcome, example = FAILED, f"it passes, but was expected to fail: {reason}"
    return {"check": check.name, "meaning": check.meaning, "outcome": outcome,
            "example": example, "reason": reason, "seconds": seconds}  # fmt: skip


def _print(entry: Entry, outcomes: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    styles = {PASSED: "green", FAILED: "bold red", EXPECTED: "yellow"}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("what it asks for")
    for row in outcomes:
        text = Text(row["meaning"])
        for note in (row["example"], row["reason"] and f"expected: {row['reason']}"):
            if note:
                text.append(f"\n{note}", style=styles[row["outcome"]])
        table.add_row(Text(row["outcome"], style=styles[row["outcome"]]), row["check"], text)
    console = plain_console()
    console.print(table)
    counts = {kind: sum(row["outcome"] == kind for row in outcomes) for kind in styles}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    seconds = sum(row["seconds"] for row in outcomes)
    console.print(Text(f"{entry.role} {entry.name}: {said}, in {seconds:.1f} s"))
