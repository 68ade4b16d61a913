"""Evaluations while a model trains, and the checkpoint that does best in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genlab
from genlab import RequestError
from genlab.runs.start import start_run
from genlab.training import read_checkpoint

WATCHED: dict[str, Any] = {
    "dataset": {"name": "8-gaussians", "train": 2000, "test": 500}, "seed": 1,
    "backbone": {"name": "mlp", "width": 32, "depth": 1}, "optimiser": {"lr": 1e-2},
    "metrics": ["sliced-wasserstein", "modes"], "training": {"steps": 60, "batch": 64, "ema": 0.9},
    "sampling": {"count": 100, "steps": 3},
    "evaluation": {"times": 3, "count": 200, "steps": 2, "best": "sliced-wasserstein"},
}  # fmt: skip


def carried_out(out: Path, **evaluation: Any) -> genlab.Run:
    request = WATCHED | {"evaluation": WATCHED["evaluation"] | evaluation}
    return start_run(request, out=out, skip=["measuring", "drawing", "page"])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return carried_out(tmp_path_factory.mktemp("watched") / "run")


def values(run: genlab.Run, name: str = "sliced-wasserstein") -> list[float]:
    return [line["values"][name] for line in run.evaluations]


def test_evaluations_are_spread_over_the_training(watched: genlab.Run) -> None:
    assert [line["step"] for line in watched.evaluations] == [20, 40, 60]
    for (step, x), line in zip(watched.evaluated_samples(), watched.evaluations, strict=True):
        assert (step, line["n"], x.shape) == (line["step"], 200, (200, 2))
        assert set(line["values"]) == set(line["baselines"])
        assert np.isfinite(list(line["values"].values())).all()
    assert len(set(values(watched))) == 3
    assert {"quality", "samples-over-training"} <= set(watched.figures())


def test_an_evaluation_measures_the_averaged_weights_of_its_step(watched: genlab.Run) -> None:
    """In as many steps, and with the seed, that the configuration says."""
    x = watched.sample(200, steps=2, seed=1)
    assert torch.equal(x, watched.evaluated_samples()[-1][1])
    (record, *_) = genlab.evaluate(x, watched.data, "sliced-wasserstein", seed=1)
    assert record["value"] == values(watched)[-1]
    assert not torch.equal(x, watched.sample(200, seed=1))  # the run itself walks in 3 steps


@pytest.mark.parametrize(
    ("name", "best"), [("sliced-wasserstein", min), ("modes/high-quality", max)]
)
def test_the_best_checkpoint_is_of_the_best_evaluation(
    name: str, best: Callable[..., float], watched: genlab.Run, tmp_path: Path
) -> None:
    """The least, or the greatest where the metric says that more is better."""
    run = watched if best is min else carried_out(tmp_path / "run", best=name)
    found = values(run, name)
    assert min(found) < max(found)
    at = found.index(best(found))
    opened = genlab.open_run(run.path, checkpoint="best")
    assert read_checkpoint(opened.weights_file).numbers["step"] == run.evaluations[at]["step"]
    assert torch.equal(opened.sample(200, steps=2, seed=1), run.evaluated_samples()[at][1])
    record = opened.evaluate("sliced-wasserstein", n=50)[0]
    assert record["checkpoint"] == "best"
    assert "checkpoint" not in run.evaluate("sliced-wasserstein", n=50)[0]
    assert len(run.records) == 2


def test_watching_changes_nothing_about_the_training(watched: genlab.Run, tmp_path: Path) -> None:
    alone = carried_out(tmp_path / "run", times=0, best="")
    assert not alone.evaluations
    states = [read_checkpoint(run.weights_file).tensors for run in (alone, watched)]
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
    with pytest.raises(RequestError, match=r"no best checkpoint.*evaluation\.best"):
        genlab.open_run(alone.path, checkpoint="best")
    with pytest.raises(RequestError, match=r"unknown checkpoint 'bets'.*'best'"):
        genlab.open_run(alone.path, checkpoint="bets")


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"best": "frechet"}, "'frechet' is no number of this run.*sliced-wasserstein, modes"),
        ({"times": 0}, "needs evaluations"),
        ({"timez": 3}, r"unknown parameter evaluation\.timez.*'times'"),
        ({"count": 0}, r"evaluation\.count"),
    ],
)
def test_a_wrong_request_is_refused(
    evaluation: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=message):
        carried_out(tmp_path / "run", **evaluation)
    assert not (tmp_path / "run").exists()


def test_a_number_that_turns_out_missing_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="'sliced-wasserstein/x' is not among the numbers"):
        carried_out(tmp_path / "run", best="sliced-wasserstein/x")
    assert genlab.open_run(tmp_path / "run").status.outcome == "failed"
