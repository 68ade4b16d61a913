"""Runs that were stopped or killed, and go on: they end as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch

import genlab
from genlab.runs.start import start_run
from genlab.testing.tiny import TwoNormals
from genlab.training import read_checkpoint

TIMES = ("seconds", "created", "elapsed_s", "examples_per_s")

REQUESTS: dict[str, dict[str, Any]] = {
    "diffusion": {
        "dataset": {"name": "8-gaussians", "train": 2000, "test": 200}, "optimiser": "muon",
        "backbone": {"name": "mlp", "width": 32, "depth": 1}, "metrics": ["modes"],
        "evaluation": {"times": 3, "count": 200, "best": "modes/high-quality"},
        "training": {"steps": 60, "batch": 64, "conditional": True, "shift": 0},
        "sampling": {"count": 100, "steps": 3},
    },
    "trained prior": {
        "degradation": "blur", "backbone": {"name": "unet", "channels": [8]},
        "prior": {"name": "realnvp", "couplings": 2, "width": 8, "depth": 1},
        "prior_training": {"steps": 30, "batch": 64}, "metrics": ["sliced-wasserstein"],
        "training": {"steps": 60, "batch": 16, "shift": 1, "flip": True},
        "sampling": {"count": 40, "steps": 2},
    },
    "flow": {
        "density": {"name": "realnvp", "couplings": 2, "width": 16, "depth": 1},
        "dataset": TwoNormals(), "objective": {"cross_entropy": 1.0}, "metrics": ["sliced-wasserstein"],
        "evaluation": {"times": 3, "count": 200, "best": "sliced-wasserstein"},
        "training": {"steps": 60, "batch": 64, "conditional": True}, "sampling": {"count": 100},
    },
}  # fmt: skip
"""Runs of 60 steps, with all that has a state of its own."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], genlab.Run]:
    """Return the run of a request that nobody stopped."""
    runs: dict[str, genlab.Run] = {}

    def of(name: str) -> genlab.Run:
        if name not in runs:
            runs[name] = carried_out(name, tmp_path_factory.mktemp("whole") / "run")
        return runs[name]

    return of


def carried_out(name: str, out: Path, *trackers: object) -> genlab.Run:
    request = {**REQUESTS[name], "figures": [], "seed": 1}
    request["training"] = {**request["training"], "log_every": 10}
    return start_run(request, out=out, trackers=trackers, skip=["drawing", "page"])


def without_times(value: Any) -> Any:
    """Return what is written down without what a clock has said."""
    if isinstance(value, Mapping):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def require_same(a: genlab.Run, b: genlab.Run) -> None:
    """Weights, samples, numbers, log and evaluations are the same, bit by bit."""
    files = [a.folder.checkpoints.last, a.folder.checkpoints.prior, a.folder.checkpoints.best]
    for file in (file for file in files if file.is_file()):
        one, two = (read_checkpoint(run.path / file.relative_to(a.path)) for run in (a, b))
        assert one.tensors.keys() == two.tensors.keys()
        for key, value in one.tensors.items():
            assert torch.equal(value, two.tensors[key]), f"{file.name}: {key}"
        numbers = [dict(each.numbers, elapsed=0) for each in (one, two)]
        assert numbers[0] == numbers[1]
    assert a.folder.samples_file.read_bytes() == b.folder.samples_file.read_bytes()
    for written in ("metrics", "history", "evaluations"):
        assert without_times(getattr(a, written)) == without_times(getattr(b, written)), written
    assert a.status.outcome == b.status.outcome == "done"


@pytest.mark.parametrize("step", [20, 30])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_stopped_run_ends_as_if_nothing_had_happened(
    name: str,
    step: int,
    whole: Callable[[str], genlab.Run],
    tmp_path: Path,
    ending: Callable[..., Any],
) -> None:
    """Stopped between two evaluations, and in the step after which one is due."""
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        carried_out(name, out, ending(step=step))
    status = genlab.open_run(out).status
    assert (status.outcome, status.stage, set(status.done)) == (
        "interrupted", "training", {"prior"}
    )  # fmt: skip
    assert read_checkpoint(out / "checkpoints/last.safetensors").numbers["step"] == step
    require_same(whole(name), genlab.resume(out))


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("diffusion", {"step": 50}),  # steps after the last checkpoint are lost, and done again
        ("diffusion", {"step": 10}),  # before the first checkpoint
        ("diffusion", {"stage": "evaluating at 67%"}),
        ("diffusion", {"stage": "evaluating at 100%"}),
        ("trained prior", {"stage": "fitting the prior"}),
        ("flow", {"stage": "sampling"}),
        ("flow", {"stage": "measuring"}),
    ],
)
def test_a_killed_run_ends_as_if_nothing_had_happened(
    name: str, end: dict[str, Any], whole: Callable[[str], genlab.Run], tmp_path: Path,
    ending: Callable[..., Any], killed: type[BaseException],
) -> None:  # fmt: skip
    out = tmp_path / "run"
    with pytest.raises(killed):
        carried_out(name, out, ending(**end, kill=True))
    with (out / "metrics.jsonl").open("a") as lines:
        lines.write('{"step": 60, "loss": 0.')  # a line that was cut off
    require_same(whole(name), genlab.resume(out))


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    import genlab, torch

    class Death(genlab.Tracker):
        def step_done(self, step):
            if step == 50:
                os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    genlab.run(sys.argv[1], out=sys.argv[2], trackers=[Death()])
