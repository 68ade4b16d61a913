"""Pictures of a page: examples as PNG files within it, and drawings as examples."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate as resized

from genlab import DataSpec, Examples, RequestError

__all__ = ["drawn", "png_uri"]

_INK = 0.1  # of full brightness: what is darker is background
_LOOKED_AT = 500  # training images that tell where a drawing belongs


def png_uri(x: Tensor) -> str:
    """Return an image as a PNG file in a data URI, in its own size: the page enlarges it.

    Args:
        x: ``(C, H, W)`` in [-1, 1]; of more than three channels the first is shown, of two likewise.
    """
    levels = ((x.detach().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    if len(levels) == 3:
        image = Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
    else:
        image = Image.fromarray(np.ascontiguousarray(levels[0]))
    return image_uri(image)


def image_uri(image: Image.Image) -> str:
    """Return an image of Pillow as a PNG file in a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def drawn(levels: Sequence[int], spec: DataSpec, train: Examples) -> Tensor:
    """Make an example out of a drawing: as large as training images are, and where they are.

    The drawing is brought to the mean height or width of what is bright in training images, whichever comes
    first, centred where that is centred, and averaged over the area of each pixel, as handwritten digits
    were digitised (LeCun, Bottou, Bengio & Haffner 1998, section III.A).

    Args:
        levels: Grey levels of a square, row by row, 0 for the ground and 255 for ink.
        spec: What the data is.
        train: The training images.

    Returns:
        ``(C, H, W)`` in [-1, 1].

    Raises:
        RequestError: Nothing is drawn, or it is no square.
    """
    side = round(len(levels) ** 0.5)
    if not side or side * side != len(levels):
        raise RequestError(f"a drawing of {len(levels)} numbers is no square")
    ink = torch.tensor(levels, dtype=torch.float32).view(side, side).clamp(0, 255) / 255
    if not (ink > _INK).any():
        raise RequestError("nothing is drawn yet")
    top, bottom, left, right = _box(ink)
    cut = ink[top:bottom, left:right]
    channels, height, width = spec.shape
    (middle_y, middle_x), (most_y, most_x) = _place(train)
    scale = min(most_y / cut.shape[0], most_x / cut.shape[1])
    high, wide = (max(round(length * scale), 1) for length in cut.shape)
    small = resized(cut[None, None], (min(high, height), min(wide, width)), mode="area")[0, 0]
    found = torch.zeros(height, width)
    y = _start(middle_y, small.shape[0], height)
    x = _start(middle_x, small.shape[1], width)
    found[y : y + small.shape[0], x : x + small.shape[1]] = small
    return (2 * found - 1).expand(channels, height, width).clone()


def _box(ink: Tensor) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of what is drawn, the ends not included."""
    rows, columns = (ink > _INK).any(1).nonzero()[:, 0], (ink > _INK).any(0).nonzero()[:, 0]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _place(train: Examples) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the mean centre and the mean size (y, x) of what is bright in training images."""
    images = (train.first(_LOOKED_AT)[0].cpu().mean(1) + 1) / 2
    boxes = torch.tensor([_box(image) for image in images if (image > _INK).any()]).float()
    if not len(boxes):
        height, width = images.shape[1:]
        return (height / 2, width / 2), (float(height), float(width))
    top, bottom, left, right = boxes.mean(0).tolist()
    return ((top + bottom) / 2, (left + right) / 2), (bottom - top, right - left)


def _start(middle: float, length: int, whole: int) -> int:
    return min(max(round(middle - length / 2), 0), whole - length)
