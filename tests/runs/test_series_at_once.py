"""Series that several processes are at: every run is carried out once, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab import Job, Outcome
from genlab.engines import Local
from genlab.errors import TakenError
from genlab.runs import series
from genlab.runs.lock import locked
from genlab.runs.status import Status
from genlab.testing.tiny import Perceptron

SHARED: dict[str, Any] = {
    "dataset": torch.rand(40, 1, 4, 4), "metrics": [], "figures": [], "steps": 3, "backbone": Perceptron,
    "set": {"training.batch": 8, "sampling": {"count": 8, "steps": 2}},
}  # fmt: skip


class Watched(Local):
    """Says which jobs it is given, one round after the other, and does something between two rounds."""

    def __init__(self, *, between: Callable[[], None]) -> None:
        super().__init__()
        self.between, self.rounds = between, list[list[str]]()

    def carry_out(self, jobs: Sequence[Job], work: Any, *, trackers: Any) -> Iterator[Outcome]:
        if self.rounds:
            self.between()
        self.rounds.append([job.path.name for job in jobs])
        yield from super().carry_out(jobs, work, trackers=trackers)


def test_what_another_process_is_at_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone until it is done or given up, with what waits for its weights."""
    monkeypatch.setattr(series, "_PATIENCE", 0.0)
    taken, free = threading.Event(), threading.Event()

    def hold() -> None:
        (tmp_path / "0-ddim").mkdir()
        with locked(tmp_path / "0-ddim", "the same sweep elsewhere"):
            taken.set()
            free.wait(60)
        gone.set()

    gone = threading.Event()
    threading.Thread(target=hold, daemon=True).start()
    assert taken.wait(60)

    def between() -> None:
        free.set()
        assert gone.wait(60)

    engine = Watched(between=between)
    study: dict[str, list[Any]] = {"seed": [0, 1], "sampler": ["ddim", "ddpm"]}
    outcomes = genlab.sweep(study, engine=engine, out=tmp_path, **SHARED)
    assert engine.rounds == [["0-ddim", "0-ddpm", "1-ddim", "1-ddpm"], ["0-ddim", "0-ddpm"]]
    assert [outcome.job.path.name for outcome in outcomes] == [
        "1-ddim",
        "1-ddpm",
        "0-ddim",
        "0-ddpm",
    ]
    assert {outcome.status for outcome in outcomes} == {"done"}


def test_two_sweeps_at_once_carry_every_run_out_once(tmp_path: Path) -> None:
    """Two threads stand for two processes: a lock of the operating system tells them apart, too."""
    found: list[list[Outcome]] = []

    def sweep() -> None:
        found.append(genlab.sweep({"seed": [0, 1, 2]}, out=tmp_path, **SHARED))

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 2
    ends = sorted(outcome.status for outcomes in found for outcome in outcomes)
    assert ends == ["done"] * 3 + ["was done"] * 3, found


def test_a_folder_of_something_else_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "letter.txt").write_text("dear reader")
    (outcome,) = genlab.sweep({"seed": [0]}, out=tmp_path, **SHARED)
    assert outcome.status == "failed"
    assert "taken by something else" in outcome.message


def test_a_run_that_is_finished_elsewhere_in_between_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at its status and the lock, another process has ended it."""
    genlab.sweep({"seed": [0]}, out=tmp_path, **SHARED)
    looks = iter([Status()])
    right = series.read_status
    monkeypatch.setattr(series, "read_status", lambda file: next(looks, None) or right(file))
    (outcome,) = genlab.sweep({"seed": [0]}, out=tmp_path, **SHARED)
    assert (outcome.status, outcome.message) == ("was done", "")
    assert next(looks, None) is None, "the first look was asked for"


def test_a_folder_that_is_given_up_or_begun_in_between_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(tmp_path / "0", {})

    def taken(*arguments: Any, **options: Any) -> None:
        raise TakenError("it was taken a moment ago")

    monkeypatch.setattr(series, "start_run", taken)
    assert series.carry_out(job, []).status == "elsewhere", "nothing is there any more"
    job.path.mkdir()
    assert series.carry_out(job, []).status == "elsewhere", "it is empty"
    (job.path / "letter.txt").touch()
    assert series.carry_out(job, []).status == "failed"
