"""Pixelate against average pooling, the kaleidoscope against flips, and both against matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.kaleidoscope import Kaleidoscope
from genlab_plugins.degradations.pixelate import Pixelate


def at(t: float, n: int) -> Tensor:
    return torch.full((n,), t, dtype=torch.float64)


def pooled(x: Tensor, k: int) -> Tensor:
    """The super-resolution of Cold Diffusion: average pooling and nearest-neighbour scaling."""
    if k == 1:
        return x
    small = torch.nn.functional.avg_pool2d(x, k)
    return torch.nn.functional.interpolate(small, scale_factor=k, mode="nearest")


@pytest.mark.parametrize(("side", "levels"), [(2, 4), (4, 3), (8, 2), (100, 1)])
def test_pixelate_is_average_pooling(side: int, levels: int) -> None:
    pixelate = Pixelate(side=side)
    x_0 = example_data((3, 32, 32), 2, dtype=torch.float64)
    for k in range(levels):
        for r in (0.0, 0.3, 1.0):
            want = (1 - r) * pooled(x_0, 2**k) + r * pooled(x_0, 2 ** (k + 1))
            got = pixelate.degrade(x_0, at((k + r) / levels, 2), None)
            torch.testing.assert_close(got, want, rtol=0, atol=1e-13)


def test_pixelate_odd_sides() -> None:
    """Seven pixels: pairs and a single one, then (2 + 2) and (2 + 1)."""
    x_0 = example_data((1, 1, 7), 1, dtype=torch.float64)
    a, b, c, d, e, f, g = x_0.flatten().tolist()
    half = Pixelate(side=2).degrade(x_0, at(0.5, 1), None).flatten().tolist()
    assert half == pytest.approx([(a + b) / 2] * 2 + [(c + d) / 2] * 2 + [(e + f) / 2] * 2 + [g])
    left, right = (a + b + c + d) / 4, (e + f + g) / 3
    whole = Pixelate(side=2).degrade(x_0, at(1.0, 1), None)
    assert whole.flatten().tolist() == pytest.approx([left] * 4 + [right] * 3)
    assert Pixelate(side=2).summarize(whole).flatten().tolist() == pytest.approx([left, right])


def folded(x: Tensor, folds: int) -> Tensor:
    """Average over all mirror images in the creases of so many folds each way."""
    for axis in (-2, -1):
        packets = x
        for k in range(folds):  # unfold: mirror images of ever smaller parts
            n = x.shape[axis] // 2**k
            parts = packets.split(n, axis)
            packets = torch.cat([(p + p.flip(axis)) / 2 for p in parts], axis)
        x = packets
    return x


@pytest.mark.parametrize(("side", "folds"), [(16, 1), (8, 2), (4, 3)])
def test_kaleidoscope_is_the_mean_of_mirror_images(side: int, folds: int) -> None:
    x_0 = example_data((2, 32, 32), 2, dtype=torch.float64)
    kaleidoscope = Kaleidoscope(side=side)
    for k in range(folds):
        for r in (0.0, 0.6, 1.0):
            want = (1 - r) * folded(x_0, k) + r * folded(x_0, k + 1)
            got = kaleidoscope.degrade(x_0, at((k + r) / folds, 2), None)
            torch.testing.assert_close(got, want, rtol=0, atol=1e-13)
    last = kaleidoscope.degrade(x_0, at(1.0, 2), None)
    packet = kaleidoscope.summarize(last).reshape(2, 2, side, side)
    torch.testing.assert_close(packet, last[..., :side, :side], rtol=0, atol=1e-13)


def test_folding_an_odd_side_keeps_its_middle() -> None:
    x_0 = torch.tensor([1.0, 2.0, 3.0, 4.0, 7.0]).reshape(1, 1, 1, 5)
    once = Kaleidoscope(side=3).degrade(x_0, torch.ones(1), None)
    assert once.flatten().tolist() == pytest.approx([4, 3, 3, 3, 4])


@pytest.mark.parametrize("degradation", [Pixelate(side=2), Kaleidoscope(side=2)])
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 9, 5), (1, 28, 28)])
def test_laws_of_nested_averages(
    degradation: Pixelate | Kaleidoscope, shape: tuple[int, ...]
) -> None:
    """The mean is kept, the norm falls strictly, and averaging what is averaged changes nothing."""
    x_0 = example_data(shape, 1, dtype=torch.float64)
    many = x_0.expand(101, *shape)
    path = degradation.degrade(many, torch.linspace(0, 1, 101).double(), None)
    torch.testing.assert_close(path.mean((-2, -1)), many.mean((-2, -1)), rtol=0, atol=1e-13)
    assert bool((path.flatten(1).norm(dim=1).diff() < 0).all())
    last = path[-1:]
    torch.testing.assert_close(
        degradation.degrade(last, at(0.4, 1), None), last, rtol=0, atol=1e-13
    )
    c = degradation.summarize(last)
    built = degradation.expand(c, shape, generator=seeded(0))
    torch.testing.assert_close(built, last, rtol=0, atol=1e-13)


def test_sizes_on_mnist() -> None:
    x = example_data((1, 28, 28), 2)
    assert Pixelate().summarize(x).shape == (2, 49)
    assert Pixelate(side=4).summarize(x).shape == (2, 16)
    assert Kaleidoscope().summarize(x).shape == (2, 49)
