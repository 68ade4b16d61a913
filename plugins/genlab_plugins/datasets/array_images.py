"""Images in an array: .npy or .npz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from genlab import ArrayDataset, Dataset, Depth, Examples, RequestError, Split
from genlab_plugins.datasets.array_files import classes_of, read_arrays
from genlab_plugins.datasets.checks import Seed, checked_split
from genlab_plugins.datasets.values import found_range

__all__ = ["ArrayImages"]

Layout = Literal["NHW", "NCHW", "NHWC"]

_KINDS: dict[str, Depth] = {"b": "8-bit", "u": "integer", "i": "integer", "f": "float"}


class ArrayImages(Dataset):
    """Images of one's own in an array: a file ``.npy``, or ``.npz`` with labels and splits.

    The arrays of an ``.npz`` go by their names: ``x``, ``images`` or ``data`` are images, ``y`` or ``labels``
    are labels (whole numbers or text), and ``train`` and ``test`` or ``val`` in a name (``x_train``,
    ``test_labels``) are splits; without them a share of the images, the same in every run, is set aside for
    testing. The classes are the labels that occur, in their order; -1 is unknown. Python objects are refused,
    and the head of an array is read before the array.

    Args:
        path: The file. ``--data`` fills it.
        x: The array of the images. None: by its name, or the only one.
        y: The array of the labels. None: by its name, or none.
        layout: The order of the axes. None: where it is clear, with one to four channels.
        range: The values that become black and white. None: 0 to 255 in bytes, 0 to 1 in truth values; found
            over all images in others, from 0 to the first of 255, 1023, 4095, 16383 and 65535 (fractions: 1,
            255 and 65535, or from -1 to 1) that no value exceeds.
        test_share: Share of the images for testing where there is no split.
        memory: Largest size in GiB of all that is read; more is refused.
        seed: Seed of the choice of the images for testing.

    Raises:
        RequestError: The file is missing, damaged or too large, or its axes, values or labels are not clear.
    """

    def __init__(
        self,
        *,
        path: Path,
        x: str | None = None,
        y: str | None = None,
        layout: Layout | None = None,
        range: tuple[float, float] | None = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        memory: PositiveFloat = 1.0,
        seed: Seed = 0,
    ) -> None:
        if range and not range[0] < range[1]:
            raise RequestError(
                f"dataset.range = {list(range)}: the first is black, and less than the second"
            )
        arrays = read_arrays(path, x=x, y=y, memory=memory)
        given = [part for part in (arrays.x, arrays.x_test) if part is not None]
        axes = layout or _layout(path, arrays.x)
        images = [_channels_first(part, axes) for part in given]
        low, high = range or _found(path, images)
        levels = _levels(images[0].dtype, low, high)
        scaled = [_scaled(part, low, high, levels) for part in images]
        labels, names = classes_of(arrays.y, arrays.y_test)
        known: list[Any] = [*labels] if labels else [None] * len(scaled)
        pairs = [*zip(scaled, known, strict=True)]
        inner = ArrayDataset(
            x=pairs[0][0], y=pairs[0][1], test=pairs[1] if len(pairs) > 1 else None,
            test_share=test_share, kind="image", seed=seed,
        )  # fmt: skip
        self._inner = inner
        self.spec = replace(inner.spec, classes=len(names), names=names, levels=levels)
        colour = "colour" if self.spec.shape[0] > 2 else "grey"
        self.said = f"{colour} {low:g}..{high:g} of {arrays.x.dtype}, {axes}"
        self.doubts = arrays.doubts
        self.settled: Mapping[str, Any] = {"layout": axes, "range": [float(low), float(high)]}

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Return a split; nothing is read from ``root``."""
        return self._inner.load(checked_split(split))


def _layout(path: Path, x: NDArray[Any]) -> Layout:
    if x.ndim == 3 and x.shape[2] > 4:
        return "NHW"
    fits: list[Layout] = ["NHW"] if x.ndim == 3 else []
    if x.ndim == 4:
        options: tuple[tuple[Layout, int], ...] = (("NCHW", x.shape[1]), ("NHWC", x.shape[3]))
        fits = [name for name, channels in options if channels <= 4]
    if x.ndim == 4 and len(fits) == 1:
        return fits[0]
    hint = f": --set dataset.layout={fits[0]} says what comes first" if fits else ""
    told = (
        "is not clear" if fits else "is no array of images (N, H, W), (N, C, H, W) or (N, H, W, C)"
    )
    raise RequestError(f"{path} has the shape {x.shape}, which {told}{hint}")


def _channels_first(x: NDArray[Any], layout: Layout) -> NDArray[Any]:
    if x.ndim != len(layout):
        raise RequestError(f"images have the shape {x.shape}, and dataset.layout is {layout}")
    x = x[:, None] if layout == "NHW" else np.moveaxis(x, 3, 1) if layout == "NHWC" else x
    if not 1 <= x.shape[1] <= 4 or not x.size:
        raise RequestError(
            f"images have {x.shape[1]} channels by dataset.layout={layout}: one to four are read"
        )
    if x.dtype.kind not in _KINDS:
        raise RequestError(f"images are {x.dtype}: expected are whole numbers or fractions")
    return x


def _found(path: Path, images: list[NDArray[Any]]) -> tuple[float, float]:
    """Return what is black and white, by all images at once."""
    dtype = images[0].dtype
    if any(part.dtype != dtype for part in images):
        raise RequestError(
            f"{path} has images of {dtype} and of {images[1].dtype}: dataset.range says how to read"
        )
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype == np.uint8:
        return 0.0, 255.0
    low, high = min(float(part.min()) for part in images), max(float(part.max()) for part in images)
    if not np.isfinite([low, high]).all():
        raise RequestError(f"{path} has values that are not finite")
    return found_range(_KINDS[dtype.kind], low, high, path)


def _levels(dtype: np.dtype[Any], low: float, high: float) -> int:
    """Return how many grey levels there are; 0 where values are continuous."""
    width = high - low
    return int(width) + 1 if dtype.kind != "f" and width <= 255 and width == int(width) else 0


def _scaled(x: NDArray[Any], low: float, high: float, levels: int) -> NDArray[Any]:
    """Return levels as uint8, continuous values as float32 in [0, 1]."""
    if levels == 256 and x.dtype == np.uint8:
        return x.copy()
    part = ((x.astype(np.float32) - np.float32(low)) / np.float32(high - low)).clip(0, 1)
    if not np.isfinite(part).all():
        raise RequestError("images have values that are not finite")
    return (part * 255).round().astype(np.uint8) if levels else part
