"""Whole runs: what lies in the folder, and what can be done with the folder alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab.training import read_checkpoint

FILES = {
    "run.toml", "metrics.jsonl", "metrics.json", "report.html",
    "checkpoints/last.safetensors", "samples/samples.npz",
    "figures/loss.png", "figures/loss.svg", "figures/samples.png", "figures/samples.svg",
    "figures/forward.png", "figures/forward.svg", "figures/progressive.png",
    "figures/progressive.svg", "figures/progressive-x_t.png", "figures/progressive-x_t.svg",
    "figures/walk.gif",
}  # fmt: skip


def files(run: genlab.Run) -> set[str]:
    return {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file()}


def test_a_run_folder_is_whole(digits_run: genlab.Run, blur_run: genlab.Run) -> None:
    assert files(digits_run) >= FILES
    assert files(blur_run) >= FILES | {"checkpoints/prior.safetensors"}
    for run in (digits_run, blur_run):
        assert not [p for p in files(run) if Path(p).name.startswith(".")]
        for picture in (run.path / "figures").glob("*.png"):
            with Image.open(picture) as image:
                assert np.asarray(image.convert("L")).std() > 1, f"{picture.name} is blank"


def test_numbers_carry_what_they_need_to_be_trusted(digits_run: genlab.Run) -> None:
    found = digits_run.metrics
    assert found["steps"] == 60
    own = [record for record in found["metrics"] if record["name"].startswith("bound")]
    assert {record["n"] for record in own} == {len(digits_run.examples("test"))}
    for record in (r for r in found["metrics"] if r not in own):
        assert record["n"] == 120
        assert record["reference"] == "test"
        assert record["features"]
        assert record["ema"] is True
        assert record["seed"] == 0
        assert np.isfinite([record["value"], record["floor"]]).all()
    lines = (digits_run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [20, 40, 60]
    assert found["versions"]["torch"] == torch.__version__


def test_sampling_needs_the_folder_alone(digits_run: genlab.Run, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(digits_run.path, moved)
    again = genlab.open_run(moved)
    assert torch.equal(again.sample(5, seed=3), digits_run.sample(5, seed=3))


def test_the_same_seed_gives_the_same_bytes(digits_run: genlab.Run, tmp_path: Path) -> None:
    from genlab.runs.output import write_output

    for name in ("a", "b"):
        for suffix in (".npz", ".png", ".gif"):
            write_output(
                digits_run, tmp_path / (name + suffix), 6, steps=None, sampler=None, seed=5
            )
    for suffix in (".npz", ".png", ".gif"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert not torch.equal(digits_run.sample(4, seed=1), digits_run.sample(4, seed=2))


def test_samples_do_not_depend_on_the_global_generator(blur_run: genlab.Run) -> None:
    torch.manual_seed(1)
    first = blur_run.sample(4)
    torch.manual_seed(2)
    assert torch.equal(first, blur_run.sample(4))


def test_the_same_request_gives_the_same_run(tmp_path: Path) -> None:
    runs = [tiny(tmp_path / name, steps=30) for name in ("a", "b")]
    states = [read_checkpoint(run.path / "checkpoints/last.safetensors") for run in runs]
    for name, value in states[0].tensors.items():
        assert torch.equal(value, states[1].tensors[name]), name


def tiny(out: Path, **more: object) -> genlab.Run:
    setting = {"sampling": {"count": 100, "steps": 2}, "backbone": {"channels": [8, 8]},
               "training": {"batch": 32, "decay": "none", "warmup": 0.0}}  # fmt: skip
    return genlab.run(degradation="blur", out=out, set=setting, **more)  # type: ignore[arg-type]


def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path: Path) -> None:
    whole = tiny(tmp_path / "whole", steps=60)
    tiny(tmp_path / "parts", steps=25)
    parts = genlab.resume(tmp_path / "parts", steps=60)
    one = read_checkpoint(whole.path / "checkpoints/last.safetensors")
    two = read_checkpoint(parts.path / "checkpoints/last.safetensors")
    assert one.tensors.keys() == two.tensors.keys()
    for name, value in one.tensors.items():
        assert torch.equal(value, two.tensors[name]), name
    assert [line["step"] for line in parts.history] == [20, 25, 40, 60]
    assert torch.equal(whole.sample(8), parts.sample(8))
    assert parts.config.training.steps == 60


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    run = tiny(tmp_path / "run", steps=40)
    (run.path / "metrics.json").unlink()
    with (run.path / "metrics.jsonl").open("a") as lines:
        lines.write('{"step": 60, "loss": 0.')
    assert len(run.history) == 2
    again = genlab.resume(run.path)
    assert again.metrics["steps"] == 40
    assert [line["step"] for line in again.history] == [20, 40]


def test_a_fitted_density_is_a_run_too(tmp_path: Path) -> None:
    run = genlab.run(density="gmm", dataset="moons", out=tmp_path / "run",
                     set={"dataset": {"train": 2000}, "sampling": {"count": 500}})  # fmt: skip
    x = run.sample(200)
    assert x.shape == (200, 2)
    log_prob = run.log_prob(x)
    assert log_prob.shape == (200,)
    assert -float(log_prob.mean()) < 2.2, "a mixture knows more than one normal distribution"
    with pytest.raises(genlab.RequestError, match="density"):
        run.sample(4, sampler="ddim")
    assert (run.path / "report.html").is_file()


def test_vectors_train_and_sample(tmp_path: Path) -> None:
    run = genlab.run(
        dataset="swiss-roll", steps=100, out=tmp_path / "run",
        set=["sampling.count=1000", "sampling.steps=10", "dataset.train=2000", "dataset.test=2000"],
    )  # fmt: skip
    bound, above, record = run.metrics["metrics"]
    assert (bound["name"], above["name"]) == ("bound", "bound-above-entropy")
    assert bound["floor"] == pytest.approx(run.dataset.entropy)  # type: ignore[attr-defined]
    assert above["value"] == pytest.approx(bound["value"] - bound["floor"])
    assert above["value"] > 0
    assert record["name"] == "sliced-wasserstein"
    assert 0 < record["floor"] < record["value"] < 1
    assert files(run) >= FILES


def test_every_sampler_that_fits_a_degradation_runs(
    digits_run: genlab.Run, blur_run: genlab.Run
) -> None:
    for run, names in (
        (digits_run, ["ddpm", "ddim", "cold", "naive"]),
        (blur_run, ["cold", "naive"]),
    ):
        for name in names:
            x = run.sample(3, sampler=name, steps=4)
            assert x.shape == (3, 1, 8, 8)
            assert torch.isfinite(x).all()


def test_trackers_hear_the_life_of_a_run(tmp_path: Path) -> None:
    heard: list[str] = []

    class Tracker:
        @genlab.hookimpl
        def run_started(self, unit: str) -> None:
            heard.append(f"started in {unit}")

        @genlab.hookimpl
        def step_done(self, step: int) -> None:
            heard.append(f"step {step}")

        @genlab.hookimpl
        def checkpoint_saved(self) -> None:
            heard.append("saved")

        @genlab.hookimpl
        def samples_drawn(self, x: torch.Tensor) -> None:
            heard.append(f"{len(x)} samples")

        @genlab.hookimpl
        def evaluated(self, metrics: dict[str, object]) -> None:
            heard.append("evaluated")

        @genlab.hookimpl
        def run_ended(self, status: str) -> None:
            heard.append(status)

    tiny(tmp_path / "run", steps=20, trackers=[Tracker()])
    assert heard == ["started in steps", "step 20", "saved", "100 samples", "evaluated", "done"]
