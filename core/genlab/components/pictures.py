"""Pictures in files: the one way in which they are read, to learn from them and to use a trained model.

A picture is turned upright by its EXIF orientation, its numbers become grey levels from 0 to 255 by a
:class:`PictureRule` that holds for a whole data set, another size is resized to cover the wanted one and
cropped around its middle, and grey, colour and opacity become the channels that are asked for. Only the
formats of :data:`FORMATS` are opened: none of them runs another program.
"""

from __future__ import annotations

import lzma
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import PurePath
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from genlab.errors import RequestError

__all__ = [
    "FORMATS",
    "Depth",
    "Picture",
    "PictureRule",
    "is_picture",
    "unreadable",
]

Depth = Literal["8-bit", "integer", "float"]
"""Kinds of numbers in files, the deepest last: of eight bits and fewer, whole numbers of more, fractions."""

FORMATS = frozenset(
    {
        "AVIF",
        "BMP",
        "DIB",
        "GIF",
        "JPEG",
        "JPEG2000",
        "MPO",
        "PCX",
        "PNG",
        "PPM",
        "SGI",
        "TGA",
        "TIFF",
        "WEBP",
    }
)
"""The formats that are read, by Pillow's names."""

_MOST_PIXELS = 2**26
_MOST_BYTES = 2**29
_LARGE_PIXELS, _LARGE_BYTES = 2**22, 2**24
_ONE_AT_A_TIME = threading.Lock()  # for large pictures, which threads must not decode together

