"""The digits that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from genlab import Dataset, DataSpec, Examples, Split
from genlab_plugins.datasets.checks import checked_split

__all__ = ["Digits"]


class Digits(Dataset):
    """Handwritten digits of 8 x 8 pixels, embedded in scikit-learn: 1,797 images of ten classes.

    The split into 1,500 training and 297 test images is fixed and stratified by class.

    Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI repository.
    """

    def __init__(self) -> None:
        self.spec = DataSpec((1, 8, 8), "image", 10, tuple("0123456789"), levels=17)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split; nothing is read from ``root``."""
        images, labels = load_digits(return_X_y=True)
        parts = train_test_split(images, labels, train_size=1500, stratify=labels, random_state=0)
        chosen = 0 if checked_split(split) == "train" else 1
        x = torch.from_numpy(parts[chosen]) * (255 / 16)
        y = torch.from_numpy(parts[2 + chosen]).long()
        return Examples(x.round().to(torch.uint8).reshape(-1, 1, 8, 8), y)
