"""Drawings as examples, and examples as pictures of a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import genlab
from genlab import DataSpec, Examples, RequestError
from genlab_plugins.play.pictures import drawn, png_uri

SPEC = DataSpec((1, 8, 8), "image")
SIDE = 64


def levels(ink: Tensor) -> list[int]:
    return [int(v) for v in (255 * ink).flatten()]


def box_at(top: int, left: int, height: int, width: int) -> Tensor:
    ink = torch.zeros(SIDE, SIDE)
    ink[top : top + height, left : left + width] = 1
    return ink


def framed(top: int, left: int, height: int, width: int) -> Examples:
    """Images whose bright part is one box."""
    x = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    x[:, :, top : top + height, left : left + width] = 255
    return Examples(x)


@pytest.mark.parametrize("place", [(0, 0), (10, 40), (30, 5)])
@pytest.mark.parametrize("side", [6, 20])
def test_a_drawing_comes_to_the_place_and_size_of_the_data(
    place: tuple[int, int], side: int
) -> None:
    found = drawn(levels(box_at(*place, side, side)), SPEC, framed(1, 2, 6, 4))
    bright = (found[0] > 0).nonzero()
    assert found.shape == (1, 8, 8)
    assert set(found.unique().tolist()) <= {-1.0, 1.0}, "a full box stays full"
    assert bright.min(0).values.tolist() == [2, 2]  # 4 x 4, whose middle is that of the data
    assert bright.max(0).values.tolist() == [5, 5]


def test_a_drawing_keeps_its_proportions() -> None:
    found = drawn(levels(box_at(8, 20, 48, 12)), SPEC, framed(0, 1, 8, 6))
    rows, columns = (found[0] > 0).nonzero().T
    assert (rows.unique().numel(), columns.unique().numel()) == (8, 2)


def test_pixels_are_means_over_their_areas() -> None:
    ink = box_at(0, 0, 64, 64)
    ink[:, 32:] = 0.5
    found = drawn(levels(ink), SPEC, framed(0, 0, 8, 8))
    assert found[0, :, :4].min() == 1
    torch.testing.assert_close(found[0, :, 4:], torch.full((8, 4), 2 * 127 / 255 - 1))


def test_grey_is_every_colour(digits: genlab.Data) -> None:
    spec = DataSpec((3, 8, 8), "image")
    found = drawn(levels(box_at(5, 20, 50, 10)), spec, digits.train)
    assert found.shape == (3, 8, 8)
    assert (found == found[:1]).all()
    assert -1 == found.min() < found.max()


@pytest.mark.parametrize(
    ("given", "said"),
    [([0] * 64, "nothing is drawn yet"), ([255] * 63, "63 numbers is no square"),
     ([], "0 numbers is no square")],
)  # fmt: skip
def test_no_drawing(given: list[int], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        drawn(given, SPEC, framed(0, 0, 8, 8))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB")])
def test_a_picture_holds_the_pixels_as_they_are(channels: int, mode: str) -> None:
    x = torch.rand(channels, 5, 7, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2
    head, _, body = png_uri(x).partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(body)))
    assert head == "data:image/png;base64"
    assert (image.mode, image.size) == (mode, (7, 5))
    wanted = ((x.clamp(-1, 1) + 1) * 127.5).round().numpy().transpose(1, 2, 0)
    wanted = wanted if channels == 3 else wanted[..., 0]
    np.testing.assert_array_equal(np.asarray(image), wanted)
