"""Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import torchvision

from genlab import Dataset, DataSpec, Examples
from genlab.protocols import Split
from genlab_plugins.datasets.torchvision_sets import load_torchvision

__all__ = ["FashionMNIST"]

_NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
          "ankle boot")  # fmt: skip


class FashionMNIST(Dataset):
    """Clothes of 28 x 28 pixels in ten classes: 60,000 for training and 10,000 for testing.

    Read by torchvision from ``DIR/FashionMNIST/raw``.

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
            RequestError: The files are missing, damaged or cannot be downloaded.
        """
        source = torchvision.datasets.FashionMNIST
        return load_torchvision(source, "fashion-mnist", split, root, download=self.download)
