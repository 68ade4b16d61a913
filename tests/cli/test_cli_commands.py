"""The commands, as a person uses them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genlab
from genlab.cli.app import exit_status
from genlab.components.registry import ROLES


def genlab_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "genlab", *arguments],
        capture_output=True, text=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [["list"], ["--help"], ["run", "--help"], ["list", "dataset"]]
)
def test_looking_around_imports_no_torch(arguments: list[str]) -> None:
    done = genlab_process(*arguments)
    assert done.returncode == 0
    imported = set(re.findall(r"\|\s+([\w.]+)$", done.stderr, re.MULTILINE))
    assert "typer" in imported
    assert not imported & {"torch", "numpy", "sklearn", "matplotlib", "accelerate"}


def test_list_names_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = {(row["role"], row["name"]) for row in rows}
    for role in ROLES:
        assert {name for r, name in names if r == role} == set(genlab.registry(role).names())
    assert all(row["problem"] is None for row in rows)
    assert all(row["summary"] for row in rows if row["role"] != "experiment")


def test_show_tells_parameters_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["show", "degradation", "blur", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    parameters = {p["name"]: p for p in shown["parameters"]}
    assert set(parameters) == {"sigma_max", "ratio", "cutoff"}
    assert parameters["ratio"]["default"] == 12.0
    assert "pixels" in parameters["sigma_max"]["description"]
    assert shown["bases"] == ["LinearDegradation", "InvertibleDegradation", "Degradation"]
    assert exit_status(["show", "sampler", "ddim"]) == 0
    text = capsys.readouterr().out
    assert "eta" in text
    assert "requires a DiagonalDegradation" in text


def test_doctor_finds_everything_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["doctor", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)
    assert all(check["ok"] for check in checks)
    assert {"python", "torch", "cpu", "components"} <= {check["check"] for check in checks}


def test_sample_writes_grids_arrays_and_trajectories(
    digits_run: genlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(digits_run.path)
    for name in ("grid.png", "samples.npz", "trajectory.gif"):
        assert exit_status(["sample", run, "-n", "9", "--out", str(tmp_path / name)]) == 0
    assert "9 samples" in capsys.readouterr().out
    with np.load(tmp_path / "samples.npz") as file:
        assert file["x"].shape == (9, 1, 8, 8)
        assert file["x"].dtype == np.float32
        assert np.abs(file["x"]).max() <= 1
    with Image.open(tmp_path / "trajectory.gif") as gif:
        assert gif.n_frames == 6
    with Image.open(tmp_path / "grid.png") as grid:
        assert min(grid.size) > 24


def test_figures_draws_one_or_all(digits_run: genlab.Run, tmp_path: Path) -> None:
    out = tmp_path / "loss.svg"
    assert exit_status(["figures", str(digits_run.path), "loss", "--out", str(out)]) == 0
    assert out.read_text().lstrip().startswith("<?xml")
    assert exit_status(["figures", str(digits_run.path)]) == 0


def test_a_failed_run_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    overflow = ["--set", "optimiser.lr=1e38", "--set", "training.warmup=0"]
    assert exit_status(["run", "--steps", "200", *overflow, "--out", "burst"]) == 1
    assert "finite" in capsys.readouterr().err


BROKEN = """
raise RuntimeError("the moon is in the wrong phase")
"""

WORKING = '''
from genlab import Degradation, Sampler

class Still(Sampler):
    """A sampler from somewhere else."""

    requires = Degradation

    def grid(self, steps, degradation): ...
    def init(self, restorer, x_t, t, z, *, generator): ...
    def step(self, restorer, x_t, t, s, state): ...
'''


def test_a_broken_plugin_is_listed_and_the_rest_works(
    distribution: Callable[..., Path], tmp_path: Path
) -> None:
    site = distribution(
        "moonware", "moonware", BROKEN, "genlab.samplers", {"moon": "moonware:Moon"}
    )
    here = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    listed = genlab_process("list", "sampler", "--json", **here)
    assert listed.returncode == 0
    problems = {row["name"]: row["problem"] for row in json.loads(listed.stdout)}
    assert "the moon is in the wrong phase" in problems.pop("moon")
    assert set(problems) == set(genlab.registry("sampler").names())
    assert not any(problems.values())
    refused = genlab_process("show", "sampler", "moon", **here)
    assert refused.returncode == 2
    assert "moonware 1.0" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert genlab_process("show", "sampler", "ddim", **here).returncode == 0
    assert genlab_process("doctor", **here).returncode == 1


def test_a_good_plugin_is_listed_like_our_own(
    distribution: Callable[..., Path], tmp_path: Path
) -> None:
    site = distribution("good", "good", WORKING, "genlab.samplers", {"still": "good:Still"})
    here = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for _ in range(2):
        done = genlab_process("list", "samplers", "--json", **here)
        rows = {row["name"]: row for row in json.loads(done.stdout)}
        assert rows["still"]["problem"] is None
        assert rows["still"]["summary"] == "A sampler from somewhere else"
        assert rows["still"]["package"] == "good"
    assert "| torch\n" not in done.stderr, "what imported well once is not imported again"


def test_two_plugins_with_one_name_are_an_error_that_names_both(
    distribution: Callable[..., Path], tmp_path: Path
) -> None:
    distribution("first", "first", WORKING, "genlab.samplers", {"still": "first:Still"})
    site = distribution("second", "second", WORKING, "genlab.samplers", {"still": "second:Still"})
    here = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    refused = genlab_process("run", "--sampler", "still", "--out", str(tmp_path / "out"), **here)
    assert refused.returncode == 2
    assert "first 1.0 and second 1.0" in refused.stderr
    assert not (tmp_path / "out").exists()
    listed = genlab_process("list", "--json", **here)
    twins = [row for row in json.loads(listed.stdout) if row["name"] == "still"]
    assert len(twins) == 2
    assert all("first 1.0 and second 1.0" in row["problem"] for row in twins)
