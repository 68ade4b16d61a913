"""Images in a folder or in a ZIP file, with their labels."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from genlab import Examples, LazyImages, RequestError, sub_seed
from genlab_plugins.datasets.image_labels import labelled
from genlab_plugins.datasets.image_listing import Listing

__all__ = ["ImageFiles", "decode"]

T = TypeVar("T")

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that exchange width and height."""

_THREADS = 8
_GIB = 2**30


@dataclass(frozen=True)
class ImageFiles:
    """A list of image files and what is known about them without decoding all.

    Args:
        listing: Where the files are.
        names: The files.
        labels: The label of each file, or empty where there are no classes.
        class_names: Names of the classes.
        shape: Shape ``(C, H, W)`` of the first image, in the order of the names.
    """

    listing: Listing
    names: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]

    @classmethod
    def open(cls, place: Path | Listing, classes: Sequence[str] | None = None) -> ImageFiles:
        """List the images below a folder or in a ZIP file, in the order of their names.

        A folder that wraps all of it is entered.

        Args:
            place: The folder or ZIP file.
            classes: Names of the classes in the order of their labels, where they are known: empty if
                there are none. None: those that are found.

        Raises:
            RequestError: There is nothing there, or no image in it, or it cannot be read, or its
                labels are wrong.
        """
        listing = place if isinstance(place, Listing) else Listing.of(place)
        listing = listing.unwrapped(classes or ())
        if not listing.images:
            raise RequestError(
                f"{listing.source} has no images: expected are files such as <class>/<image>.png"
            )
        labels, class_names = labelled(listing, classes)
        first = _opened(listing, listing.images[0])
        shape = (len(first.getbands()), first.height, first.width)
        return cls(listing, listing.images, labels, class_names, shape)

    def chosen(self, index: Sequence[int]) -> ImageFiles:
        """Return some of the files, in the given order."""
        labels = tuple(self.labels[i] for i in index) if self.labels else ()
        return replace(self, names=tuple(self.names[i] for i in index), labels=labels)

    def shuffled(self, seed: int = 0) -> ImageFiles:
        """Return all files in an order that does not follow the classes, the same for a seed."""
        generator = torch.Generator().manual_seed(sub_seed(seed, "order"))
        return self.chosen(torch.randperm(len(self.names), generator=generator).tolist())

    def examples(
        self, shape: tuple[int, ...], *, resize: bool = False, memory: float = 4.0
    ) -> Examples:
        """Decode the images, or promise to decode them when they do not fit into memory.

        Args:
            shape: Shape ``(C, H, W)`` that every image has, or is brought to.
            resize: Whether images of another size are resized and cropped.
            memory: Largest size in GiB that is held in memory.

        Raises:
            RequestError: An image cannot be read or has another size; the message names it.
        """

        def some(index: Tensor) -> Tensor:
            each = [self.names[int(i)] for i in index]
            return decode(self.listing, each, shape, resize=resize)

        y = torch.tensor(self.labels) if self.labels else None
        if len(self.names) * float(np.prod(shape)) <= memory * _GIB:
            return Examples(some(torch.arange(len(self.names))), y)
        if not resize:
            _check_sizes(self.listing, self.names, shape)
        return Examples(LazyImages(some, len(self.names), tuple(shape)), y)


def decode(
    listing: Listing, names: Sequence[str], shape: tuple[int, ...], *, resize: bool = False
) -> Tensor:
    """Decode images in threads.

    Args:
        listing: Where the files are.
        names: The files.
        shape: Shape ``(C, H, W)`` of the result.
        resize: Whether images of another size are resized and cropped.

    Returns:
        uint8 images ``(N, C, H, W)``.

    Raises:
        RequestError: An image cannot be read or has another size; the message names it.
    """
    pixels = np.empty((len(names), shape[1], shape[2], shape[0]), np.uint8)

    def one(index: int) -> None:
        image = _opened(listing, names[index])
        if resize:
            image = ImageOps.fit(image, (shape[2], shape[1]), Image.Resampling.LANCZOS)
        _check_size(listing, names[index], image.size, shape)
        values = np.asarray(image.convert(_MODES[shape[0]]))
        pixels[index] = values.reshape(shape[1], shape[2], shape[0])

    _for_each(one, range(len(names)))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _check_sizes(listing: Listing, names: Sequence[str], shape: tuple[int, ...]) -> None:
    """Raise if an image has another size, by the heads of the files."""

    def one(name: str) -> None:
        with listing.open(name) as file, Image.open(file) as image:
            size = _upright_size(image)
        if size != (shape[2], shape[1]):  # the head can miss an orientation: look again
            _check_size(listing, name, _opened(listing, name).size, shape)

    _for_each(one, names)


def _for_each(work: Callable[[T], None], items: Sequence[T]) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(work, items):
            pass


def _check_size(listing: Listing, name: str, size: tuple[int, int], shape: tuple[int, ...]) -> None:
    if size != (shape[2], shape[1]):
        raise RequestError(
            f"{listing.source / name} has {size[0]}x{size[1]} pixels and the first image "
            f"{shape[2]}x{shape[1]}: --set dataset.size=N brings all to N x N"
        )


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the size that an image has once it is decoded, without decoding it."""
    if image.format == "PNG" and "exif" not in image.info:
        return image.size  # Pillow would decode it to look for an orientation behind the pixels
    sideways = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    return image.size[::-1] if sideways else image.size


def _opened(listing: Listing, name: str) -> Image.Image:
    """Decode an image, turned upright, with one to four channels of eight bits."""
    with listing.open(name) as file:
        image = Image.open(io.BytesIO(file.read()))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _wanted(image)


def _wanted(image: Image.Image) -> Image.Image:
    """Return the image with one, two, three or four channels of eight bits."""
    if image.mode in _MODES.values():
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image, dtype=np.float64)
        top = 255.0 if image.mode == "F" and values.max() <= 255 else 65535.0
        return Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if "transparency" in image.info else "RGB")
