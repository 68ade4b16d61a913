"""Runs of densities: their numbers, and a flow as the prior of a degraded state."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab import RequestError
from genlab.runs.start import start_run


def number(run: genlab.Run, name: str) -> dict[str, Any]:
    return {record["name"]: record for record in run.records}[name]


def test_the_numbers_of_a_flow_of_points(moons_flow: genlab.Run) -> None:
    nll, above = number(moons_flow, "nll"), number(moons_flow, "nll-above-entropy")
    x, y = moons_flow.data.test.first(2000)
    assert nll["n"] == 100_000  # fresh points, of which there are as many as one likes
    assert nll["value"] == pytest.approx(-float(moons_flow.log_prob(x).mean()), abs=0.05)
    assert isinstance(moons_flow.dataset, genlab.PointSet)
    assert nll["baseline"] == pytest.approx(moons_flow.dataset.entropy)
    assert above["value"] == pytest.approx(nll["value"] - nll["baseline"])
    assert 0 < above["value"] < 1
    accuracy = number(moons_flow, "accuracy")
    right = (moons_flow.classify(x).argmax(1) == y).double().mean()
    assert accuracy["value"] == pytest.approx(float(right), abs=0.01)
    assert 0.9 < accuracy["value"] <= accuracy["baseline"]
    assert moons_flow.config.flat()["training"]["conditional"]  # which is what classify asks for


def test_bayes_rule_and_samples_of_a_class(moons_flow: genlab.Run) -> None:
    x = moons_flow.data.test.first(500)[0]
    assert moons_flow.density is not None
    with torch.no_grad():
        joint = moons_flow.density.joint_log_prob(x)
    torch.testing.assert_close(moons_flow.log_prob(x), joint.logsumexp(1))
    torch.testing.assert_close(moons_flow.classify(x), joint.log_softmax(1))
    for label, name in enumerate(moons_flow.spec.names):
        samples = moons_flow.sample(200, label=name)
        assert (moons_flow.classify(samples).argmax(1) == label).float().mean() > 0.9
    with pytest.raises(RequestError, match="holds a density and no degradation"):
        list(moons_flow.trajectory(2))
    with pytest.raises(RequestError, match="neither steps nor a sampler"):
        moons_flow.sample(2, sampler="ddim")


def test_bits_per_dimension_of_images(tmp_path: Path) -> None:
    """Of dequantised grey levels, whose width is 2 / 16."""
    run = start_run(
        {"density": {"class": "genlab.testing.tiny:AffineFlow"}, "dataset": "digits", "metrics": [],
         "optimiser": {"lr": 3e-2}, "training": {"steps": 100, "batch": 128, "ema": 0.9},
         "sampling": {"count": 5}}, out=tmp_path / "run", skip=["drawing", "page"],
    )  # fmt: skip
    nll, bits = number(run, "nll"), number(run, "bits-per-dim")
    assert bits["value"] == pytest.approx((nll["value"] / 64 - math.log(2 / 16)) / math.log(2))
    assert 0 < bits["value"] < math.log2(17)  # better than a uniform guess over 17 levels
    assert "baseline" not in bits


def test_a_flow_is_sampled_and_measured_at_any_temperature(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    request = {
        "density": {"class": "genlab.testing.tiny:AffineFlow"}, "metrics": [], "figures": [],
        "dataset": {"name": "moons", "train": 300, "test": 100}, "training": {"steps": 2},
        "sampling": {"count": 30, "temperature": 0.5},
    }  # fmt: skip
    run = start_run(request, out=tmp_path / "run", skip=["measuring", "drawing", "page"])
    x = run.sample(30)
    assert torch.equal(run.samples(30)[0], x)
    torch.testing.assert_close(x.std(0), run.sample(30, temperature=1).std(0) / 2)
    given = ("evaluate", run.path, "-n", 30, "--metric", "mmd", "--json")
    records = json.loads(command(*given, "--temperature", 0.1, "--temperature", 1).out)
    assert [record.get("temperature") for record in records] == [0.1, 1.0]
    assert records[0]["value"] > records[1]["value"]
    kept = genlab.open_run(run.path).records
    assert kept == records, "each is a number of its own"
    for word, name in (
        ("0.5", "sample-4-seed-0.png"),
        ("0.1", "sample-4-seed-0-temperature-0.1.png"),
    ):
        said = command("sample", run.path, "-n", 4, "--temperature", word)
        assert said.out.rstrip().endswith(name), said.out
    assert "finite number above 0" in command("sample", run.path, "--temperature", 0).err


def test_a_density_that_is_fitted_at_once_is_a_run_too(tmp_path: Path) -> None:
    request = {
        "density": "gmm", "dataset": {"name": "moons", "train": 2000, "test": 500}, "figures": [],
        "sampling": {"count": 100}, "metrics": ["sliced-wasserstein"],
    }  # fmt: skip
    run = start_run(request, out=tmp_path / "run", skip=["drawing", "page"])
    x = run.sample(200)
    assert x.shape == (200, 2)
    assert -float(run.log_prob(x).mean()) < 2.2, "a mixture knows more than one normal distribution"
    assert {record["ema"] for record in run.records} == {False}
    assert run.status.outcome == "done"
    again = start_run(request, out=tmp_path / "again", skip=["measuring", "drawing", "page"])
    assert torch.equal(again.sample(200), x)
    with pytest.raises(RequestError, match="fitted at once, and not trained, has no budget"):
        genlab.resume(run.path, steps=5)


def test_a_flow_as_prior(tmp_path: Path, small: dict[str, Any]) -> None:
    small |= {
        "degradation": "blur", "prior": {"name": "realnvp", "couplings": 2, "width": 16, "depth": 1},
        "prior_training": {"steps": 60, "batch": 128}, "prior_optimiser": {"lr": 1e-2},
    }  # fmt: skip
    small["training"]["steps"] = 3
    run = start_run(small, out=tmp_path / "run", skip=["measuring", "drawing", "page"])
    x = run.data.train.first(500)[0]
    c = run.degradation.summarize(run.degradation.degrade(x, torch.ones(500), None))
    prior = run.density
    assert isinstance(prior, genlab.Flow)
    untrained = genlab.build("density", "realnvp", genlab.DataSpec(tuple(c.shape[1:]), "vector"))
    with torch.no_grad():
        assert prior.log_prob(c).mean() > untrained.log_prob(c).mean() + 1
    x_1 = next(iter(run.trajectory(100))).x_t  # a state that the prior has drawn
    drawn = run.degradation.summarize(x_1)
    assert (drawn.mean(0) - c.mean(0)).abs().mean() < 0.5 * c.std()
    for change, wanted in (
        ({"prior_training": {"stepz": 3}}, "stepz"), ({"prior_optimiser": {"lrr": 3}}, "lrr"),
        ({"degradation": "gaussian"}, "leaves nothing at t = 1"),
    ):  # fmt: skip
        with pytest.raises(RequestError, match=wanted):
            start_run(small | change, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_an_object_that_was_built_for_other_data_is_refused(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    points, images = genlab.DataSpec((3,), "vector"), genlab.DataSpec((1, 4, 4), "image")
    small.pop("backbone")
    for change in (
        {"density": genlab.build("density", "realnvp", points), "dataset": torch.randn(40, 2)},
        {"degradation": "pixelate", "prior": genlab.build("density", "normal", points)},
        {"backbone": genlab.build("backbone", "unet", images, channels=[8])},
    ):
        with pytest.raises(RequestError, match=r"was built for data of the shape \((3,|1, 4, 4)\)"):
            start_run(small | change, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_wrong_requests_of_densities(tmp_path: Path) -> None:
    for request, wanted in (
        ({"degradation": "blur", "classify": True}, "--classify is for a density"),
        ({"density": "realnvp", "dataset": "swiss-roll", "classify": True}, "no labels"),
        (
            {"density": "realnvp", "objective": "denoising"},
            "trains a Restorer, and this is a RealNVP",
        ),
    ):
        with pytest.raises(RequestError, match=wanted):
            genlab.run(**request, out=tmp_path / "no")  # type: ignore[arg-type]
    assert not (tmp_path / "no").exists()
