r"""Images as pixels: mosaics, pictures and animations.

An image of the data convention becomes pixels by :math:`u = \operatorname{round}(127.5\,(x + 1))`,
after clamping to [-1, 1]. One channel is grey, three are colour, four are colour and opacity, which
is laid over white. Of two channels the first is shown, of more than four the first three.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from genlab.errors import RequestError
from genlab.files import write_bytes

__all__ = ["Pixels", "png_bytes", "save_gif", "save_png", "tile", "to_uint8"]

Pixels = NDArray[np.uint8]
"""Grey levels or colours of pixels, 0 to 255."""

WHITE = 255
_LEGIBLE = 56  # dots that an image should at least measure


def to_uint8(x: Tensor) -> Pixels:
    """Turn images into pixels.

    Args:
        x: Images ``(B, C, H, W)`` in [-1, 1], on any device. Values outside are clamped, and what
            is no number is black.

    Returns:
        Pixels ``(B, H, W, C)`` with 1, 3 or 4 channels.
    """
    if x.ndim != 4:
        raise RequestError(f"images have the shape (B, C, H, W), not {tuple(x.shape)}")
    shown = {1: 1, 2: 1, 3: 3, 4: 4}.get(x.shape[1], 3)
    x = x.detach()[:, :shown].float().nan_to_num(nan=-1.0).clamp(-1, 1)
    pixels = ((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
    return np.ascontiguousarray(pixels.cpu().numpy())


def tile(x: Tensor, columns: int | None = None, pad: int = 2, scale: int | None = None) -> Pixels:
    """Lay images out as one mosaic, row by row, each pixel enlarged to a square.

    Args:
        x: Images ``(B, C, H, W)`` in [-1, 1].
        columns: How many images make a row. None: as many as make the mosaic about square.
        pad: Width of the white line between images, in pixels of the mosaic.
        scale: Side of the square that one pixel becomes. None: what makes small images legible.

    Returns:
        The mosaic, ``(height, width)`` for grey images and ``(height, width, 3)`` for colour.
    """
    return tile_pixels(opaque(to_uint8(x)), columns, pad, scale)


def tile_pixels(
    pixels: Pixels, columns: int | None = None, pad: int = 2, scale: int | None = None
) -> Pixels:
    """Lay pixels ``(B, H, W, C)`` with one or three channels out, as :func:`tile` does."""
    if not len(pixels):
        raise RequestError("there are no images to show")
    columns = min(columns or math.ceil(math.sqrt(len(pixels))), len(pixels))
    scale = scale or max(1, math.ceil(_LEGIBLE / max(pixels.shape[1:3])))
    large = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    mosaic = _mosaic(large, columns, pad)
    return mosaic[..., 0] if mosaic.shape[-1] == 1 else mosaic


def _mosaic(pixels: Pixels, columns: int, pad: int) -> Pixels:
    n, height, width, channels = pixels.shape
    rows = math.ceil(n / columns)
    cells = np.full((rows * columns, height + pad, width + pad, channels), WHITE, np.uint8)
    cells[:n, :height, :width] = pixels
    grid = cells.reshape(rows, columns, height + pad, width + pad, channels).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + pad), columns * (width + pad), channels)
    return whole[: rows * (height + pad) - pad, : columns * (width + pad) - pad]


def opaque(pixels: Pixels) -> Pixels:
    """Lay pixels with opacity ``(..., 4)`` over white; others come back as they are."""
    if pixels.shape[-1] != 4:
        return pixels
    opacity = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * opacity + WHITE * (1 - opacity)).astype(np.uint8)


def png_bytes(array: Pixels) -> bytes:
    """Return pixels ``(H, W)`` or ``(H, W, C)`` as a PNG file in memory."""
    buffer = io.BytesIO()
    _image(array).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_png(path: str | Path, array: Pixels) -> Path:
    """Write pixels ``(H, W)`` or ``(H, W, C)`` as a PNG file, whole or not at all."""
    path = Path(path)
    write_bytes(path, png_bytes(array))
    return path


def save_gif(path: str | Path, frames: Sequence[Pixels], ms: int = 80, hold: int = 1500) -> Path:
    """Write an animation that repeats for ever, whole or not at all.

    Args:
        path: Where to.
        frames: Pixels ``(H, W)`` or ``(H, W, 3)``, all of one shape.
        ms: How long each frame is shown, in milliseconds (GIF counts in tens).
        hold: How long the last frame is shown.

    Returns:
        The path. Equal frames in a row become one, which is shown for as long as they were.
    """
    if not len(frames):
        raise RequestError("an animation needs at least one frame")
    first, *others = [_palette(frame) for frame in frames]
    durations = [ms] * len(others) + [hold]
    options: dict[str, Any] = {"save_all": True, "append_images": others, "loop": 0}
    buffer = io.BytesIO()
    first.save(buffer, format="GIF", duration=durations, optimize=False, **options)
    path = Path(path)
    write_bytes(path, buffer.getvalue())
    return path


def _image(array: Pixels) -> Image.Image:
    grey = array.ndim == 3 and array.shape[-1] == 1
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if grey else array))


def _palette(frame: Pixels) -> Image.Image:
    image = _image(opaque(frame) if frame.ndim == 3 else frame)
    if image.mode == "L":
        return image
    return image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
