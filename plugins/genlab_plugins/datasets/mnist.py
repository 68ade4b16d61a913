"""MNIST."""

from __future__ import annotations

from pathlib import Path

import torchvision

from genlab import Dataset, DataSpec, Examples, Split
from genlab_plugins.datasets.idx_files import load_idx

__all__ = ["MNIST"]


class MNIST(Dataset):
    """Handwritten digits of 28 x 28 pixels: 60,000 for training and 10,000 for testing.

    Read from the IDX files, plain or with gzip, in ``DIR/MNIST/raw``; DIR can also be one of the two
    inner folders.

    Source: LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86.

    Args:
        download: Whether to download what is missing.
    """

    def __init__(self, *, download: bool = False) -> None:
        self.download = download
        self.spec = DataSpec((1, 28, 28), "image", 10, tuple("0123456789"))

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split.

        Raises:
            RequestError: The files are missing, damaged, of another data set or cannot be downloaded.
        """
        source = torchvision.datasets.MNIST
        return load_idx(source, "mnist", split, root, download=self.download)
