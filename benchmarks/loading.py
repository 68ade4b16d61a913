"""Batches of data that stays on disk against data in memory, and of pictures against PyTorch's own loader.

Sets are made up: 4,096 images of 1 x 64 x 64 packed into one file, and 256 pictures of 3 x 64 x 64 in a
folder. Pictures are decoded by two processes on both sides.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import genlab
from genlab import DataSpec, Examples
from genlab.training import Training, settings_of
from genlab_plugins.datasets.packed import pack
from measure import Row, seconds_of

BATCH, STEPS = 64, 20


class MadeUp(genlab.Dataset):
    """Images of noise, of 64 x 64 pixels."""

    @property
    def spec(self) -> DataSpec:
        """What they are."""
        return DataSpec((1, 64, 64), "image")

    def load(self, split: genlab.Split, root: Path | None = None) -> Examples:
        """Draw them."""
        generator = torch.Generator().manual_seed(0)
        size = (4096 if split == "train" else 64, *self.spec.shape)
        return Examples(torch.randint(256, size, dtype=torch.uint8, generator=generator))


class Still(torch.nn.Module):
    """One weight: a network that takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the input, times the weight."""
        return x * self.weight


def batches(examples: Examples, **settings: Any) -> Callable[[], object]:
    """Return twenty steps of training a network that takes no time."""
    given = settings_of({"steps": 10**9, "batch": BATCH, "precision": "fp32"} | settings)
    restorer = genlab.Restorer(Still(), genlab.build("degradation", "gaussian"))
    records = iter(Training(genlab.Denoising(restorer), examples, given))
    return lambda: [next(records) for _ in range(STEPS)]


def pictures(folder: Path) -> None:
    """Write pictures of two kinds."""
    generator = torch.Generator().manual_seed(0)
    for number in range(256):
        kind = folder / ("cat", "dog")[number % 2]
        kind.mkdir(parents=True, exist_ok=True)
        pixels = torch.randint(256, (64, 64, 3), dtype=torch.uint8, generator=generator)
        Image.fromarray(pixels.numpy()).save(kind / f"{number}.jpg")


def their_loader(folder: Path) -> Callable[[], object]:
    """Return twenty batches of PyTorch's loader, again and again."""
    datasets = importlib.import_module("torchvision.datasets")
    transforms = importlib.import_module("torchvision.transforms")
    images = datasets.ImageFolder(folder, transforms.PILToTensor())
    loader = torch.utils.data.DataLoader(
        images, BATCH, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True
    )

    def endless() -> Iterator[Any]:
        while True:
            yield from loader

    drawn = endless()
    return lambda: [next(drawn) for _ in range(STEPS)]


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure a packed file, and a folder of pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pack(MadeUp(), folder / "packed")
        packed = genlab.build("dataset", "packed", path=folder / "packed").load("train")
        taken = seconds_of(
            {"genlab": batches(packed), "resident": batches(MadeUp().load("train"))}, rounds=rounds
        )
        yield _row("a packed file", taken, "resident", 0.9)
        if short:
            return
        pictures(folder / "pictures")
        images = genlab.build(
            "dataset", "image-folder", path=folder / "pictures", workers=2, test_share=0.1
        )
        taken = seconds_of(
            {"genlab": batches(images.load("train")), "DataLoader": their_loader(folder / "pictures")},
            rounds=rounds,
        )  # fmt: skip
        yield _row("a folder of pictures", taken, "DataLoader", None)


def _row(task: str, taken: dict[str, float], peer: str, bar: float | None) -> Row:
    ours, theirs = (STEPS / taken[name] for name in ("genlab", peer))
    return Row("loading", task, "batches/s", ours, peer, theirs, bar=bar)
