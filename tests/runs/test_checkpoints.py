"""Checkpoints of a run: which are kept, what is offered where one is damaged, which weights are refused."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab import RequestError
from genlab.runs.checkpoints import Checkpoints
from genlab.runs.start import start_run
from genlab.training import Checkpoint, read_checkpoint, write_checkpoint

SMALL: dict[str, Any] = {
    "dataset": {"name": "8-gaussians", "train": 100, "test": 50}, "metrics": ["sliced-wasserstein"],
    "backbone": {"class": "genlab.testing.tiny:Perceptron"}, "figures": [],
    "training": {"steps": 8, "batch": 8, "log_every": 1, "save_every": 1e-9, "keep": 3},
    "sampling": {"count": 20, "steps": 2},
}  # fmt: skip


def state(step: int) -> Checkpoint:
    return Checkpoint({"model.a": torch.full((3,), float(step))}, {"step": step})


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 4
    file.write_bytes(data)


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    before = None
    for step in (0, 10, 20, 30):
        checkpoints.save(state(step), keep=3, before=before)
        before = step
    assert [file.stem for file in checkpoints.earlier()] == ["step-0000010", "step-0000020"]
    for name, step in (("step-0000010", 10), ("step-0000020", 20), ("last", 30)):
        assert read_checkpoint(checkpoints.named(name)).numbers["step"] == step
    checkpoints.save(state(40), keep=1, before=30)
    assert checkpoints.earlier() == []
    with pytest.raises(RequestError, match="unknown checkpoint 'step-0000010'"):
        checkpoints.named("step-0000010")


def test_a_damaged_one_is_named_and_the_one_before_it_offered(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.state() is None
    checkpoints.save(state(0), keep=3, before=None)
    checkpoints.save(state(10), keep=3, before=0)
    checkpoints.save(state(20), keep=3, before=10)
    flip(checkpoints.last, -1)
    offered = f"genlab resume {tmp_path} --checkpoint"
    with pytest.raises(
        RequestError,
        match=rf"last\.safetensors is damaged: model\.a .*{offered} step-0000010 goes on",
    ):
        checkpoints.state()
    flip(tmp_path / "checkpoints/step-0000010.safetensors", -1)
    with pytest.raises(RequestError, match=rf"{offered} step-0000000 goes on"):
        checkpoints.state()
    checkpoints.go_back("step-0000000")
    assert checkpoints.earlier() == []
    found = checkpoints.state()
    assert found is not None
    assert found.numbers["step"] == 0


def test_a_missing_one_is_not_taken_for_a_beginning(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0), keep=2, before=None)
    checkpoints.save(state(10), keep=2, before=0)
    checkpoints.last.unlink()
    with pytest.raises(RequestError, match=r"is missing.*--checkpoint step-0000000"):
        checkpoints.state()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return start_run(SMALL, out=tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def copied(whole: genlab.Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole.path, tmp_path / "run"))


def test_a_run_goes_back_to_an_earlier_checkpoint_and_ends_the_same(
    whole: genlab.Run, copied: Path, command: Callable[..., Any]
) -> None:
    last = copied / "checkpoints/last.safetensors"
    assert [file.stem for file in whole.folder.checkpoints.earlier()] == [
        "step-0000006",
        "step-0000007",
    ]
    flip(last, -3)
    for line in (("sample", copied), ("resume", copied), ("evaluate", copied)):
        said = command(*line)
        assert said.status == 2
        (told,) = said.err.splitlines()
        assert re.search(r"is damaged: rng\.objective is not what was written", told)
        assert f"genlab resume {copied} --checkpoint step-0000007" in told
    assert command("resume", copied, "--checkpoint", "step-0000006").status == 0
    one, two = read_checkpoint(whole.weights_file), read_checkpoint(last)
    assert all(torch.equal(two.tensors[key], value) for key, value in one.tensors.items())
    again = genlab.open_run(copied)
    assert [line["step"] for line in again.history] == list(range(1, 9))
    assert again.metrics["metrics"] == whole.metrics["metrics"]
    assert again.status.outcome == "done"


def test_weights_that_are_no_numbers_are_refused(copied: Path) -> None:
    file = copied / "checkpoints/last.safetensors"
    found = read_checkpoint(file)
    name = "ema.first.weight"
    wrong = found.tensors[name].clone()
    wrong[0, 0] = torch.nan
    write_checkpoint(file, Checkpoint({**found.tensors, name: wrong}, found.numbers))
    with pytest.raises(
        RequestError, match=r"first\.weight holds values that are not a number.*step-0000007"
    ):
        genlab.open_run(copied).sample(2)
    with pytest.raises(RequestError, match=r"first\.weight holds values that are not a number"):
        genlab.resume(copied, steps=10)


def test_weights_of_another_shape_say_who_made_them(copied: Path) -> None:
    file = copied / "checkpoints/last.safetensors"
    found = read_checkpoint(file)
    tensors = {k: v[:3] if k == "model.first.weight" else v for k, v in found.tensors.items()}
    write_checkpoint(file, Checkpoint(tensors, found.numbers))
    with pytest.raises(
        RequestError,
        match=r"does not fit the training: .*first\.weight.* It was made by .*sampler: genlab 0",
    ):
        genlab.resume(copied, steps=10)


@pytest.mark.parametrize(
    ("lost", "again"),
    [
        ("samples/samples.npz", {"sampling"}),
        ("metrics.json", {"measuring"}),
        ("report.html", {"page"}),
        ("checkpoints", {"training", "sampling", "measuring", "drawing", "page"}),
    ],
)
def test_resume_makes_what_was_lost(
    lost: str, again: set[str], whole: genlab.Run, copied: Path
) -> None:
    begun: set[str] = set()

    class Stages(genlab.Tracker):
        def stage_started(self, path: Path) -> None:
            begun.add(genlab.open_run(path).status.stage)

        def training_started(self) -> None:
            begun.add("training")

    with pytest.raises(RequestError, match="has used up its budget"):
        genlab.resume(copied)
    at = copied / lost
    shutil.rmtree(at) if at.is_dir() else at.write_bytes(b"")
    run = genlab.resume(copied, trackers=[Stages()])
    assert begun == again
    assert run.folder.samples_file.read_bytes() == whole.folder.samples_file.read_bytes()
    assert run.metrics["metrics"] == whole.metrics["metrics"]
    assert run.status.outcome == "done"


def test_other_data_of_the_same_shape_is_noticed(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"train": torch.randn(100, 2), "test": torch.randn(50, 2)}
    given = genlab.ArrayDataset(x=other["train"], test=other["test"])
    from genlab.components.dataset import Examples, Split
    from genlab_plugins.datasets.gaussians_8 import EightGaussians

    spec = genlab.build("dataset", "8-gaussians").spec

    def load(self: EightGaussians, split: Split, root: Path | None = None) -> Examples:
        x = given.load(split).x
        return Examples(x, torch.arange(len(x)) % 8)

    monkeypatch.setattr(EightGaussians, "load", load)
    assert given.spec.shape == spec.shape
    with pytest.raises(
        RequestError, match=r"the data is not that which .* learned from \(the train split"
    ):
        genlab.resume(copied, steps=10)
    with pytest.warns(UserWarning, match="the data is not that which"):
        genlab.open_run(copied).data  # noqa: B018
