"""How far a run is: the stages that are done, and the process that works on it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from genlab.errors import RequestError
from genlab.runs.reading import read_table, write_table

__all__ = ["STAGES", "Outcome", "Stage", "Status", "read_status", "write_status"]

Stage = Literal["prior", "training", "sampling", "measuring", "drawing", "page"]
"""A part of a run."""

STAGES: tuple[Stage, ...] = ("prior", "training", "sampling", "measuring", "drawing", "page")
"""The stages of a run, in their order."""

Outcome = Literal["running", "done", "interrupted", "failed"]
"""How a run ended, if it has."""


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Args:
        outcome: How it ended, if it has.
        stage: The stage that it is, or was, at work on; empty where all are done.
        done: The stages that are done, each with the seconds that it took.
        skipped: The stages that nobody asked for.
        host: The machine of the process that wrote this.
        process: Its number.
        lines: The lines of each log when the training was done, so that lost ones are noticed.
    """

    outcome: Outcome = "running"
    stage: Stage | Literal[""] = ""
    done: Mapping[Stage, float] = field(default_factory=dict)
    skipped: tuple[Stage, ...] = ()
    host: str = ""
    process: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)

    def finished(self, seconds: Mapping[Stage, float]) -> Status:
        """Return the status after stages, each with the seconds that it took."""
        taken = {stage: round(value, 2) for stage, value in seconds.items()}
        return replace(self, done={**self.done, **taken})

    def without(self, *stages: Stage) -> Status:
        """Return the status in which stages are to be done once more."""
        return replace(self, done={k: v for k, v in self.done.items() if k not in stages})

    @property
    def missing(self) -> tuple[Stage, ...]:
        """The stages that are neither done nor skipped."""
        return tuple(s for s in STAGES if s not in self.done and s not in self.skipped)


def read_status(file: Path) -> Status:
    """Read a status file; a missing or damaged one says that nothing is done."""
    try:
        found = read_table(file, "what it tells is found out anew")
        done, skipped = _stages(found["done"]), _stages(dict.fromkeys(found["skipped"], 0.0))
        if found["outcome"] not in get_args(Outcome) or found["stage"] not in ("", *STAGES):
            return Status()
        where = str(found["host"]), int(found["process"])
        lines = {str(name): int(count) for name, count in found.get("lines", {}).items()}
        return Status(found["outcome"], found["stage"], done, tuple(skipped), *where, lines)
    except (RequestError, KeyError, TypeError, ValueError, AttributeError):
        return Status()


def _stages(given: Any) -> dict[Stage, float]:
    """Return the stages among the keys of a table, each with its seconds."""
    return {stage: float(given[stage]) for stage in STAGES if stage in given}


def write_status(file: Path, status: Status) -> None:
    """Write a status file in the name of this process, whole or not at all."""
    here = replace(status, host=socket.gethostname(), process=os.getpid())
    write_table(file, vars(here))
