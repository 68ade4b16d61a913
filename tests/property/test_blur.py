"""Blur against SciPy's cosine transform and Gaussian filter, and its laws for any parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab import registry
from genlab.testing.check import example_data, seeded

Blur = registry("degradation").get("blur")

quick = settings(max_examples=30)
times = st.floats(0, 1, width=32)
sides = st.integers(2, 14)
shapes = st.tuples(st.integers(1, 4), sides, sides)
seeds = st.integers(0, 999)
blurs = st.builds(
    Blur,
    sigma_max=st.none() | st.floats(0.3, 12),
    ratio=st.floats(1.5, 60),
    cutoff=st.floats(1e-3, 0.05),
)


def at(t: float, n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.full((n,), t, dtype=dtype)


def width(blur: Any, t: float, shape: tuple[int, ...]) -> float:
    """The documented width: sigma_max (r^t - 1) / (r - 1), an eighth of the longer side by default."""
    sigma_max = blur.sigma_max or max(max(shape[-2:]) / 8, 2.0)
    return float(sigma_max * (blur.ratio**t - 1) / (blur.ratio - 1))


def heat(x: np.ndarray, sigma: float) -> np.ndarray:
    """Solve the heat equation up to time sigma^2 / 2 by SciPy's type-II cosine transform."""
    height, wide = x.shape[-2:]
    k, m = np.arange(height)[:, None], np.arange(wide)
    decay = np.exp(-(sigma**2) / 2 * math.pi**2 * ((k / height) ** 2 + (m / wide) ** 2))
    spectrum = scipy.fft.dctn(x, type=2, axes=(-2, -1), norm="ortho")
    return np.asarray(scipy.fft.idctn(decay * spectrum, type=2, axes=(-2, -1), norm="ortho"))


@quick
@given(blurs, shapes, seeds, times)
def test_the_heat_equation_by_scipy(blur: Any, shape: tuple[int, ...], seed: int, t: float) -> None:
    x_0 = example_data(shape, 2, dtype=torch.float64, seed=seed)
    want = heat(x_0.numpy(), width(blur, t, shape))
    x_t = blur.degrade(x_0, at(t, 2), None)
    np.testing.assert_allclose(x_t.numpy(), want, atol=1e-11)
    torch.testing.assert_close(x_t.mean((-2, -1)), x_0.mean((-2, -1)), rtol=0, atol=1e-13)
    assert float(x_t.norm()) <= float(x_0.norm()) + 1e-12


@quick
@given(blurs, st.tuples(st.integers(1, 3), st.integers(12, 24), st.integers(12, 24)), seeds)
def test_the_gaussian_filter_of_scipy(blur: Any, shape: tuple[int, ...], seed: int) -> None:
    """At widths between 1 and 3 pixels, where a sampled kernel is close to the heat kernel."""
    sigma = 1 + 2 * (seed % 100) / 100
    sigma_max = width(blur, 1.0, shape)
    assume(sigma_max > sigma)
    t = math.log(1 + sigma / sigma_max * (blur.ratio - 1)) / math.log(blur.ratio)
    x_0 = example_data(shape, 1, dtype=torch.float64, seed=seed)
    want = scipy.ndimage.gaussian_filter(
        x_0.numpy(), sigma, mode="reflect", axes=(-2, -1), truncate=8.0
    )
    np.testing.assert_allclose(blur.degrade(x_0, at(t, 1), None).numpy(), want, atol=0.01)


@quick
@given(blurs, shapes, seeds, times)
def test_inverse_at_moderate_blur(blur: Any, shape: tuple[int, ...], seed: int, t: float) -> None:
    """To float64's precision times the gain of the highest frequency, where that is below 10^6."""
    gain = width(blur, t, shape) ** 2 / 2 * 2 * math.pi**2
    assume(gain < math.log(1e6))
    x_0 = example_data(shape, 2, dtype=torch.float64, seed=seed)
    again = blur.invert(blur.degrade(x_0, at(t, 2), None), at(t, 2), None)
    torch.testing.assert_close(again, x_0, rtol=0, atol=1e-13 * math.exp(gain))


@quick
@given(blurs, shapes, seeds, times, times)
def test_semigroup(blur: Any, shape: tuple[int, ...], seed: int, a: float, b: float) -> None:
    """From s on to t: variances of kernels add, so sqrt(sigma_t^2 - sigma_s^2) more is needed."""
    s, t = sorted((a, b))
    x_0 = example_data(shape, 1, dtype=torch.float64, seed=seed)
    missing = math.sqrt(max(width(blur, t, shape) ** 2 - width(blur, s, shape) ** 2, 0))
    x_s = blur.degrade(x_0, at(s, 1), None)
    sigma_max = width(blur, 1.0, shape)
    rest = math.log(1 + missing / sigma_max * (blur.ratio - 1)) / math.log(blur.ratio)
    onwards = blur.degrade(x_s, at(rest, 1), None)
    torch.testing.assert_close(onwards, blur.degrade(x_0, at(t, 1), None), rtol=0, atol=1e-11)


@quick
@given(blurs, shapes, seeds)
def test_what_is_left_explains_the_last_state(blur: Any, shape: tuple[int, ...], seed: int) -> None:
    """What summarize() drops passes with less than the cutoff, so it is less than that of x_0."""
    x_0 = example_data(shape, 2, dtype=torch.float64, seed=seed)
    x_1 = blur.degrade(x_0, at(1, 2), None)
    c = blur.summarize(x_1)
    built = blur.expand(c, shape, generator=seeded(0))
    torch.testing.assert_close(blur.summarize(built), c, rtol=0, atol=1e-12)
    assert float((x_1 - built).norm()) <= blur.cutoff * float(x_0.norm()) + 1e-12