"""


def test_a_process_that_died_has_left_a_run_that_goes_on(
    tmp_path: Path, small: dict[str, Any], command: Callable[..., Any]
) -> None:
    request = tmp_path / "small.toml"
    request.write_text(
        tomli_w.dumps({**small, "evaluation": {"times": 3, "count": 100}, "seed": 4})
    )
    dead = tmp_path / "dead"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(request), str(dead)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    status = json.loads((dead / "status.json").read_text())
    assert (status["outcome"], status["stage"]) == ("running", "training")
    assert status["process"] != os.getpid()
    assert [line["step"] for line in genlab.open_run(dead).evaluations] == [20, 40]
    assert command("resume", dead).status == 0
    require_same(genlab.run(request, out=tmp_path / "whole"), genlab.open_run(dead))


def test_what_comes_after_the_numbers_is_finished_alone(
    tmp_path: Path, small: dict[str, Any], ending: Callable[..., Any], killed: type[BaseException],
    command: Callable[..., Any],
) -> None:  # fmt: skip
    out = tmp_path / "run"
    with pytest.raises(killed):
        start_run(
            small | {"figures": ["loss"]}, out=out, trackers=[ending(stage="drawing", kill=True)]
        )
    numbers, weights = out / "metrics.json", out / "checkpoints/last.safetensors"
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in (numbers, weights)]
    assert genlab.open_run(out).status.missing == ("drawing", "page")
    assert not (out / "report.html").exists()
    assert command("resume", out).status == 0
    assert (out / "figures" / "loss.png").is_file()
    assert (out / "report.html").is_file()
    assert before == [(f.read_bytes(), f.stat().st_mtime_ns) for f in (numbers, weights)]
    assert genlab.open_run(out).status.missing == ()


def test_a_larger_budget_trains_on_and_makes_all_that_follows_anew(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    small["training"] |= {"decay": "none", "warmup": 0.0}  # the rates do not depend on the budget
    whole = start_run(small, out=tmp_path / "whole")
    small["training"]["steps"] = 25
    first = start_run(small, out=tmp_path / "parts")
    with pytest.raises(genlab.RequestError, match=r"has used up its budget.*--steps 50"):
        genlab.resume(first.path)
    require_budget_of(first, 25)
    parts = genlab.resume(first.path, steps=60)
    require_budget_of(parts, 60)
    assert [line["step"] for line in parts.history] == [10, 20, 25, 30, 40, 50, 60]
    assert whole.folder.samples_file.read_bytes() == parts.folder.samples_file.read_bytes()
    assert whole.metrics["metrics"] == parts.metrics["metrics"]


def require_budget_of(run: genlab.Run, steps: int) -> None:
    learned = run.config.learned
    assert learned is not None
    assert learned.settings.budget.total == run.metrics["steps"] == steps


def test_a_module_is_asked_for_where_its_training_begins_anew(
    tmp_path: Path, small: dict[str, Any], ending: Callable[..., Any], killed: type[BaseException]
) -> None:
    """It can be imported, but not the weights that it began with."""
    network = genlab.build("backbone", "unet", genlab.DataSpec((1, 8, 8), "image"), channels=[8])
    small["backbone"] = network
    small["training"]["steps"] = 20
    whole = start_run(small, out=tmp_path / "whole", skip=["drawing", "page"])
    out = tmp_path / "parts"
    with pytest.raises(killed):
        start_run(small, out=out, trackers=[ending(step=10, kill=True)], skip=["drawing", "page"])
    shutil.copytree(out, tmp_path / "begun")
    require_same(whole, genlab.resume(tmp_path / "begun"))  # which were saved before the first step
    shutil.rmtree(out / "checkpoints")
    with pytest.raises(genlab.RequestError, match="backbone unet began with weights of its own"):
        genlab.resume(out)
    require_same(whole, genlab.resume(out, components={"backbone": network}))
    assert genlab.resume(out, steps=22).metrics["steps"] == 22  # the checkpoint has its weights


def test_data_that_has_changed_is_refused(
    tmp_path: Path, small: dict[str, Any], ending: Callable[..., Any]
) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    small |= {"dataset": x, "metrics": []}
    with pytest.raises(KeyboardInterrupt):
        start_run(small, out=tmp_path / "run", trackers=[ending(step=20)], skip=["drawing", "page"])
    with pytest.raises(
        genlab.RequestError, match="ArrayDataset has x, which no file holds: hand it in"
    ):
        genlab.resume(tmp_path / "run")
    with pytest.raises(genlab.RequestError, match=r"the data has changed.*\(2,\)"):
        genlab.resume(tmp_path / "run", components={"dataset": x[:, :2]})
    shutil.copytree(tmp_path / "run", tmp_path / "moved")
    moved = genlab.resume(tmp_path / "moved", components={"dataset": x})
    again = start_run(small, out=tmp_path / "whole", skip=["drawing", "page"])
    assert torch.equal(moved.sample(5), again.sample(5))
