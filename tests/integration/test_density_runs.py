"""Runs that train a flow: likelihood, classes, latents, and a flow as the prior of a degraded state."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab import RequestError
from genlab.cli.app import _status
from genlab.figures.images import png_bytes, tile

SMALL = {"name": "realnvp", "couplings": 4, "width": 32}


@pytest.fixture(scope="module")
def moons_flow(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return genlab.run(
        density=SMALL, dataset="moons", classify=True, steps=400,
        out=tmp_path_factory.mktemp("runs") / "moons",
        set={"sampling": {"count": 500}, "training": {"batch": 256, "lr": 1e-2, "clip": 50}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def digits_flow(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return genlab.run(
        density={"name": "realnvp", "couplings": 2, "width": 8, "depth": 1}, dataset="digits", classify=True,
        steps=200, out=tmp_path_factory.mktemp("runs") / "digits-flow",
        set={"sampling": {"count": 60}, "training": {"batch": 128, "lr": 1e-2, "clip": 1}},
    )  # fmt: skip


def record(run: genlab.Run, name: str) -> dict[str, float]:
    found = {r["name"]: r for r in run.metrics["metrics"]}
    return found[name]


def test_the_numbers_of_a_flow_of_points(moons_flow: genlab.Run) -> None:
    nll, above = record(moons_flow, "nll"), record(moons_flow, "nll-above-entropy")
    assert nll["floor"] == pytest.approx(moons_flow.dataset.entropy)  # type: ignore[attr-defined]
    assert above["value"] == pytest.approx(nll["value"] - nll["floor"])
    assert 0 < above["value"] < 0.5
    assert nll["n"] == 100_000
    accuracy = record(moons_flow, "accuracy")
    assert 0.9 < accuracy["value"] <= accuracy["floor"] + 1e-3


def test_bayes_rule_in_python(moons_flow: genlab.Run) -> None:
    x, y = moons_flow.examples("test").first(500)
    posteriors = moons_flow.classify(x)
    torch.testing.assert_close(posteriors.exp().sum(1), torch.ones(500))
    assert y is not None
    assert (posteriors.argmax(1) == y).float().mean() > 0.9
    density = moons_flow.density
    assert density is not None
    with torch.no_grad():
        joint = density.joint_log_prob(x)
    torch.testing.assert_close(moons_flow.log_prob(x), joint.logsumexp(1))


def test_samples_of_a_class_are_classified_as_it(moons_flow: genlab.Run) -> None:
    for label, name in enumerate(moons_flow.spec.names):
        x = moons_flow.sample(200, label=name)
        assert (moons_flow.classify(x).argmax(1) == label).float().mean() > 0.9


def test_the_figures_of_a_flow_of_points(moons_flow: genlab.Run) -> None:
    names = moons_flow.figures()
    assert {"density", "classification", "confusion", "calibration", "samples"} <= set(names)
    assert "progressive" not in names
    for name in names:
        with Image.open(moons_flow.folder.figure_file(name, ".png")) as picture:
            assert np.asarray(picture.convert("L")).std() > 5, f"{name} is blank"


def test_the_numbers_of_a_flow_of_images(digits_flow: genlab.Run) -> None:
    nll, bits = record(digits_flow, "nll"), record(digits_flow, "bits-per-dim")
    exact = (nll["value"] / 64 - np.log(2 / 16)) / np.log(2)
    assert bits["value"] == pytest.approx(exact)
    assert 0 < bits["value"] < np.log2(17)  # better than a uniform guess over 17 levels
    assert "floor" not in bits
    assert record(digits_flow, "accuracy")["value"] > 0.5


def test_latents_are_mixed(digits_flow: genlab.Run, tmp_path: Path) -> None:
    a, b = digits_flow.examples("test").first(2)[0]
    found = digits_flow.interpolate(a, b, points=4)
    torch.testing.assert_close(found[0], a, atol=1e-3, rtol=0)
    torch.testing.assert_close(found[-1], b, atol=1e-3, rtol=0)
    assert torch.equal(found, digits_flow.interpolate(a, b, points=4, way="slerp"))
    assert not torch.allclose(found, digits_flow.interpolate(a, b, points=4, way="linear"))
    file = tmp_path / "way.png"
    command = ["interpolate", str(digits_flow.path), "--from", "2", "--to", "9", "--means"]
    assert _status([*command, "--pairs", "2", "--way", "slerp", "--out", str(file)]) == 0
    with Image.open(file) as picture:
        assert picture.width > picture.height


def test_classify_from_the_command_line(
    digits_flow: genlab.Run,
    blur_run: genlab.Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _status(["classify", str(digits_flow.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 297
    assert found["accuracy"] == pytest.approx(record(digits_flow, "accuracy")["value"], abs=0.03)
    file = tmp_path / "zero.png"
    file.write_bytes(png_bytes(tile(digits_flow.examples("test").first(1)[0], scale=1)))
    assert _status(["classify", str(digits_flow.path), str(file), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert sum(row[name] for name in digits_flow.spec.names) == pytest.approx(1, abs=1e-5)
    assert _status(["classify", str(blur_run.path)]) == 2
    assert "diffusion model" in capsys.readouterr().err


def test_a_flow_as_prior(tmp_path: Path) -> None:
    out = tmp_path / "prior"
    run = genlab.run(
        degradation="blur", steps=10, out=out,
        set={"prior": SMALL, "prior_training": {"steps": 60, "batch": 128}, "sampling": {"count": 20}},
    )  # fmt: skip
    assert run.config.prior_training is not None
    assert run.config.prior_training.steps == 60
    flow = run.density
    assert flow is not None
    x = run.examples("train").first(500)[0]
    c = run.degradation.summarize(run.degradation.degrade(x, torch.ones(500), None))
    untrained = genlab.build("density", "realnvp", genlab.DataSpec(tuple(c.shape[1:]), "vector"))
    with torch.no_grad():
        assert flow.log_prob(c).mean() > untrained.log_prob(c).mean() + 5
    assert run.sample(3).shape == (3, 1, 8, 8)
    with pytest.raises(RequestError, match="stepz"):
        genlab.run(degradation="blur", set=["prior=realnvp", "prior_training.stepz=3"])


def test_wrong_requests_of_densities(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--classify is for a density"):
        genlab.run(degradation="blur", classify=True, out=tmp_path / "no")
    with pytest.raises(RequestError, match="no labels"):
        genlab.run(density="realnvp", dataset="swiss-roll", classify=True, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_evaluating_once_more(digits_run: genlab.Run, tmp_path: Path) -> None:
    shutil.copytree(digits_run.path, tmp_path / "copy")
    digits_run = genlab.open_run(tmp_path / "copy")
    before = digits_run.metrics["metrics"]
    found = digits_run.evaluate(["frechet", "prdc"], n=64, steps=3, sampler="euler")["metrics"]
    assert {r["name"] for r in found} >= {"frechet", "prdc/precision", "prdc/recall"}
    for one in found:
        assert (one["n"], one["sampler"], one["sampling_steps"]) == (64, "euler", 3)
    frechet = next(r for r in found if r["name"] == "frechet")
    assert "2,048" in frechet["warning"]
    assert digits_run.metrics["metrics"] == [*before, *found]
    digits_run.evaluate(["frechet"], n=64, steps=3, sampler="euler")
    assert len(digits_run.metrics["metrics"]) == len(before) + len(found)


def test_wrong_evaluations_are_refused(
    digits_run: genlab.Run, moons_flow: genlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, arguments, wanted in (
        (digits_run, ["--metric", "frechett"], "'frechet'"),
        (moons_flow, ["--metric", "frechet"], "image data"),
        (moons_flow, ["--metric", "modes"], "modes"),
    ):
        assert _status(["evaluate", str(run.path), *arguments]) == 2
        assert wanted in capsys.readouterr().err


def test_comparing_runs(
    digits_run: genlab.Run, blur_run: genlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "comparison"
    runs = [str(digits_run.path), str(blur_run.path)]
    assert _status(["compare", *runs, "--out", str(out)]) == 0
    assert "gaussian + unet + ddim" in " ".join(capsys.readouterr().out.split())
    rows = list(csv.DictReader((out / "comparison.csv").read_text().splitlines()))
    assert [row["run"] for row in rows] == [digits_run.path.name, blur_run.path.name]
    value = float(rows[1]["judge-confidence/confidence"])
    assert value == blur_run.metrics["metrics"][0]["value"]
    for name in ("numbers.png", "samples.png"):
        with Image.open(out / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    assert _status(["compare", runs[0]]) == 2
    assert "at least two" in capsys.readouterr().err
