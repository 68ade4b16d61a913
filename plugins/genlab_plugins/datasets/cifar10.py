"""CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import torchvision

from genlab import Dataset, DataSpec, Examples, RequestError, Split
from genlab_plugins.datasets.checks import checked_split
from genlab_plugins.datasets.image_files import ImageFiles
from genlab_plugins.datasets.torchvision_sets import load_torchvision

__all__ = ["CIFAR10"]

_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SHAPE = (3, 32, 32)


class CIFAR10(Dataset):
    """Colour photographs of 32 x 32 pixels in ten classes: 50,000 for training, 10,000 for testing.

    Read by torchvision from ``DIR/cifar-10-batches-py``, or from ``train.zip`` and ``test.zip`` in
    ``DIR/cifar10`` or ``DIR``: ZIP files of ``<class>/<image>.png`` with ``dataset.json``, as the EDM
    and StyleGAN tools write them. The ZIP files are sorted by class; their images come in a fixed mixed
    order.

    Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".

    Args:
        download: Whether to download what is missing.
    """

    def __init__(self, *, download: bool = False) -> None:
        self.download = download
        self.spec = DataSpec(_SHAPE, "image", 10, _NAMES)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split.

        Raises:
            RequestError: The files are missing, damaged or cannot be downloaded.
        """
        checked_split(split)
        for folder in () if root is None else (root / "cifar10", root):
            archive = folder / f"{split}.zip"
            if archive.is_file():
                return self._from_archive(archive)
        source = torchvision.datasets.CIFAR10
        return load_torchvision(source, "cifar10", split, root, download=self.download)

    def _from_archive(self, archive: Path) -> Examples:
        files = ImageFiles.open(archive, _NAMES)
        if (shape := files.first_shape()) != _SHAPE:
            raise RequestError(f"{archive} is not CIFAR-10: it has images of {shape}")
        return files.shuffled().examples(_SHAPE)
