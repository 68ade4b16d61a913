"""``genlab check``, ``show --out`` and completion, as a person uses them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

import genlab
from genlab.cli.app import exit_status


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    status = exit_status(["check", *arguments, "--json"])
    about: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert status == (0 if about["passed"] else 1)
    return about


@pytest.mark.parametrize(
    ("role", "name", "check"),
    [
        ("degradation", "pixelate", "identity_at_zero"),
        ("sampler", "naive", "no_hidden_state"),
        ("backbone", "mlp", "uses_time"),
        ("density", "normal", "integrates_to_one"),
        ("dataset", "digits", "splits_differ"),
        ("metric", "sliced-wasserstein", "numbers_by_name"),
        ("objective", "denoising", "class_zero_is_a_class"),
        ("optimiser", "adamw", "goes_on_from_its_state"),
        ("figure", "loss", "draws_a_figure"),
        ("engine", "local", "every_job_once"),
    ],
)
def test_check_runs_the_contract_of_every_role(
    role: str, name: str, check: str, capsys: pytest.CaptureFixture[str]
) -> None:
    about = checked(capsys, role, name)
    assert about["passed"]
    rows = {row["check"]: row for row in about["checks"]}
    assert rows[check]["outcome"] == "passed"
    assert rows[check]["meaning"].endswith(".")
    assert rows[check]["example"] is None
    assert (
        0 < sum(row["seconds"] for row in rows.values()) < 600
    )  # of these checks, not of the machine


def test_the_table_says_what_broke_and_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["check", "degradation", "mix"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"failed summary_is_small summarize\(\) returns fewer numbers", said)
    assert "64 numbers are left" in said
    assert re.search(r"degradation mix: \d+ passed, 1 failed, in", said)


def test_a_failure_may_be_expected_but_must_then_occur(capsys: pytest.CaptureFixture[str]) -> None:
    reason = ["--expect", "summary_is_small=the end is another example"]
    about = checked(capsys, "degradation", "mix", *reason)
    row = next(row for row in about["checks"] if row["check"] == "summary_is_small")
    assert (row["outcome"], about["passed"]) == ("expected failure", True)
    assert row["reason"] == "the end is another example"
    about = checked(capsys, "sampler", "naive", "--expect", "finite=no reason")
    row = next(row for row in about["checks"] if row["check"] == "finite")
    assert row["outcome"] == "failed"
    assert "it passes, but was expected to fail" in row["example"]
    assert exit_status(["check", "sampler", "naive", "--expect", "finite=no reason"]) == 1
    assert "expected: no reason" in capsys.readouterr().out


def test_parameters_reach_the_component(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(capsys, "sampler", "naive", "--set", "grid=cosine")["passed"]
    assert checked(capsys, "sampler", "naive", "--set", "sampler.grid=quadratic")["passed"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["check", "degradatio", "blur"], ["'degradation'"]),
        (["check", "degradation", "blurr"], ["'blur'"]),
        (["check", "degradation", "blur", "--set", "sigma=1"], ["degradation.sigma", "sigma_max"]),
        (["check", "degradation", "blur", "--set", "sigma_max=-1"], ["greater than 0"]),
        (["check", "dataset", "mnist"], ["--data"]),
        (["check", "sampler", "naive", "--dataset", "moons"], ["for metrics"]),
        (["check", "sampler", "naive", "--expect", "finit=why"], ["'finite'"]),
        (["check", "sampler", "naive", "--expect", "finite"], ["=REASON"]),
        (["show", "degradation", "blur", "--out", "strip.jpg"], [".png"]),
        (["show", "sampler", "ddim", "--out", "strip.png"], ["only a degradation"]),
        (["show", "degradation", "blur", "--set", "sigma_max=2"], ["--out"]),
        (["show", "degradation", "blur", "--dataset", "moons", "--out", "a.png"], ["vectors"]),
    ],
)
def test_a_wrong_request_is_one_line(
    arguments: list[str],
    wanted: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_status(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert all(part in captured.err for part in wanted)
    assert list(tmp_path.iterdir()) == []


def test_show_draws_a_degradation_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "strip.png"
    assert exit_status(["show", "degradation", "blur", "--out", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["preview"] == str(out)
    assert "arXiv:2206.13397" in shown["reference"]
    with Image.open(out) as strip:
        assert strip.width > strip.height > 100
    points = tmp_path / "points.svg"
    arguments = ["--dataset", "moons", "--set", "schedule=linear", "--out", str(points)]
    assert exit_status(["show", "degradation", "gaussian", *arguments]) == 0
    assert str(points) in capsys.readouterr().out
    assert points.is_file()


def test_show_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["show", "metric", "sliced-wasserstein"]) == 0
    said = capsys.readouterr().out
    assert "reference: Bonneel et al. 2015" in said
    assert ".. math::" in said
    assert ":math:`" not in said


class Stuck(genlab.Degradation):
    """Does not begin where it should."""

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        return None

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        grey = x_0.mean((1, 2, 3), keepdim=True)
        return x_0 + (t.reshape(-1, 1, 1, 1) * 0.9 + 0.1).to(x_0.dtype) * (grey - x_0)

    def summarize(self, x_1: Tensor) -> Tensor:
        return x_1.mean((1, 2, 3))[:, None]

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return c.reshape(-1, 1, 1, 1).expand(-1, *shape).clone()


def test_a_foreign_component_is_checked_like_our_own(command: Callable[..., Any]) -> None:
    genlab.register("degradation", "stuck", Stuck)
    said = command("check", "degradation", "stuck")
    assert said.status == 1
    text = " ".join(said.out.split())
    assert "failed identity_at_zero" in text
    assert "t = 0, shape (1, 8, 8)" in text
