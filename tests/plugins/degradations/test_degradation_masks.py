"""Masks against their definitions pixel by pixel, and the coarse image against least squares."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor

from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.coarse import block_means, coarse_grid, low_pass, smooth_image
from genlab_plugins.degradations.covering import Covering
from genlab_plugins.degradations.mask_box import MaskBox
from genlab_plugins.degradations.mask_dropout import MaskDropout
from genlab_plugins.degradations.mask_gaussian import MaskGaussian

MASKS: list[Covering] = [MaskBox(), MaskDropout(), MaskGaussian()]
SHAPES = [(1, 8, 8), (2, 9, 12), (1, 28, 28), (1, 1, 6)]


def at(t: float, n: int = 1) -> Tensor:
    return torch.full((n,), t, dtype=torch.float64)


def smooth(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The lowest cosines by SciPy's transform."""
    spectrum = scipy.fft.dctn(x, type=2, axes=(-2, -1), norm="ortho")
    spectrum[..., rows:, :] = 0
    spectrum[..., columns:] = 0
    return np.asarray(scipy.fft.idctn(spectrum, type=2, axes=(-2, -1), norm="ortho"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [1, 3, 4, 50])
def test_coarse_image(shape: tuple[int, ...], side: int) -> None:
    x = example_data(shape, 2, dtype=torch.float64)
    grid = coarse_grid(side, shape)
    assert all(g == min(side, math.ceil(n / 2)) for g, n in zip(grid, shape[-2:], strict=True))
    low = low_pass(x, grid)
    np.testing.assert_allclose(low.numpy(), smooth(x.numpy(), *grid), atol=1e-12)
    means = block_means(low, grid)
    torch.testing.assert_close(smooth_image(means, grid, shape), low, rtol=0, atol=1e-11)
    assert float(smooth_image(means.abs(), grid, shape).abs().max()) < 10  # well conditioned


def test_block_means_share_pixels_on_a_border() -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(1, 1, 1, 5).double()
    assert block_means(x, (1, 2)).flatten().tolist() == pytest.approx([4.5 / 2.5, 10.5 / 2.5])


def test_gaussian_hole_pixel_by_pixel() -> None:
    shape, width, holes = (1, 5, 9), 0.3, 3
    z = torch.tensor([[0.2, 0.9], [0.5, 0.5]], dtype=torch.float64)
    t = torch.tensor([0.3, 0.8], dtype=torch.float64)
    mask = MaskGaussian(width=width, holes=holes).mask(t, z, shape)
    for b in range(2):
        sigma = width * 9 / math.sqrt(2 * math.log(1 / float(t[b])))
        for i in range(5):
            for j in range(9):
                square = (i + 0.5 - float(z[b, 0]) * 5) ** 2 + (j + 0.5 - float(z[b, 1]) * 9) ** 2
                hole = float(t[b]) * math.exp(-square / (2 * sigma**2))
                assert float(mask[b, 0, i, j]) == pytest.approx(1 - (1 - hole) ** holes, abs=1e-12)


def test_box_area_pixel_by_pixel() -> None:
    """The area of the box inside each pixel, by counting points."""
    shape, fine = (1, 4, 6), 200
    z = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    for t in (0.0, 0.01, 0.4, 0.83, 1.0):
        inside = []
        for share, n in zip(z[0].tolist(), shape[-2:], strict=True):
            q = share * n
            points = (np.arange(n * fine) + 0.5) / fine
            within = (points > (1 - t) * q) & (points < (1 - t) * q + t * n)
            inside.append(within.reshape(n, fine).mean(1))
        want = np.outer(*inside)
        got = MaskBox().mask(at(t), z, shape)[0, 0].numpy()
        np.testing.assert_allclose(got, want, atol=0.02)
        assert got.sum() == pytest.approx(t * 4 * t * 6, abs=1e-12)


def test_dropout_order() -> None:
    """Every pixel has its turn, each takes a tenth of the time, and one at least is always fading."""
    shape = (1, 4, 5)
    x_0 = example_data(shape, 2, dtype=torch.float64)
    dropout = MaskDropout(fade=0.01)
    z = dropout.draw(x_0, generator=seeded(0))
    for example in z:
        want = torch.arange(20, dtype=torch.float64) / 19
        assert torch.equal(example.flatten().sort().values, want)
    assert not torch.equal(z[0], z[1])
    for t in np.linspace(0.002, 0.998, 101):
        mask = dropout.mask(at(t, 2), z, shape).flatten(1)
        fading = ((mask > 0) & (mask < 1)).sum(1)
        assert bool((fading >= 1).all())
        assert bool((fading <= 2).all())  # 1/20 of the time each
        order = z.flatten(1).argsort(1)
        assert bool((mask.gather(1, order).diff(dim=1) <= 0).all())


@pytest.mark.parametrize("degradation", MASKS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("shape", SHAPES)
def test_laws_of_masks(degradation: Covering, shape: tuple[int, ...]) -> None:
    """Masks grow in every pixel from exactly 0 to exactly 1; what they hide shows the coarse image."""
    x_0 = example_data(shape, 1, dtype=torch.float64)
    z = degradation.draw(x_0, generator=seeded(0))
    assert z is not None
    n = 101
    times = torch.linspace(0, 1, n, dtype=torch.float64)
    many = z.expand(n, *z.shape[1:])
    mask = degradation.mask(times, many, shape)
    assert float(mask[0].abs().max()) == 0
    torch.testing.assert_close(mask[-1], torch.ones_like(mask[-1]), rtol=0, atol=1e-14)
    assert bool((mask.diff(dim=0) >= 0).all())
    assert bool((mask.flatten(1).sum(1).diff() > 0).all())
    low = torch.from_numpy(smooth(x_0.numpy(), *coarse_grid(4, shape)))
    got = degradation.degrade(x_0.expand(n, *shape), times, many)
    torch.testing.assert_close(got, (1 - mask) * x_0 + mask * low, rtol=0, atol=1e-12)
    c = degradation.summarize(got[-1:])
    built = degradation.expand(c, shape, generator=seeded(0))
    torch.testing.assert_close(built, got[-1:], rtol=0, atol=1e-11)


@pytest.mark.parametrize("degradation", MASKS, ids=lambda d: type(d).__name__)
def test_adjoints_as_matrices(degradation: Covering) -> None:
    shape = (1, 5, 6)
    basis = torch.eye(30, dtype=torch.float64).reshape(30, *shape)
    z = degradation.draw(basis[:1], generator=seeded(3))
    assert z is not None
    many = z.repeat_interleave(30, 0)
    for t in (0.2, 0.6, 1.0):
        a = degradation.A(basis, at(t, 30), many).flatten(1).T
        b = degradation.A_adjoint(basis, at(t, 30), many).flatten(1).T
        torch.testing.assert_close(b, a.T, rtol=0, atol=1e-14)


def test_sizes_on_mnist() -> None:
    for degradation in MASKS:
        assert degradation.summarize(example_data((1, 28, 28), 2)).shape == (2, 16)
    assert MaskBox(carry=7).summarize(example_data((1, 28, 28), 2)).shape == (2, 49)
