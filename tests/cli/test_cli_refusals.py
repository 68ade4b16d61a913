"""Every wrong request is one clear line and exit code 2, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab.cli.app import exit_status


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused, and return what it said."""
    before = sorted(Path.cwd().rglob("*"))
    assert exit_status(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in lines[0]
    assert sorted(Path.cwd().rglob("*")) == before, "something was half-written"
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["run", "--degradation", "blurr"], ["'blurr'", "Did you mean 'blur'", "gaussian"]),
        (["run", "--backbone", "unett"], ["'unett'", "Did you mean 'unet'"]),
        (["run", "--sampler", "dddim"], ["'dddim'", "'ddim'"]),
        (["run", "--dataset", "mnst"], ["'mnst'", "'mnist'"]),
        (["run", "--density", "gm"], ["'gm'", "'gmm'"]),
        (["run", "--objective", "denoisin"], ["'denoisin'", "Did you mean 'denoising'"]),
        (["run", "--objective", "likelihood"], ["trains a Density", "Restorer"]),
        (["run", "--set", "objective.weight=min_snr"], ["objective.weight", "'min-snr'", "'min_snr'"]),
        (["run", "--optimiser", "adam"], ["'adam'", "'adamw'", "muon"]),
        (["run", "--tracker", "wand"], ["unknown tracker 'wand'"]),
        (["run", "--set", "figures=['losss']"], ["'losss'", "Did you mean 'loss'"]),
        (["run", "--set", "training.precision=fp16"], ["training.precision", "'bf16'"]),
        (["run", "--set", "seed=-1"], ["seed = -1", "whole number"]),
        (["run", "--budget", "smoke"], ["name one"]),
        (["run", "--classify"], ["for a density"]),
        (["sweep", "ddpm-mnist", "--engine", "remote"], ["unknown engine 'remote'", "local"]),
        (["run", "no-such-experiment"], ["unknown experiment", "'no-such-experiment'"]),
        (["run", "missing.toml"], ["missing.toml"]),
        (["run", "--degradation", "blur", "--set", "degradation.sigma=3"],
         ["degradation.sigma", "'sigma_max'", "ratio", "cutoff"]),
        (["run", "--degradation", "blur", "--set", "degradation.sigma_max=wide"],
         ["degradation.sigma_max", "valid number", "'wide'"]),
        (["run", "--degradation", "blur", "--set", "degradation.sigma_max=-1"],
         ["degradation.sigma_max", "greater than 0"]),
        (["run", "--set", "degradation.schedule=cosin"], ["schedule", "'cosine'", "'cosin'"]),
        (["run", "--set", "training.lrr=1"], ["training.lrr", "batch", "clip"]),
        (["run", "--set", "training.lr=1"], ["training.lr", "it is called optimiser.lr"]),
        (["run", "--set", "optimiser.lr=fast"], ["optimiser.lr", "valid number", "'fast'"]),
        (["run", "--set", "trainin.lr=1"], ["trainin", "'training'"]),
        (["run", "--set", "degradation.sigma_max"], ["--set", "degradation.sigma_max=20"]),
        (["run", "--degradation", "blur", "--sampler", "ddim"],
         ["'ddim'", "DiagonalDegradation", "cold", "naive"]),
        (["run", "--degradation", "blur", "--set", "restorer.prediction=eps"], ["eps", "'x0'"]),
        (["run", "--backbone", "unet", "--dataset", "moons"], ["'unet'", "mlp"]),
        (["run", "--degradation", "blur", "--dataset", "moons"], ["'blur'", "gaussian"]),
        (["run", "--set", "prior=gmm"], ["'gmm'", "leaves nothing"]),
        (["run", "--dataset", "mnist"], ["--data", "download"]),
        (["run", "--dataset", "mnist", "--data", "nowhere"], ["nowhere"]),
        (["run", "--dataset", "image-folder", "--data", "nowhere"], ["nowhere"]),
        (["run", "--minutes", "1", "--steps", "5"], ["one budget", "minutes", "steps"]),
        (["run", "--steps", "0"], ["steps", "larger than 0"]),
        (["run", "--device", "tpu"], ["'tpu'", "cpu"]),
        (["run", "--nonsense"], ["--nonsense"]),
        (["run", "--steps", "many"], ["--steps", "integer"]),
        (["sample", "nothing-here"], ["nothing-here"]),
        (["resume", "nothing-here"], ["nothing-here"]),
        (["figures", "nothing-here"], ["nothing-here"]),
        (["list", "degradatio"], ["'degradatio'", "'degradation'"]),
        (["show", "degradation", "blurr"], ["'blurr'", "'blur'"]),
        (["rum"], ["rum", "run"]),
    ],
)  # fmt: skip
def test_a_wrong_request_is_one_clear_line(
    arguments: list[str], wanted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, *arguments)
    for part in wanted:
        assert part in line


def test_an_unreadable_image_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for name in ("a", "b"):
        folder = Path("images", name)
        folder.mkdir(parents=True)
        for index in range(4):
            Image.new("L", (8, 8), 10 * index).save(folder / f"{index}.png")
    Path("images/b/2.png").write_bytes(b"this is no image")
    line = refused(capsys, "run", "--dataset", "image-folder", "--data", "images")
    assert "2.png" in line


def test_requests_to_a_run_are_checked(
    blur_run: genlab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(blur_run.path)
    before = sorted(blur_run.path.rglob("*"))
    assert "cold" in refused(capsys, "sample", run, "--sampler", "ddim")
    assert "at least one" in refused(capsys, "sample", run, "-n", "0")
    assert "at least one" in refused(capsys, "sample", run, "--steps", "0")
    assert ".png" in refused(capsys, "sample", run, "--out", "samples.jpg")
    assert "'progressive'" in refused(capsys, "figures", run, "progresive")
    assert "has used up its budget" in refused(capsys, "resume", run)
    assert "one budget" in refused(capsys, "resume", run, "--steps", "70", "--minutes", "1")
    assert sorted(blur_run.path.rglob("*")) == before


def test_a_long_value_is_not_repeated_whole(command: Callable[..., Any]) -> None:
    said = command("run", "--seed", "x" * 5000)
    assert said.status == 2
    assert "xxx..." in said.err
    assert len(said.err) < 200
