"""Any folder or ZIP file of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat
from sklearn.model_selection import train_test_split

from genlab import Dataset, DataSpec, Depth, Examples, PictureRule, RequestError, Split, sub_seed
from genlab_plugins.datasets.checks import Seed, checked_split
from genlab_plugins.datasets.decoding import Workers
from genlab_plugins.datasets.image_files import Heads, ImageFiles, extremes
from genlab_plugins.datasets.image_splits import Splits, listed_splits
from genlab_plugins.datasets.values import found_range, levels_of

__all__ = ["ImageFolder"]

Byte = Annotated[int, Field(ge=0, le=255)]

_WHITE = (255, 255, 255)
_NUMBERS = {"8-bit": "", "integer": " of more than 8 bits", "float": " as fractions"}


class ImageFolder(Dataset):
    """Images of one's own: a folder or a ZIP file of ``<class>/<image>``, of any size.

    The labels are those of ``dataset.json``, ``{"labels": [[path, label], ...]}``, where there is one
    (-1 means "unknown"); otherwise each folder is a class; images that lie side by side have no
    classes. A folder that wraps all of it is entered. Where there are ``train`` and ``test``, or
    ``train`` and ``val`` (folders, or ZIP files in a folder; also ``training``, ``testing``, ``valid`` and
    ``validation``, in small or large letters), they are the splits, and what lies
    beside them is not read; otherwise a share of the images, the same in every run, is set aside for
    testing. Images are turned upright by their EXIF orientation, and come in a fixed mixed order.

    What is left open is found over all files at once, said in one line where a run starts, and recorded.

    Args:
        path: The folder or ZIP file. ``--data`` fills it.
        size: Side in pixels that every image is resized and cropped to. None: all have the size of
            the first.
        channels: Channels that every image is brought to: 1 (grey), 2 (grey and opacity), 3 (colour) or 4
            (colour and opacity). None: colour if any file has it, and opacity likewise.
        range: The values that become black and white. None: 0 to 255 in files of eight bits; found in others,
            from 0 to the first of 255, 1023, 4095, 16383 and 65535 (fractions: 1, 255 and 65535) that no
            value exceeds.
        depth: The files that ``range`` is about; others are read by the whole range of theirs. None: the
            deepest that there are.
        background: The colour (red, green, blue) that transparency is laid over, and that takes the place of
            colours that nobody sees.
        splits: Whether folders that are called as splits are splits, and not classes. None: where there is
            one for training and one for testing.
        test_share: Share of the images for testing where there is no split.
        memory: Largest size in GiB that is held in memory; more is decoded while training.
        workers: Processes that decode then, as many batches ahead; 0: threads of the training's own process,
            one batch ahead. The order of the images is the same.
        seed: Seed of the order, and of the choice of the images for testing.

    Raises:
        RequestError: There is nothing at ``path``, or no image in it, or its labels are wrong.
    """

    def __init__(
        self,
        *,
        path: Path,
        size: Annotated[int, Field(gt=0, le=8192)] | None = None,
        channels: Literal[1, 2, 3, 4] | None = None,
        range: tuple[float, float] | None = None,
        depth: Depth | None = None,
        background: tuple[Byte, Byte, Byte] = _WHITE,
        splits: bool | None = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        memory: PositiveFloat = 4.0,
        workers: Workers = 0,
        seed: Seed = 0,
    ) -> None:
        if range and not range[0] < range[1]:
            raise RequestError(
                f"dataset.range = {list(range)}: the first is black, and less than the second"
            )
        self.path, self.seed = path, seed
        self.size, self.test_share, self.memory = size, test_share, memory
        self.workers = workers
        listed = listed_splits(path, splits)
        parts = _opened(listed)
        self._splits = self._split(parts)
        heads = Heads.of(parts) if None in (channels, range, depth) else None
        found: Literal[1, 2, 3, 4] | int = channels or (heads.richest if heads else 1)
        self.rule = self._found_rule(parts, heads, range, depth, background)
        files = parts[0]
        _, h, w = files.first_shape()
        low, high = self.rule.range_of(self.rule.depth)
        levels = levels_of(self.rule.depth, low, high) if size is None and found == 1 else 256
        self.spec = DataSpec(
            (found, size or h, size or w),
            "image",
            len(files.class_names),
            files.class_names,
            levels,
        )
        self.settled: Mapping[str, Any] = {
            "channels": found, "range": [low, high], "depth": self.rule.depth, "splits": listed.named
        }  # fmt: skip
        self.said = self._said(parts, heads)
        self.doubts = (*listed.doubts, *_doubts(heads, channels), *_skipped(parts))

    @classmethod
    def picture_rule(cls, params: Mapping[str, Any]) -> PictureRule:
        """Return how single pictures are read for data with these parameters."""
        limits, ground = params.get("range"), params.get("background", _WHITE)
        return PictureRule(
            None if limits is None else tuple(limits), params.get("depth") or "8-bit", tuple(ground)
        )

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split from ``path``.

        Raises:
            RequestError: An image cannot be read or has another size; the message names it.
        """
        files = self._splits[checked_split(split)]
        resize = self.size is not None
        return files.examples(
            self.spec.shape, self.rule, resize=resize, memory=self.memory, workers=self.workers
        )

    def _found_rule(
        self,
        parts: Sequence[ImageFiles],
        heads: Heads | None,
        range: tuple[float, float] | None,
        depth: Depth | None,
        background: tuple[int, int, int],
    ) -> PictureRule:
        """Settle how numbers become grey levels, for all files at once."""
        deepest = depth or (heads.deepest if heads else "8-bit")
        if range is None and deepest != "8-bit" and (heads is None or heads.depths[deepest]):
            least, most = extremes(parts, deepest)
            range = found_range(deepest, least, most, self.path)
        return PictureRule(range, deepest, background)

    def _said(self, parts: Sequence[ImageFiles], heads: Heads | None) -> str:
        """Say how the images are read."""
        low, high = self.rule.range_of(self.rule.depth)
        colour = "colour" if self.spec.shape[0] > 2 else "grey"
        said = f"{colour} {low:g}..{high:g}{_NUMBERS[self.rule.depth]}"
        if self.spec.shape[0] in (2, 4):
            said += " with opacity"
        elif heads and heads.channels[2] + heads.channels[4]:
            ground = "white" if self.rule.background == _WHITE else f"{self.rule.background}"
            said += f", transparency over {ground}"
        skipped = [text for files in parts if (text := files.listing.counted_others())]
        return f"{said}; skipped {', '.join(skipped)}" if skipped else said

    def _split(self, parts: Sequence[ImageFiles]) -> dict[Split, ImageFiles]:
        if len(parts) == 1:
            return self._held_out(parts[0])
        train, test = parts
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


def _opened(listed: Splits) -> tuple[ImageFiles, ...]:
    """Return the files for training and those for testing, or all of them where no split is there."""
    train = ImageFiles.open(listed.train)
    if listed.test is None:
        return (train,)
    return train, ImageFiles.open(listed.test, train.class_names)


def _skipped(parts: Sequence[ImageFiles]) -> Iterator[str]:
    """Name the files that hold pictures which are not read."""
    for files in parts:
        if foreign := files.listing.foreign():
            yield f"{foreign} is of a format that is not read"


def _doubts(heads: Heads | None, channels: int | None) -> Iterator[str]:
    """Say what looks wrong about the files."""
    if heads is None:
        return
    count = heads.channels.total()
    grey = heads.channels[1] + heads.channels[2]
    if channels is None and 0 < grey < count:
        yield f"{grey} of {count} images are grey, the others colour: all become colour (dataset.channels)"
    if len(heads.depths) > 1:
        told = " and ".join(f"{n} of {depth}" for depth, n in sorted(heads.depths.items()))
        yield f"numbers are of several kinds, {told}: dataset.range is about the deepest"
    if heads.several:
        yield f"{heads.several} files hold several pictures: the first of each is read"
