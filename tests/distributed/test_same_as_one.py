"""Two processes compute what one does: losses, weights and samples."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab.training import read_checkpoint

RUNS = Path(__file__).with_name("runs.py")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, pair: Any) -> tuple[Path, Path]:
    """The runs of one process, and those of two."""
    one, both = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    processes = pair([RUNS, both, "two"])
    runpy.run_path(str(RUNS), run_name="runs")["carry_out"](one)
    for process in processes:
        _, errors = process.communicate(timeout=250)
        assert (process.returncode, errors) == (0, ""), errors
    return one, both


@pytest.mark.parametrize("name", ["gaussian", "blur", "flow"])
def test_two_processes_are_one(folders: tuple[Path, Path], name: str) -> None:
    one, both = (folder / name for folder in folders)
    opened = genlab.open_run(one), genlab.open_run(both)
    losses, others = ([line["loss"] for line in run.history] for run in opened)
    assert len(losses) == 50
    assert others == pytest.approx(losses, rel=1e-4)
    files = [path / "checkpoints" / "last.safetensors" for path in (one, both)]
    kept, found = map(read_checkpoint, files)
    assert kept.tensors.keys() == found.tensors.keys()
    assert kept.numbers["step"] == found.numbers["step"]
    square = sum(value.double().square().sum() for value in kept.part("ema").values())
    away = sum(
        (found.part("ema")[key].double() - value.double()).square().sum()
        for key, value in kept.part("ema").items()
    )
    assert float(away) ** 0.5 <= 1e-4 * float(square) ** 0.5
    for key, value in kept.part("rng").items():
        assert torch.equal(found.part("rng")[key], value), "what is drawn next"
    (x, y), (x_2, y_2) = (run.folder.samples() for run in opened)
    torch.testing.assert_close(x_2, x, rtol=0, atol=1e-4)
    assert (y is None) == (y_2 is None)
    assert y is None or torch.equal(y, y_2)


def test_muon_takes_the_steps_of_one(folders: tuple[Path, Path]) -> None:
    """Orthogonal steps make more of rounding: the smallest singular values grow to about one."""
    losses, others = (
        [line["loss"] for line in genlab.open_run(folder / "muon").history] for folder in folders
    )
    assert others == pytest.approx(losses, rel=1e-3)


def test_a_budget_in_minutes_ends_for_all(folders: tuple[Path, Path]) -> None:
    run = genlab.open_run(folders[1] / "minutes")
    assert run.history[-1]["progress"] == 1
    assert run.history[-1]["elapsed_s"] >= 0.3
    assert run.status.stage == ""


def test_evaluations_are_those_of_one(folders: tuple[Path, Path]) -> None:
    one, both = (genlab.open_run(folder / "gaussian").evaluations for folder in folders)
    assert [line["step"] for line in both] == [25, 50]
    for a, b in zip(one, both, strict=True):
        assert b["values"] == pytest.approx(a["values"], rel=1e-3)


def test_buffers_are_those_of_the_first_process(folders: tuple[Path, Path]) -> None:
    """Batches are normalised by each process; the loss is about that of one, and the run is whole."""
    module = runpy.run_path(str(RUNS), run_name="runs")["Normed"]
    one, both = (
        genlab.open_run(folder / "normed", components={"backbone": module}) for folder in folders
    )
    losses, others = ([line["loss"] for line in run.history] for run in (one, both))
    assert others == pytest.approx(losses, rel=0.3)
    state = read_checkpoint(both.folder.checkpoints.last)
    batches = [v for k, v in state.part("model").items() if k.endswith("num_batches_tracked")]
    assert [int(count) for count in batches] == [10]
    assert both.sample(4).isfinite().all()


def test_lazy_images_are_shared_out(folders: tuple[Path, Path]) -> None:
    """Each process decodes its share, and the losses are those of one."""
    losses = runpy.run_path(str(RUNS), run_name="runs")["lazy_losses"]()
    assert torch.load(folders[1] / "lazy-two.pt") == pytest.approx(losses, rel=1e-5)
