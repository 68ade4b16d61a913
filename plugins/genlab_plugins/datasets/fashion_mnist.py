"""Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import torchvision

from genlab import Dataset, DataSpec, Examples, Split
from genlab_plugins.datasets.idx_files import load_idx

__all__ = ["FashionMNIST"]

_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
          "Ankle boot")  # fmt: skip


class FashionMNIST(Dataset):
    """Clothes of 28 x 28 pixels in ten classes: 60,000 for training and 10,000 for testing.

    Read from the IDX files, plain or with gzip, in ``DIR/FashionMNIST/raw``; DIR can also be one of the two
    inner folders.

    Source: Xiao, Rasul & Vollgraf 2017 (arXiv:1708.07747).

    Args:
        download: Whether to download what is missing.
    """

    def __init__(self, *, download: bool = False) -> None:
        self.download = download
        self.spec = DataSpec((1, 28, 28), "image", 10, _NAMES)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split.

        Raises:
            RequestError: The files are missing, damaged, of another data set or cannot be downloaded.
        """
        source = torchvision.datasets.FashionMNIST
        return load_idx(source, "fashion-mnist", split, root, download=self.download)
