"""Evaluations while a model trains, and the checkpoint that does best in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import genlab
from genlab import RequestError
from genlab.cli.app import _status
from genlab.figures.quality import over_steps, quality, walked
from genlab.training import read_checkpoint

SMALL = {
    "dataset": {"name": "swiss-roll"}, "backbone": {"name": "mlp", "width": 32, "depth": 1},
    "metrics": [{"name": "sliced-wasserstein"}],
    "training": {"steps": 60, "batch": 64},
    "sampling": {"count": 100, "steps": 3},
    "evaluation": {"times": 3, "count": 200, "best": "sliced-wasserstein"},
}  # fmt: skip


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return genlab.run(set=SMALL, out=tmp_path_factory.mktemp("watched") / "run", seed=1)


def weights(run: genlab.Run) -> dict[str, torch.Tensor]:
    return dict(read_checkpoint(run.weights_file).part("ema"))


def test_evaluations_are_spread_over_the_training(watched: genlab.Run) -> None:
    assert [line["step"] for line in watched.evaluations] == [20, 40, 60]
    for line in watched.evaluations:
        assert line["n"] == 200
        assert np.isfinite(line["values"]["sliced-wasserstein"])
        with np.load(watched.folder.evaluated_samples_file(line["step"])) as file:
            assert file["x"].shape == (200, 2)
    assert {"quality", "samples-over-training"} <= set(watched.figures())


def test_the_last_evaluation_measures_the_final_weights(watched: genlab.Run) -> None:
    again = watched.evaluate(["sliced-wasserstein"], n=200, seed=1)["metrics"][0]
    last = watched.evaluations[-1]["values"]["sliced-wasserstein"]
    assert again["value"] == pytest.approx(last, rel=1e-6)


def test_the_best_checkpoint_is_of_the_best_evaluation(watched: genlab.Run) -> None:
    values = [line["values"]["sliced-wasserstein"] for line in watched.evaluations]
    best = genlab.open_run(watched.path, checkpoint="best")
    numbers = read_checkpoint(best.weights_file).numbers
    assert numbers["step"] == watched.evaluations[int(np.argmin(values))]["step"]
    record = best.evaluate(["sliced-wasserstein"], n=200, seed=1)["metrics"][0]
    assert record["value"] == pytest.approx(min(values), rel=1e-6)
    assert record["checkpoint"] == "best"


def test_watching_changes_nothing_about_the_training(watched: genlab.Run, tmp_path: Path) -> None:
    alone = genlab.run(set={**SMALL, "evaluation": {"times": 0}}, out=tmp_path / "run", seed=1)
    assert not alone.evaluations
    for key, value in weights(alone).items():
        assert torch.equal(value, weights(watched)[key])
    with pytest.raises(RequestError, match=r"no best checkpoint.*evaluation\.best"):
        genlab.open_run(alone.path, checkpoint="best")


def test_a_stopped_training_does_not_evaluate_twice(tmp_path: Path) -> None:
    class Stop:
        @genlab.hookimpl
        def step_done(self, step: int) -> None:
            if step == 40:
                raise KeyboardInterrupt

    settings = {**SMALL, "training": {"steps": 60, "batch": 64, "log_every": 8}}
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        genlab.run(set=settings, out=path, seed=1, trackers=[Stop()])
    assert [line["step"] for line in genlab.open_run(path).evaluations] == [20]
    with (path / "evaluations.jsonl").open("a") as file:
        file.write('{"step": 50, "values": {}}\n')  # of steps that were lost
    run = genlab.resume(path)
    assert [line["step"] for line in run.evaluations] == [20, 60]


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"times": 2, "best": "frechet"}, "'frechet' is no number of this run.*sliced-wasserstein"),
        ({"best": "sliced-wasserstein"}, "needs evaluations"),
        ({"times": 2, "best": "sliced-wasserstein/x"}, "not among the numbers"),
    ],
)
def test_a_wrong_request_is_refused(
    evaluation: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=message):
        genlab.run(set={**SMALL, "evaluation": evaluation}, out=tmp_path / "run")


def test_larger_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    settings = {
        **SMALL, "dataset": {"name": "8-gaussians"}, "metrics": [{"name": "modes"}],
        "evaluation": {"times": 4, "count": 300, "best": "modes/high-quality"},
    }  # fmt: skip
    run = genlab.run(set=settings, out=tmp_path / "run")
    values = [line["values"]["modes/high-quality"] for line in run.evaluations]
    assert max(values) > min(values)
    step = read_checkpoint(run.folder.best_file).numbers["step"]
    assert step == run.evaluations[int(np.argmax(values))]["step"]


def test_quality_is_drawn_against_minutes(watched: genlab.Run) -> None:
    (ax,) = quality(watched.evaluations).axes
    floor, line = ax.lines
    assert line.get_xdata() == pytest.approx([e["elapsed_s"] / 60 for e in watched.evaluations])
    values = [e["values"]["sliced-wasserstein"] for e in watched.evaluations]
    assert line.get_ydata() == pytest.approx(values)
    floors = watched.evaluations[-1]["floors"]
    assert floor.get_ydata()[0] == pytest.approx(floors["sliced-wasserstein"])


def test_quality_is_drawn_against_the_steps_of_walks(
    watched: genlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "evaluate",
        str(watched.path),
        "--metric",
        "sliced-wasserstein",
        "-n",
        "100",
        "--json",
    ]
    walks = ["--sampler", "ddim", "--sampler", "heun", "--steps", "2", "--steps", "4"]
    assert _status([*command, *walks]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(r["sampler"], r["sampling_steps"]) for r in found] == [
        ("ddim", 2), ("ddim", 4), ("heun", 2), ("heun", 4)
    ]  # fmt: skip
    assert "steps" in watched.figures()
    (ax,) = over_steps(watched.metrics["metrics"]).axes
    lines = {line.get_label(): line for line in ax.lines}
    for name in ("ddim", "heun"):
        assert list(lines[name].get_xdata()) == [2, 4]
        want = [r["value"] for r in found if r["sampler"] == name]
        assert list(lines[name].get_ydata()) == want
    assert walked(found[:1]) == []
    with pytest.raises(RequestError, match="--steps 5 --steps 10"):
        over_steps(found[:1])
