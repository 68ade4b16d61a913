"""Images in a folder or in a ZIP file, with their labels."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from genlab import (
    Depth,
    Examples,
    LazyImages,
    Picture,
    PictureRule,
    RequestError,
    sub_seed,
    unreadable,
)
from genlab_plugins.datasets.decoding import Decoders
from genlab_plugins.datasets.image_labels import labelled
from genlab_plugins.datasets.image_listing import Listing

__all__ = ["Heads", "ImageFiles", "decode", "extremes"]

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 8
_GIB = 2**30
_WHOLE = 2**24
"""Files up to this length are read at once, which saves the ZIP reader from going back."""


@dataclass(frozen=True)
class ImageFiles:
    """A list of image files and what is known about them without decoding all.

    Args:
        listing: Where the files are.
        names: The files.
        labels: The label of each file, or empty where there are no classes.
        class_names: Names of the classes.
    """

    listing: Listing
    names: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]

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
            raise _no_images(listing)
        labels, class_names = labelled(listing, classes)
        return cls(listing, listing.images, labels, class_names)

    def first_shape(self) -> tuple[int, int, int]:
        """Return the shape ``(C, H, W)`` of the first image, by its head.

        Raises:
            RequestError: It cannot be read.
        """
        with _opened(self.listing, self.listing.images[0], whole=True) as picture:
            return (picture.channels, *picture.upright_size()[::-1])

    def chosen(self, index: Sequence[int]) -> ImageFiles:
        """Return some of the files, in the given order."""
        labels = tuple(self.labels[i] for i in index) if self.labels else ()
        return replace(self, names=tuple(self.names[i] for i in index), labels=labels)

    def shuffled(self, seed: int = 0) -> ImageFiles:
        """Return all files in an order that does not follow the classes, the same for a seed."""
        generator = torch.Generator().manual_seed(sub_seed(seed, "order"))
        return self.chosen(torch.randperm(len(self.names), generator=generator).tolist())

    def examples(
        self,
        shape: tuple[int, ...],
        rule: PictureRule | None = None,
        *,
        resize: bool = False,
        memory: float = 4.0,
        workers: int = 0,
    ) -> Examples:
        """Decode the images, or promise to decode them when they do not fit into memory.

        Args:
            shape: Shape ``(C, H, W)`` that every image has, or is brought to.
            rule: How their numbers become grey levels; None: by the whole range of each.
            resize: Whether images of another size are resized and cropped.
            memory: Largest size in GiB that is held in memory.
            workers: Processes that decode what does not fit into memory, as many batches ahead; 0: threads of
                this one do, one batch ahead.

        Raises:
            RequestError: An image cannot be read or has another size; the message names it.
        """
        rule = rule or PictureRule()

        def some(index: Tensor) -> Tensor:
            each = [self.names[int(i)] for i in index]
            return decode(self.listing, each, shape, rule, resize=resize)

        y = torch.tensor(self.labels) if self.labels else None
        if len(self.names) * float(np.prod(shape)) <= memory * _GIB:
            return Examples(some(torch.arange(len(self.names))), y)
        if not resize:
            self._check_sizes(shape, rule)
        if not workers:
            return Examples(LazyImages(some, len(self.names), tuple(shape)), y)
        decoders = Decoders(workers, tuple(shape), rule, resize=resize)

        def sent(index: Tensor) -> Tensor:
            return torch.from_numpy(decoders([self._read(self.names[int(i)]) for i in index]))

        return Examples(LazyImages(sent, len(self.names), tuple(shape), ahead=workers), y)

    def _read(self, name: str) -> tuple[str, bytes]:
        """Return the name of a file, as errors call it, and its content."""
        path = self.listing.source / name
        with unreadable(path), self.listing.store.open(name) as file:
            return str(path), file.read()

    def _check_sizes(self, shape: tuple[int, ...], rule: PictureRule) -> None:
        """Raise if an image has another size, by the heads of the files."""

        def one(name: str) -> None:
            with _opened(self.listing, name) as picture:
                if (picture.height, picture.width) == shape[1:]:
                    return
            with _opened(
                self.listing, name, whole=True
            ) as picture:  # a head can miss an orientation
                picture.pixels(shape, rule, resize=False)

        for _ in _each(one, self.names):
            pass


@dataclass(frozen=True)
class Heads:
    """What the heads of all files of a data set say.

    Args:
        channels: How many files have 1 (grey), 2 (grey and opacity), 3 (colour) and 4 channels.
        depths: How many have numbers of which kind.
        several: How many hold several pictures.
    """

    channels: Counter[int]
    depths: Counter[Depth]
    several: int

    @classmethod
    def of(cls, parts: Iterable[ImageFiles]) -> Heads:
        """Read the heads of all files.

        Raises:
            RequestError: A file is no picture; the message names it.
        """
        found = cls(Counter(), Counter(), 0)
        for files in parts:
            for channels, depth, several in _each(_head_in(files.listing), files.names):
                found.channels[channels] += 1
                found.depths[depth] += 1
                found = replace(found, several=found.several + several)
        return found

    @property
    def richest(self) -> int:
        """The channels that lose nothing of any file."""
        colour = 3 if any(c > 2 for c in self.channels) else 1
        return colour + any(c in (2, 4) for c in self.channels)

    @property
    def deepest(self) -> Depth:
        """The deepest kind of numbers."""
        return max(self.depths, key=get_args(Depth).index)


def extremes(parts: Iterable[ImageFiles], depth: Depth) -> tuple[float, float]:
    """Return the smallest and the largest number of all files of a depth, which are decoded for it.

    Raises:
        RequestError: A file cannot be read; the message names it.
    """
    found = [
        pair
        for files in parts
        for pair in _each(_extremes_in(files.listing, depth), files.names)
        if pair
    ]
    return min(low for low, _ in found), max(high for _, high in found)


def decode(
    listing: Listing,
    names: Sequence[str],
    shape: tuple[int, ...],
    rule: PictureRule,
    *,
    resize: bool = False,
) -> Tensor:
    """Decode images in threads.

    Args:
        listing: Where the files are.
        names: The files.
        shape: Shape ``(C, H, W)`` of the result.
        rule: How their numbers become grey levels.
        resize: Whether images of another size are resized and cropped.

    Returns:
        uint8 images ``(N, C, H, W)``.

    Raises:
        RequestError: An image cannot be read or has another size; the message names it.
    """
    pixels = np.empty((len(names), *shape), np.uint8)

    def one(index: int) -> None:
        with _opened(listing, names[index], whole=True) as picture:
            pixels[index] = picture.pixels(shape, rule, resize=resize)

    for _ in _each(one, range(len(names))):
        pass
    return torch.from_numpy(pixels)


def _head_in(listing: Listing) -> Callable[[str], tuple[int, Depth, bool]]:
    def head(name: str) -> tuple[int, Depth, bool]:
        with _opened(listing, name) as picture:
            return picture.channels, picture.depth, picture.several

    return head


def _extremes_in(listing: Listing, depth: Depth) -> Callable[[str], tuple[float, float] | None]:
    def found(name: str) -> tuple[float, float] | None:
        with _opened(listing, name, whole=True) as picture:
            return picture.extremes() if picture.depth == depth else None

    return found


@contextmanager
def _opened(listing: Listing, name: str, *, whole: bool = False) -> Iterator[Picture]:
    """Open a picture; ``whole`` where its pixels will be asked for."""
    path = listing.source / name
    with unreadable(path):
        size = listing.store.size(name)
        with listing.store.open(name) as file:
            at_once = whole and size <= _WHOLE
            yield Picture(path, io.BytesIO(file.read()) if at_once else file, size)


def _each(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(work, items)


def _no_images(listing: Listing) -> RequestError:
    others, foreign = listing.counted_others(), listing.foreign()
    there = f"; there are {others}" if others else ""
    why = f", and {foreign} is of a format that is not read" if foreign else ""
    return RequestError(
        f"{listing.source} has no images: expected are files such as <class>/<image>.png{there}{why}"
    )
