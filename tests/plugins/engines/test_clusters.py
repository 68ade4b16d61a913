"""Ray and submitit carry runs out: the contract, and processes that are killed or put back into the queue.

Every process imports PyTorch, so that these take minutes; `nox -s engines` runs them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch
from torch import Tensor

import genlab
from genlab import Job, Outcome, RequestError
from genlab.testing import check_engine
from genlab.testing.tiny import Perceptron

ENGINES = {
    "ray": ("ray", {"jobs": 2}),
    "slurm": ("submitit", {"jobs": 2, "cluster": "local"}),
}


@pytest.fixture(autouse=True)
def sent_by_value() -> Iterator[None]:
    """Let other processes have the classes of this file, which they cannot import."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(params=sorted(ENGINES), scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    package, params = ENGINES[request.param]
    module = pytest.importorskip(package, reason="nox -s engines has it")
    if request.param == "ray":  # it is started once for all tests
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        module.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield genlab.build("engine", request.param, **params)
    if request.param == "ray":
        module.shutdown()


class Deadly(genlab.Metric):
    """Notes who is measured, and once does something to its own process."""

    def __init__(self, *, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number

    def fit(self, train: genlab.Examples, spec: genlab.DataSpec, *, seed: int) -> None:
        """Return None: nothing needs to be prepared."""

    def score(self, fitted: None, x: Tensor, real: Tensor) -> dict[str, float]:
        try:
            (self.folder / "mark").mkdir()
        except FileExistsError:
            return {"deadly": float(x.mean())}
        os.kill(os.getpid(), self.number)
        return {"deadly": float(x.mean())}


class Heard(genlab.Tracker):
    """Counts trainings and ends."""

    def __init__(self) -> None:
        self.trained: list[str] = []
        self.ended: list[str] = []

    def training_started(self, path: Path) -> None:
        self.trained.append(path.name)

    def run_ended(self, path: Path, status: str) -> None:
        self.ended.append(status)


def shared(folder: Path, number: int) -> dict[str, Any]:
    return {
        "dataset": torch.rand(40, 1, 4, 4), "metrics": [Deadly(folder=folder, number=number)], "figures": [],
        "steps": 3, "backbone": Perceptron,
        "set": {"training.batch": 8, "sampling": {"count": 8, "steps": 2}},
    }  # fmt: skip


def test_the_contract_holds(engine: Any) -> None:
    check_engine(engine)


def test_eight_trials_one_of_which_is_killed(engine: Any, tmp_path: Path) -> None:
    """All are done, one is begun again and goes on, and none is trained twice."""
    heard = Heard()
    outcomes = genlab.sweep(
        {"seed": list(range(8))}, engine=engine, out=tmp_path / "series", trackers=[heard],
        **shared(tmp_path, signal.SIGKILL),
    )  # fmt: skip
    assert [outcome.status for outcome in outcomes] == ["done"] * 8, outcomes
    assert (tmp_path / "mark").is_dir()
    assert sorted(heard.trained) == [str(i) for i in range(8)]
    assert heard.ended == ["done"] * 8
    again = genlab.sweep(
        {"seed": [0]}, engine=engine, out=tmp_path / "series", **shared(tmp_path, signal.SIGKILL)
    )
    assert [outcome.status for outcome in again] == ["was done"]


def test_what_slurm_stops_is_put_back_into_the_queue(tmp_path: Path) -> None:
    """The signal of submitit stops the run between two pieces of its work, and the same task goes on."""
    pytest.importorskip("submitit", reason="nox -s engines has it")
    heard = Heard()
    (outcome,) = genlab.sweep(
        {"seed": [0]}, engine=genlab.build("engine", "slurm", cluster="local", retries=0),
        out=tmp_path / "series", trackers=[heard], **shared(tmp_path, signal.SIGUSR2),
    )  # fmt: skip
    assert outcome.status == "done", outcome.message
    assert heard.trained == ["0"]
    assert heard.ended == ["interrupted", "done"]
    (log,) = (tmp_path / "series" / ".slurm").glob("*.out")
    assert "Requeued" in log.read_text()


SBATCH = """#!/bin/bash
cp "$1" "$LOGS/batch.sh"
export SLURM_JOB_ID=42 SLURM_ARRAY_JOB_ID=42 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0
export SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_JOB_NODELIST=here
for i in 0 1; do SLURM_ARRAY_TASK_ID=$i bash "$LOGS/batch.sh" >>"$LOGS/$i.log" 2>&1 & done
echo Submitted batch job 42
"""
SRUN = """#!/bin/bash
exec "${@:4}"
"""
STATES = """#!/bin/bash
echo 'JobID|State|NodeList'
"""


def note(job: Job, trackers: Any) -> Outcome:
    """Say which task of SLURM carries a job out."""
    return Outcome(job, "done", f"{os.environ['SLURM_ARRAY_TASK_ID']} {job.tables['word']}")


def test_slurm_is_given_an_array_with_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts stand for SLURM's programs: they keep the batch file, and carry its tasks out here."""
    pytest.importorskip("submitit", reason="nox -s engines has it")
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", STATES), ("scancel", STATES)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("LOGS", str(tmp_path))
    engine = genlab.build(
        "engine", "slurm", jobs=7, partition="a100", minutes=240, gpus=2, memory=1.5,
        setup=("true",), options={"account": "ours"},
    )  # fmt: skip
    jobs = [Job(tmp_path / "series" / word, {"word": word}) for word in ("a", "b")]
    outcomes = list(engine.carry_out(jobs, note, trackers=lambda job: []))
    ends = sorted((o.job.path.name, o.status, o.message) for o in outcomes)
    assert ends == [("a", "done", "0 a"), ("b", "done", "1 b")]
    asked = set((tmp_path / "batch.sh").read_text().splitlines())
    for option in ("array=0-1%2", "partition=a100", "time=240", "gpus-per-node=2", "mem=1536MB",
                   "account=ours", "cpus-per-task=1", "signal=USR2@90"):  # fmt: skip
        assert f"#SBATCH --{option}" in asked, option
    assert "true" in asked


def test_without_slurm_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="nox -s engines has it")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RequestError, match="there is no sbatch here"):
        genlab.sweep({"seed": [0]}, engine="slurm", out=tmp_path, dataset="digits")


def test_more_than_a_ray_cluster_has_is_refused(tmp_path: Path, engine: Any) -> None:
    if not hasattr(engine, "address"):
        pytest.skip("it is about Ray")
    with pytest.raises(RequestError, match=r"a run asks for cpus=64, and the Ray cluster has 2"):
        genlab.sweep(
            {"seed": [0]}, engine=type(engine)(cpus=64), out=tmp_path, dataset="digits", steps=1
        )