_NATURAL: dict[Depth, tuple[float, float]] = {
    "8-bit": (0.0, 255.0), "integer": (0.0, 65535.0), "float": (0.0, 1.0)
}  # fmt: skip
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that exchange width and height."""

_DAMAGED = (
    OSError, RuntimeError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError,
    OverflowError, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
    Image.DecompressionBombError, Image.DecompressionBombWarning, UserWarning,
)  # fmt: skip
"""What Python and Pillow raise for files that are damaged, encrypted or not readable."""


@contextmanager
def unreadable(name: object) -> Iterator[None]:
    """Turn what is raised for a file that cannot be read into one line that names it.

    Args:
        name: The file.

    Raises:
        RequestError: The body raised what a damaged file makes Python or Pillow raise.
    """
    try:
        yield
    except RequestError:
        raise
    except FileNotFoundError:
        raise RequestError(f"{name}: there is no such file") from None
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "it is no picture of a format that is read"
        raise RequestError(f"{name} cannot be read: {reason}") from None


def is_picture(name: PurePath | str) -> bool:
    """Say whether a file is a picture of a format that is read, by its suffix.

    Example:
        >>> is_picture("cat.PNG"), is_picture("labels.csv")
        (True, False)
    """
    return PurePath(name).suffix.lower() in _suffixes()


@cache
def _formats() -> list[str]:
    """Return the formats that are read and that this Pillow knows."""
    Image.init()
    return sorted(FORMATS & Image.OPEN.keys())


@cache
def _suffixes() -> frozenset[str]:
    known = _formats()
    return frozenset(s for s, name in Image.registered_extensions().items() if name in known)


@dataclass(frozen=True)
class PictureRule:
    """How numbers and opacity of picture files become grey levels, one rule for a whole data set.

    Numbers ``v`` of the files of one depth become :math:`u = 255 (v - a) / (b - a)`, rounded, where what lies
    beyond ``a`` and ``b`` is black or white. Files of the other depths are read by the whole range of
    theirs: 0 to 255, 0 to 65535 and 0 to 1.

    Args:
        range: The values ``(a, b)`` that become black and white. None: the whole range of the depth.
        depth: The files that ``range`` is about.
        background: The colour (red, green, blue) that transparency is laid over.
    """

    range: tuple[float, float] | None = None
    depth: Depth = "8-bit"
    background: tuple[int, int, int] = (255, 255, 255)

    def range_of(self, depth: Depth) -> tuple[float, float]:
        """Return the values of files of a depth that become black and white."""
        return self.range if self.range and depth == self.depth else _NATURAL[depth]


class Picture:
    """A picture file whose head was read, and whose pixels are decoded when they are asked for.

    Args:
        name: What errors call it.
        file: The opened file, at its beginning; it stays open as long as the picture is used.
        size: Its length in bytes.

    Raises:
        RequestError: It is no picture of a format that is read, is damaged, or has more than 2**26 pixels
            or 2**29 bytes.
    """

    def __init__(self, name: PurePath | str, file: IO[bytes], size: int = 0) -> None:
        self.name, self._large = name, size > _LARGE_BYTES
        with unreadable(name):
            if size > _MOST_BYTES:
                raise ValueError(f"it has {size} bytes, and at most {_MOST_BYTES} are read")
            self._image = Image.open(file, formats=_formats())
            self.width, self.height = self._image.size
            if self.width * self.height > _MOST_PIXELS:
                raise ValueError(
                    f"it has {self.width} x {self.height} pixels, and at most {_MOST_PIXELS} are read"
                )
            if self._is_sideways():
                self.width, self.height = self.height, self.width
        self._large = self._large or self.width * self.height > _LARGE_PIXELS

    @cached_property
    def depth(self) -> Depth:
        """The kind of its numbers."""
        if self._image.mode == "F":
            return "float"
        return "integer" if self._image.mode.startswith("I") else "8-bit"

    @cached_property
    def channels(self) -> int:
        """How many channels it has: 1 (grey), 2 (grey and opacity), 3 (colour) or 4 (colour and opacity)."""
        grey = self.depth != "8-bit" or self._image.mode in ("1", "L", "LA", "La")
        return (1 if grey else 3) + self._image.has_transparency_data

    @cached_property
    def several(self) -> bool:
        """Whether the file holds more pictures than the first, which alone is read."""
        with unreadable(self.name):
            return bool(getattr(self._image, "is_animated", False))

    def upright_size(self) -> tuple[int, int]:
        """Return width and height once it is turned upright; it is decoded for it."""
        with unreadable(self.name), self._one_of_few():
            ImageOps.exif_transpose(self._image, in_place=True)
            return self._image.size

    def extremes(self) -> tuple[float, float]:
        """Return the smallest and the largest of its numbers."""
        with unreadable(self.name), self._one_of_few():
            values = _numbers(self._image)
            return float(values.min()), float(values.max())

    def pixels(
        self, shape: tuple[int, ...], rule: PictureRule, *, resize: bool = True
    ) -> NDArray[np.uint8]:
        """Decode the picture.

        Args:
            shape: The wanted shape ``(C, H, W)``, with one to four channels.
            rule: How its numbers become grey levels.
            resize: Whether another size is resized and cropped around the middle; otherwise it is refused.

        Returns:
            uint8 ``(C, H, W)``.

        Raises:
            RequestError: It is damaged or has another size.
        """
        with unreadable(self.name), self._one_of_few():
            ImageOps.exif_transpose(self._image, in_place=True)
            image = _plain(self._image, rule)
        size = (shape[2], shape[1])
        if image.size != size:
            if not resize:
                raise RequestError(
                    f"{self.name} has {image.width}x{image.height} pixels and the first image "
                    f"{size[0]}x{size[1]}: --set dataset.size=N brings all to N x N"
                )
            image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
        return _channels(image, shape[0], rule.background)

    def _one_of_few(self) -> Any:
        return _ONE_AT_A_TIME if self._large else nullcontext()

    def _is_sideways(self) -> bool:
        """Say whether the head has an orientation that exchanges the sides."""
        if self._image.format == "PNG" and "exif" not in self._image.info:
            return False  # Pillow would decode it to look for an orientation behind the pixels
        return self._image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS


def _numbers(image: Image.Image) -> NDArray[np.float32]:
    """Return the numbers of a grey picture of more than eight bits."""
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it has numbers that are not finite")
    return values


def _plain(image: Image.Image, rule: PictureRule) -> Image.Image:
    """Return the picture as grey or colour of eight bits, with opacity where it has some."""
    if image.mode.startswith("I") or image.mode == "F":
        return _shallow(image, rule)
    opaque = not image.has_transparency_data
    if image.mode in ("1", "L", "LA", "La"):
        plain = image.convert("L" if opaque else "LA")
    else:
        plain = image.convert("RGB" if opaque else "RGBA")
    low, high = rule.range_of("8-bit")
    if (low, high) == _NATURAL["8-bit"]:
        return plain
    levels = _levels(np.arange(256), low, high).tolist()
    colours = len(plain.getbands()) - (not opaque)
    return plain.point(levels * colours + list(range(256)) * (not opaque))


def _shallow(image: Image.Image, rule: PictureRule) -> Image.Image:
    """Bring a grey picture of more than eight bits to eight."""
    depth: Depth = "float" if image.mode == "F" else "integer"
    low, high = rule.range_of(depth)
    values = _numbers(image)
    if rule.range is None or depth != rule.depth:
        least, most = float(values.min()), float(values.max())
        if least < low or most > high:
            raise ValueError(
                f"it has values from {least:g} to {most:g}, and {low:g} to {high:g} is read of files of its "
                f"kind ({depth}): dataset.range says which values are black and white"
            )
    grey = Image.fromarray(_levels(values, low, high))
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):  # a 16-bit grey PNG may name one value that is transparent
        grey.putalpha(Image.fromarray(np.where(values == hidden, 0, 255).astype(np.uint8)))
    return grey


def _levels(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return scaled.clip(0, 255).round().astype(np.uint8)


def _channels(
    image: Image.Image, channels: int, background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return uint8 ``(C, H, W)`` with the wanted channels; transparency is laid over the background."""
    if len(image.getbands()) in (2, 4):
        pixels = np.array(image.convert("RGBA"))
        colour, opacity = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
        ground = np.array(background, np.uint16)
        if channels in (2, 4):  # what nobody sees is the background, too
            pixels[..., :3] = np.where(opacity == 0, ground, colour)
            image = Image.fromarray(pixels)
        else:
            blended = (colour * opacity + ground * (255 - opacity) + 127) // 255
            image = Image.fromarray(blended.astype(np.uint8))
    values = np.asarray(image.convert(_MODES[channels]))
    return values.reshape(*values.shape[:2], channels).transpose(2, 0, 1)
