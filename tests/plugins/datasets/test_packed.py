"""Packed data sets: the same examples in the same order, from a file that stays on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import genlab
from genlab.cli import main
from genlab.runs.start import start_run
from genlab.testing import check_dataset
from genlab_plugins.datasets.packed import Packed, pack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two classes, of 9 x 7 pixels, so that no number of bytes is a multiple of 8."""
    path = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (path / kind).mkdir()
        for i in range(21):
            pixels = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path / kind / f"{i}.png")
    return path


@pytest.fixture(scope="module")
def file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "photos.safetensors"
    with pytest.raises(SystemExit) as ended:
        main(["pack", str(folder), str(out)])
    assert ended.value.code == 0
    return out


def test_contract(file: Path) -> None:
    check_dataset(Packed(path=file))


def test_examples_and_labels_are_those_of_the_set(folder: Path, file: Path) -> None:
    truth = genlab.build("dataset", "image-folder", path=folder)
    packed, arrays = genlab.build("dataset", "packed", path=file), load_file(file)
    assert packed.spec == truth.spec
    for split in ("train", "test"):
        want, got = truth.load(split), packed.load(split)
        assert got.lazy
        index = torch.arange(len(want)).flip(0)
        for a, b in zip(got.take(index), want.take(index), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert torch.equal(arrays[f"{split}.x"], want.x[torch.arange(len(want))])


def test_weights_are_those_of_the_resident_set(folder: Path, file: Path, tmp_path: Path) -> None:
    weights = []
    for name, data in (("image-folder", folder), ("packed", file)):
        request = {
            "dataset": name, "data": str(data), "backbone": {"name": "unet", "channels": [8]},
            "training": {"steps": 7, "batch": 8},
        }  # fmt: skip
        skipped = ["sampling", "measuring", "drawing", "page"]
        run = start_run(request, out=tmp_path / name, skip=skipped)
        weights.append(run.restorer.backbone.state_dict())
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key], value, rtol=0, atol=0)


MEASURE = """
import sys, torch, genlab
train = genlab.build("dataset", "packed", path=sys.argv[1]).load("train")
def held():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
train.take(torch.arange(8))
before, most = held(), 0
for index in torch.randperm(len(train)).split(8):
    train.take(index)
    most = max(most, held() - before)
print(most)
"""


class Large(genlab.Dataset):
    """64 MiB of random images."""

    def __init__(self) -> None:
        self.spec = genlab.DataSpec((1, 256, 256), "image")

    def load(self, split: genlab.Split, root: Path | None = None) -> genlab.Examples:
        generator = torch.Generator().manual_seed(0)
        size = (1024 if split == "train" else 2, 1, 256, 256)
        return genlab.Examples(torch.randint(256, size, dtype=torch.uint8, generator=generator))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells its memory there")
def test_memory_is_flat(tmp_path: Path) -> None:
    """A process that goes through all of it never holds a quarter."""
    pack(Large(), tmp_path / "large")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "large")], check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    assert int(done.stdout) < 16 * 1024


def test_refused(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut, other = tmp_path / "cut.safetensors", tmp_path / "other.safetensors"
    cut.write_bytes(file.read_bytes()[:-1])
    save_file({"x": torch.zeros(2)}, other)
    for path, said in (
        (tmp_path / "none", "cannot be read"), (cut, "cannot be read"),
        (other, "is no packed data set"),
    ):  # fmt: skip
        with pytest.raises(genlab.RequestError, match=said):
            Packed(path=path)
    for arguments, said in (
        (["pack", "digits", str(file)], "is there already"),
        (["pack", "moons", str(tmp_path / "moons")], "are no bytes"),
        (["pack", "digitz", str(tmp_path / "digits")], "Did you mean 'digits'"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "moons").exists()


def test_the_fingerprint_is_of_the_examples(file: Path, folder: Path, tmp_path: Path) -> None:
    again = pack(genlab.build("dataset", "image-folder", path=folder), tmp_path / "again")
    assert again == Packed(path=file).fingerprint
    changed = pack(genlab.build("dataset", "image-folder", path=folder, seed=1), tmp_path / "other")
    assert changed != again
