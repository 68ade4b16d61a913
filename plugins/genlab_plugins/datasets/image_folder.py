"""Any folder or ZIP file of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.model_selection import train_test_split

from genlab import Dataset, DataSpec, Examples, RequestError
from genlab.protocols import Split
from genlab_plugins.datasets.image_files import ImageFiles

__all__ = ["ImageFolder"]


class ImageFolder(Dataset):
    """Images of one's own: a folder or a ZIP file of ``<class>/<image>``, of any size.

    The labels are those of ``dataset.json``, ``{"labels": [[path, index], ...]}``, where there is one;
    otherwise each folder is a class; images that lie side by side have no classes. Where there are
    ``train`` and ``test`` (folders, or ZIP files in a folder) they are the splits; otherwise a share
    of the images, the same in every run, is set aside for testing.

    Args:
        path: The folder or ZIP file. ``--data`` fills it.
        size: Side in pixels that every image is resized and cropped to. None: all have the size of
            the first.
        channels: Channels that every image is brought to. None: those of the first.
        test_share: Share of the images for testing where there is no split.
        memory: Largest size in GiB that is held in memory; more is decoded while training.

    Raises:
        RequestError: There is nothing at ``path``, or no image in it.
    """

    def __init__(
        self,
        *,
        path: str,
        size: PositiveInt | None = None,
        channels: Literal[1, 2, 3, 4] | None = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        memory: PositiveFloat = 4.0,
    ) -> None:
        self.path = Path(path)
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
        files = self._splits[split]
        names = self.spec.names or None
        if names and set(files.class_names) - set(names):
            raise RequestError(
                f"{files.source} has classes that the training images lack: "
                f"{', '.join(sorted(set(files.class_names) - set(names)))}"
            )
        return files.examples(
            self.spec.shape, names=names, resize=self.size is not None, memory=self.memory
        )

    def _split(self) -> dict[str, ImageFiles]:
        for suffix in ("", ".zip"):
            parts = {split: self.path / f"{split}{suffix}" for split in ("train", "test")}
            if all(part.exists() for part in parts.values()):
                return {split: ImageFiles.open(part) for split, part in parts.items()}
        files = ImageFiles.open(self.path)
        if len(files.names) < 2:
            raise RequestError(f"{self.path} has one image; at least two are needed")
        test = max(round(self.test_share * len(files.names)), 1)
        counts = [files.labels.count(k) for k in set(files.labels)]
        balanced = files.labels and min(counts) > 1 and test >= len(counts)
        train, held_out = train_test_split(
            range(len(files.names)), test_size=test, random_state=0,
            stratify=files.labels if balanced else None,
        )  # fmt: skip
        return {"train": files.chosen(sorted(train)), "test": files.chosen(sorted(held_out))}
