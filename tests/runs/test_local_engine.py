"""Runs side by side on this machine: at once, in their order, through deaths, and stopped."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch

import genlab
from genlab import Job, Outcome, RequestError
from genlab.components.tracker import HOOKS, Hooks, forwarding
from genlab.engines import Local
from genlab.testing import Fade
from genlab.testing.tiny import Perceptron
from genlab.training import read_checkpoint

HERE = sys.modules[__name__]


@pytest.fixture(autouse=True)
def sent_by_value() -> Iterator[None]:
    """Let other processes have the functions of this file, which they cannot import."""
    cloudpickle.register_pickle_by_value(HERE)
    yield
    cloudpickle.unregister_pickle_by_value(HERE)


def wait_for(file: Path) -> None:
    until = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < until, f"{file.name} never came"
        time.sleep(0.02)


def work(job: Job, trackers: Any) -> Outcome:
    """Do what the request says, and leave a mark."""
    folder, (act, value) = job.path.parent, job.tables["do"]
    begun = folder / f"{job.path.name}.begun"
    again = begun.exists()
    begun.write_text(os.environ["OMP_NUM_THREADS"])
    if act == "meet":
        wait_for(folder / f"{value}.begun")
    if act == "die" and not again:
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "raise":
        raise KeyError(value)
    if act == "after":
        assert (folder / f"{value}.ended").exists()
    if act == "sleep":
        time.sleep(60)
    print("this is no answer")
    for tracker in trackers:
        tracker.warned(path=job.path, message=f"hello from {job.path.name}")
    (folder / f"{job.path.name}.ended").touch()
    return Outcome(
        job, "failed" if act == "fail" else "done", "as it was told" if act == "fail" else ""
    )


def jobs_in(folder: Path, **acts: tuple[str, str]) -> list[Job]:
    return [
        Job(folder / name, {"do": act}, after=folder / act[1] if act[0] == "after" else None)
        for name, act in acts.items()
    ]


def test_runs_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are at work at once with half of the cores each, and every job ends as its work did."""
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    told: list[tuple[str, str]] = []

    class Listener(genlab.Tracker):
        def warned(self, path: Path, message: str) -> None:
            told.append((path.name, message))

    jobs = jobs_in(
        tmp_path, a=("meet", "b"), later=("after", "b"), b=("meet", "a"), dies=("die", ""),
        raises=("raise", "this"), fails=("fail", ""),
    )  # fmt: skip
    engine = Local(jobs=2, retries=1)
    outcomes = list(engine.carry_out(jobs, work, trackers=lambda job: [Listener()]))
    assert len(outcomes) == len(jobs)
    ends = {outcome.job.path.name: (outcome.status, outcome.message) for outcome in outcomes}
    done = ("done", "")
    assert ends == {
        "a": done, "b": done, "later": done, "dies": done, "fails": ("failed", "as it was told"),
        "raises": ("failed", "KeyError: 'this'"),
    }  # fmt: skip
    assert sorted(told) == sorted(
        (n, f"hello from {n}") for n in ("a", "b", "later", "dies", "fails")
    )
    assert (tmp_path / "a.begun").read_text() == "3"


def test_a_death_is_told_and_who_stops_early_stops_the_processes(tmp_path: Path) -> None:
    carried = Local(jobs=2, retries=0).carry_out(
        jobs_in(tmp_path, dies=("die", ""), slow=("sleep", "")), work, trackers=lambda job: [],
    )  # fmt: skip
    told = next(carried)
    assert (told.job.path.name, told.status) == ("dies", "failed")
    assert told.message == "its process ended by SIGKILL"
    wait_for(tmp_path / "slow.begun")
    begun = time.monotonic()
    carried.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 20, "the processes were waited for"
    assert not (tmp_path / "slow.ended").exists()


def test_where_processes_cannot_be_forked_each_begins_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.engines.local.CAN_FORK", False)
    jobs = jobs_in(tmp_path, dies=("die", ""))
    (outcome,) = Local(jobs=2).carry_out(jobs, work, trackers=lambda job: [])
    assert outcome.status == "done", outcome.message


def test_what_cannot_be_sent_is_refused_before_any_work(tmp_path: Path) -> None:
    jobs = [*jobs_in(tmp_path, fine=("go", "")), Job(tmp_path / "odd", {"do": (i for i in ())})]
    with pytest.raises(
        RequestError, match=r"odd holds what cannot be sent .*jobs=1 carries it out here"
    ):
        list(Local(jobs=2).carry_out(jobs, work, trackers=lambda job: []))
    assert not list(tmp_path.iterdir())


def test_every_hook_is_forwarded() -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    hooks = Hooks([forwarding(lambda name, arguments: sent.append((name, arguments)))])
    told = {"path": Path("run"), "message": "hello", "step": 3, "progress": 0.5, "record": {"loss": 1.0},
            "config": {}, "total": 10, "unit": "steps", "file": Path("file"), "stage": "sampling", "done": 1,
            "x": torch.zeros(2), "y": None, "metrics": {}, "name": "loss", "status": "done"}  # fmt: skip
    for name in HOOKS:
        hooks.tell(name, **told)
    assert [name for name, _ in sent] == list(HOOKS)
    by_name = dict(sent)
    assert by_name["warned"] == {"path": Path("run"), "message": "hello"}
    assert by_name["step_done"] == {
        "path": Path("run"),
        "step": 3,
        "progress": 0.5,
        "record": {"loss": 1.0},
    }


def test_a_sweep_is_the_same_side_by_side(tmp_path: Path) -> None:
    """Objects of one's own travel; weights and samples are the same."""

    class Own(Fade):
        """A degradation that only this test knows."""

    shared: dict[str, Any] = {
        "dataset": torch.rand(60, 1, 4, 4), "metrics": [], "figures": [], "steps": 3,
        "backbone": Perceptron,
        "set": {"training.batch": 8, "sampling": {"count": 8, "steps": 2}},
    }  # fmt: skip
    study = {"degradation": [Own], "seed": [0, 1]}
    for jobs in (1, 2):
        outcomes = genlab.sweep(study, engine=Local(jobs=jobs), out=tmp_path / str(jobs), **shared)
        assert {outcome.status for outcome in outcomes} == {"done"}, outcomes
    weights = sorted(
        file.relative_to(tmp_path / "1") for file in (tmp_path / "1").rglob("*.safetensors")
    )
    assert len(weights) >= 2
    for file in weights:
        one, two = (read_checkpoint(tmp_path / jobs / file).tensors for jobs in ("1", "2"))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)
