"""Pixels, mosaics, pictures and animations, read back and compared with what went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genlab.errors import RequestError
from genlab.report.figures.images import save_gif, save_png, tile, to_uint8


def images(n: int, c: int = 1, h: int = 8, w: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n + c)
    return torch.randint(0, 256, (n, c, h, w), generator=generator).float() / 127.5 - 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_grey_level_survives(dtype: torch.dtype) -> None:
    levels = torch.arange(256)
    x = (levels.to(dtype) / 127.5 - 1).reshape(1, 1, 16, 16)
    assert to_uint8(x).ravel().tolist() == levels.tolist()


def test_values_outside_are_clamped_and_nan_is_black() -> None:
    x = torch.tensor([-9.0, 9.0, torch.inf, -torch.inf, torch.nan, 0.0]).reshape(1, 1, 2, 3)
    assert to_uint8(x).ravel().tolist() == [0, 255, 255, 0, 0, 128]


def test_gradients_and_half_precision_are_no_obstacle() -> None:
    x = images(2, 3).requires_grad_()
    assert to_uint8(x.half()).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(("given", "shown"), [(1, 1), (2, 1), (3, 3), (4, 4), (5, 3), (7, 3)])
def test_the_first_channels_are_shown(given: int, shown: int) -> None:
    x = images(2, given)
    pixels = to_uint8(x)
    assert pixels.shape == (2, 8, 8, shown)
    expected = np.rint((x[:, :shown].double().numpy() + 1) * 127.5)
    np.testing.assert_array_equal(pixels, expected.transpose(0, 2, 3, 1))


def test_vectors_are_refused_as_images() -> None:
    with pytest.raises(RequestError, match=r"\(B, C, H, W\)"):
        to_uint8(torch.zeros(3, 2))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 10),
    c=st.sampled_from([1, 3]),
    h=st.integers(1, 6),
    w=st.integers(1, 6),
    columns=st.integers(1, 12),
    pad=st.integers(0, 3),
    scale=st.integers(1, 4),
)
def test_a_mosaic_holds_every_image(
    n: int, c: int, h: int, w: int, columns: int, pad: int, scale: int
) -> None:
    x = images(n, c, h, w)
    mosaic = tile(x, columns, pad, scale).reshape(-1, tile(x, columns, pad, scale).shape[1], c)
    across = min(columns, n)
    down = -(-n // across)
    assert mosaic.shape[0] == down * h * scale + (down - 1) * pad
    assert mosaic.shape[1] == across * w * scale + (across - 1) * pad
    seen = np.zeros(mosaic.shape[:2], bool)
    for i, pixels in enumerate(to_uint8(x)):
        row, column = divmod(i, across)
        top, left = row * (h * scale + pad), column * (w * scale + pad)
        cell = np.s_[top : top + h * scale, left : left + w * scale]
        np.testing.assert_array_equal(mosaic[cell], np.kron(pixels, np.ones((scale, scale, 1))))
        seen[cell] = True
    assert (mosaic[~seen] == 255).all(), "what is between and after the images is white"


def test_a_mosaic_is_about_square_and_small_images_are_enlarged() -> None:
    mosaic = tile(images(9), pad=0)
    assert mosaic.shape == (3 * 56, 3 * 56)
    assert tile(images(1, 3, 64, 64)).shape == (64, 64, 3)


def test_opacity_is_laid_over_white() -> None:
    x = torch.tensor([-1.0, -1.0, -1.0, 0.0]).reshape(1, 4, 1, 1)
    assert tile(x, scale=1).tolist() == [[[127, 127, 127]]]  # 255 * (1 - 128 / 255)
    clear = torch.tensor([1.0, -1.0, 0.3, -1.0]).reshape(1, 4, 1, 1)
    assert tile(clear, scale=1).tolist() == [[[255, 255, 255]]]


def test_a_mosaic_of_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="no images"):
        tile(torch.zeros(0, 1, 8, 8))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_pixels(tmp_path: Path, channels: int) -> None:
    mosaic = tile(images(4, channels))
    path = save_png(tmp_path / "deep" / "grid.png", mosaic)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), mosaic)
    assert [p.name for p in path.parent.iterdir()] == ["grid.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_has_its_frames_and_times(tmp_path: Path, channels: int) -> None:
    frames = [tile(images(n + 1, channels)[-1:], scale=2) for n in range(5)]
    path = save_gif(tmp_path / "walk.gif", frames, ms=70, hold=900)
    with Image.open(path) as image:
        assert image.n_frames == 5
        assert image.info["loop"] == 0
        durations = []
        for i, frame in enumerate(frames):
            image.seek(i)
            durations.append(image.info["duration"])
            shown = np.asarray(image.convert("RGB"))
            wanted = np.broadcast_to(frame.reshape(*frame.shape[:2], -1), shown.shape)
            np.testing.assert_array_equal(shown, wanted)  # 64 colours fit into a palette
    assert durations == [70] * 4 + [900]


def test_equal_frames_are_shown_as_long_as_they_were(tmp_path: Path) -> None:
    frame, other = tile(images(1)), tile(images(2)[1:])
    path = save_gif(tmp_path / "still.gif", [other, frame, frame], ms=100, hold=500)
    with Image.open(path) as image:
        image.seek(image.n_frames - 1)
        assert image.info["duration"] == 600


def test_an_animation_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="at least one frame"):
        save_gif(tmp_path / "none.gif", [])
    assert not list(tmp_path.iterdir())
