"""Any folder or ZIP file of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.model_selection import train_test_split

from genlab import Dataset, DataSpec, Examples, RequestError, Split, sub_seed
from genlab_plugins.datasets.checks import Seed, checked_split
from genlab_plugins.datasets.image_files import ImageFiles
from genlab_plugins.datasets.image_listing import listed_splits

__all__ = ["ImageFolder"]


class ImageFolder(Dataset):
    """Images of one's own: a folder or a ZIP file of ``<class>/<image>``, of any size.

    The labels are those of ``dataset.json``, ``{"labels": [[path, label], ...]}``, where there is one
    (-1 means "unknown"); otherwise each folder is a class; images that lie side by side have no
    classes. A folder that wraps all of it is entered. Where there are ``train`` and ``test``, or
    ``train`` and ``val`` (folders, or ZIP files in a folder), they are the splits, and what lies
    beside them is not read; otherwise a share of the images, the same in every run, is set aside for
    testing. Images are turned upright by their EXIF orientation, and come in a fixed mixed order.

    Args:
        path: The folder or ZIP file. ``--data`` fills it.
        size: Side in pixels that every image is resized and cropped to. None: all have the size of
            the first.
        channels: Channels that every image is brought to. None: those of the first.
        test_share: Share of the images for testing where there is no split.
        memory: Largest size in GiB that is held in memory; more is decoded while training.
        seed: Seed of the order, and of the choice of the images for testing.

    Raises:
        RequestError: There is nothing at ``path``, or no image in it, or its labels are wrong.
    """

    def __init__(
        self,
        *,
        path: Path,
        size: PositiveInt | None = None,
        channels: Literal[1, 2, 3, 4] | None = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        memory: PositiveFloat = 4.0,
        seed: Seed = 0,
    ) -> None:
        self.path, self.seed = path, seed
        self.size, self.test_share, self.memory = size, test_share, memory
        self._splits = self._split()
        files = self._splits["train"]
        c, h, w = files.shape
        self.spec = DataSpec(
            (channels or c, size or h, size or w),
            "image",
            len(files.class_names),
            files.class_names,
        )

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split from ``path``.

        Raises:
            RequestError: An image cannot be read or has another size; the message names it.
        """
        files = self._splits[checked_split(split)]
        resize = self.size is not None
        return files.examples(self.spec.shape, resize=resize, memory=self.memory)

    def _split(self) -> dict[Split, ImageFiles]:
        listings = listed_splits(self.path)
        train = ImageFiles.open(listings["train"])
        if "test" not in listings:
            return self._held_out(train)
        test = ImageFiles.open(listings["test"], train.class_names)
        return {"train": train.shuffled(self.seed), "test": test.shuffled(self.seed)}

    def _held_out(self, files: ImageFiles) -> dict[Split, ImageFiles]:
        count = len(files.names)
        if count < 2:
            raise RequestError(f"{self.path} has one image; at least two are needed")
        test = min(max(round(self.test_share * count), 1), count - 1)
        counts = [files.labels.count(k) for k in set(files.labels)]
        balanced = bool(counts) and min(counts) > 1 and len(counts) <= min(test, count - test)
        train, held_out = train_test_split(
            range(count), test_size=test, random_state=sub_seed(self.seed, "split"),
            stratify=files.labels if balanced else None,
        )  # fmt: skip
        return {"train": files.chosen(train), "test": files.chosen(held_out)}
