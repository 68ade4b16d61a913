"""Blurs against explicit convolutions by SciPy and against its cosine transform."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import torch

from genlab import LinearDegradation, RequestError
from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.bases import cosines, fourier
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.degradations.blur_cascade import BlurCascade
from genlab_plugins.degradations.blur_noise import BlurNoise
from genlab_plugins.degradations.soft_blur import SoftBlur

Boundary = Literal["reflect", "circular"]
SHAPES = [(1, 28, 28), (2, 9, 14), (3, 5, 8)]


def kernel(size: int, sigma: float) -> np.ndarray:
    """The kernel of Cold Diffusion's code: a Gaussian at the pixels, cut off and normalised."""
    place = np.arange(size) - size // 2
    one = np.exp(-(place**2) / (2 * sigma**2))
    two = np.outer(one, one)
    return np.asarray(two / two.sum())


def convolved(x: np.ndarray, weights: np.ndarray, boundary: Boundary) -> np.ndarray:
    mode = {"reflect": "reflect", "circular": "wrap"}[boundary]
    return np.stack(
        [[scipy.ndimage.convolve(channel, weights, mode=mode) for channel in image] for image in x]
    )


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9])
def test_bases_are_orthonormal(n: int) -> None:
    like = torch.empty(0, dtype=torch.float64)
    for basis in (cosines(n, like), fourier(n, like)):
        torch.testing.assert_close(basis @ basis.mT, torch.eye(n).double(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("boundary", ["reflect", "circular"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("size", "sigma", "growth"), [(11, 7.0, 0.0), (5, 0.8, 0.1)])
def test_cascade_is_one_convolution_after_the_other(
    boundary: Boundary, shape: tuple[int, ...], size: int, sigma: float, growth: float
) -> None:
    steps = 6
    cascade = BlurCascade(steps=steps, size=size, sigma=sigma, growth=growth, boundary=boundary)
    x_0 = example_data(shape, 2, dtype=torch.float64)
    x = x_0.numpy()
    for k in range(steps):
        weights = kernel(size, sigma + growth * k)
        then = convolved(x, weights, boundary)
        for r in (0.0, 0.4):
            t = torch.full((2,), (k + r) / steps, dtype=torch.float64)
            want = (1 - r) * x + r * then
            np.testing.assert_allclose(cascade.degrade(x_0, t, None).numpy(), want, atol=1e-10)
            single = cascade.degrade(x_0.float(), t.float(), None)
            np.testing.assert_allclose(single.numpy(), want, atol=1e-5)
        x = then
    last = cascade.degrade(x_0, torch.ones(2, dtype=torch.float64), None)
    np.testing.assert_allclose(last.numpy(), x, atol=1e-10)


def test_the_papers_cascade_by_circular_padding_in_torch() -> None:
    """MNIST as in Cold Diffusion: T = 20, 11 x 11, sigma 7."""
    cascade = BlurCascade(steps=20, size=11, sigma=7.0, boundary="circular")
    x_0 = example_data((1, 28, 28), 2, dtype=torch.float64)
    weights = torch.from_numpy(kernel(11, 7.0))[None, None]
    x = x_0
    for k in range(1, 21):
        x = torch.nn.functional.conv2d(
            torch.nn.functional.pad(x, (5, 5, 5, 5), mode="circular"), weights
        )
        t = torch.full((2,), k / 20, dtype=torch.float64)
        torch.testing.assert_close(cascade.degrade(x_0, t, None), x, rtol=0, atol=1e-10)
    assert cascade.summarize(x).shape == (2, 1)


def test_a_time_for_every_example() -> None:
    cascade = BlurCascade()
    x_0 = example_data((1, 12, 10), 5, dtype=torch.float64)
    t = torch.tensor([0.0, 0.13, 0.5, 0.97, 1.0], dtype=torch.float64)
    whole = cascade.degrade(x_0, t, None)
    for i in range(5):
        one = slice(i, i + 1)
        torch.testing.assert_close(whole[one], cascade.degrade(x_0[one], t[one], None))


def test_what_a_cascade_carries() -> None:
    cascade = BlurCascade()
    x_1 = cascade.degrade(example_data((1, 28, 28), 4), torch.ones(4), None)
    c = cascade.summarize(x_1)
    assert c.shape == (4, 25)
    torch.testing.assert_close(
        cascade.expand(c, (1, 28, 28), generator=seeded(0)), x_1, rtol=0, atol=0.02
    )


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(RequestError, match="odd number of pixels, not 4"):
        BlurCascade(size=4)


def dctn(x: np.ndarray) -> np.ndarray:
    return np.asarray(scipy.fft.dctn(x, type=2, axes=(-2, -1), norm="ortho"))


def idctn(x: np.ndarray) -> np.ndarray:
    return np.asarray(scipy.fft.idctn(x, type=2, axes=(-2, -1), norm="ortho"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("t", [0.0, 1e-5, 0.2, 0.7, 1.0])
def test_blur_noise_is_the_paper_s_code(shape: tuple[int, ...], t: float) -> None:
    """The frequency scaling of Hoogeboom & Salimans times the cosine, in SciPy's transform."""
    height, width = shape[-2:]
    blur_noise = BlurNoise(sigma_blur=20.0, floor=0.001)
    dissipation = (20.0 * math.sin(t * math.pi / 2) ** 2) ** 2 / 2
    i = math.pi * np.arange(height)[:, None] / height
    j = math.pi * np.arange(width) / width
    scaling = np.exp(-(i**2 + j**2) * dissipation) * (1 - 0.001) + 0.001
    angle = t * math.atan(math.exp(5))
    x_0 = example_data(shape, 2, dtype=torch.float64)
    z = blur_noise.draw(x_0, generator=seeded(0))
    time = torch.full((2,), t, dtype=torch.float64)
    want = idctn(math.cos(angle) * scaling * dctn(x_0.numpy())) + math.sin(angle) * z.numpy()
    x_t = blur_noise.degrade(x_0, time, z)
    np.testing.assert_allclose(x_t.numpy(), want, atol=1e-11)
    again = blur_noise.invert(x_t, time, z)
    gain = 1 / float(blur_noise.alpha(time, shape).min())
    torch.testing.assert_close(again, x_0, rtol=0, atol=1e-14 * gain * 100)


def test_no_frequency_of_blur_noise_is_divided_by_zero() -> None:
    alpha = BlurNoise().alpha(torch.ones(1), (1, 64, 64))
    assert 0 < float(alpha.min()) < 1e-4
    sigma = BlurNoise().sigma(torch.ones(1, dtype=torch.float64))
    highest = float(alpha.max() ** 2 / sigma**2)
    assert math.log(highest) == pytest.approx(-10, abs=1e-9)


def test_soft_blur_is_blur_and_noise() -> None:
    soft = SoftBlur(noise=0.5, sigma_max=3.0, ratio=8.0)
    x_0 = example_data((1, 11, 16), 3, dtype=torch.float64)
    z = soft.draw(x_0, generator=seeded(0))
    t = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    growth = (8.0 ** t.numpy() - 1) / 7
    i = math.pi * np.arange(11)[:, None] / 11
    j = math.pi * np.arange(16) / 16
    decay = np.exp(-0.5 * (3 * growth[:, None, None, None]) ** 2 * (i**2 + j**2))
    want = idctn(decay * dctn(x_0.numpy())) + 0.5 * growth[:, None, None, None] * z.numpy()
    np.testing.assert_allclose(soft.degrade(x_0, t, z).numpy(), want, atol=1e-12)


def test_soft_blur_expands_to_the_law_of_its_last_state() -> None:
    """Given c, the coefficients that are not carried are noise of variance s_1^2."""
    soft = SoftBlur(noise=0.7)
    shape = (1, 16, 16)
    x_0 = example_data(shape, 400, dtype=torch.float64)
    x_1 = soft.degrade(x_0, torch.ones(400).double(), soft.draw(x_0, generator=seeded(0)))
    built = soft.expand(soft.summarize(x_1), shape, generator=seeded(1))
    assert torch.allclose(soft.summarize(built), soft.summarize(x_1), atol=1e-12)
    rows, columns = soft.blur.carried(shape)
    for x in (x_1, built):
        rest = dctn(x.numpy())
        rest[..., :rows, :columns] = 0
        variance = (rest**2).sum() / (400 * (256 - rows * columns))
        assert variance == pytest.approx(0.49, rel=0.02)
    assert not torch.allclose(x_1, built, atol=0.1)


@pytest.mark.parametrize("degradation", [Blur(), BlurCascade(), BlurNoise(), SoftBlur()], ids=repr)
def test_adjoints_are_transposed_matrices(degradation: LinearDegradation) -> None:
    basis = torch.eye(24, dtype=torch.float64).reshape(24, 1, 4, 6)
    t = torch.full((24,), 0.37, dtype=torch.float64)
    a = degradation.A(basis, t, None).flatten(1).T
    b = degradation.A_adjoint(basis, t, None).flatten(1).T
    torch.testing.assert_close(b, a.T, rtol=0, atol=1e-14)
