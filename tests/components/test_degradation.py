"""What a degradation has by its class: Gaussian noise in closed form, advice, and times by bisection."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab import (
    AdditiveDegradation,
    Advice,
    DegradationTags,
    DiagonalDegradation,
    GaussianDegradation,
    InvertibleDegradation,
    LinearDegradation,
    explain,
    right_expand,
    time_at,
)
from genlab.testing import CosineNoise, Fade, NoisyFade

OMEGA = 0.99 * math.pi / 2
"""Of CosineNoise, whose amplitudes are cos(omega t) and sin(omega t)."""


class Drawn(Fade):
    """Draws something, such as a mask."""

    tags = DegradationTags(stochastic=True)


class Mixed(AdditiveDegradation, Fade):
    """Mixes something in that is not Gaussian."""

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        return x_t - x_0


def data(n: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(2, n, 3, 2, generator=generator, dtype=torch.float64)
    return x, z, torch.tensor([0.0, 0.3, 0.7, 1.0], dtype=torch.float64)[:n]


def test_gaussian_noise_in_closed_form() -> None:
    x, z, t = data()
    alpha, sigma = (f(OMEGA * t)[:, None, None] for f in (torch.cos, torch.sin))
    noise = CosineNoise()
    x_t = noise.degrade(x, t, z)
    torch.testing.assert_close(x_t, alpha * x + sigma * z)
    torch.testing.assert_close(noise.A(x, t, z), alpha * x)
    torch.testing.assert_close(noise.A_adjoint(x, t, None), alpha * x)
    torch.testing.assert_close(noise.invert(x_t, t, z), x)
    torch.testing.assert_close(noise.log_snr(t[1:]), 2 * torch.log(1 / torch.tan(OMEGA * t[1:])))
    for got, want in zip(noise.amplitudes(t, x), (alpha, sigma), strict=True):
        torch.testing.assert_close(got, want)
    assert noise.to_basis(x) is noise.from_basis(x) is x
    assert noise.tags.stochastic


def test_the_noise_is_found_again_and_is_zero_where_there_is_none() -> None:
    x, z, t = data()
    found = CosineNoise().noise(CosineNoise().degrade(x, t, z), x, t)
    torch.testing.assert_close(found[1:], z[1:])
    assert bool((found[0] == 0).all())
    assert bool((CosineNoise().noise(x, x + 1, 0 * t) == 0).all()), "of a wrong estimate, too"


def test_full_noise_carries_nothing_and_is_drawn_anew() -> None:
    noise = CosineNoise()
    x, *_ = data()
    assert tuple(noise.summarize(x).shape) == (4, 0)
    x_1 = noise.expand(torch.empty(20_000, 0), (1, 3), generator=torch.Generator().manual_seed(0))
    assert tuple(x_1.shape) == (20_000, 1, 3)
    assert float(x_1.std()) == pytest.approx(math.sin(OMEGA), rel=0.02)
    again = noise.expand(torch.empty(9, 0), (1, 3), generator=torch.Generator().manual_seed(0))
    assert not torch.equal(
        again, noise.expand(torch.empty(9, 0), (1, 3), generator=torch.Generator())
    )


def test_drawn_noise_is_standard_normal_in_the_dtype_of_the_data() -> None:
    x = torch.zeros(20_000, 2, dtype=torch.float64)
    z = CosineNoise().draw(x, generator=torch.Generator().manual_seed(0))
    assert (z.dtype, z.shape) == (torch.float64, x.shape)
    assert float(z.std()) == pytest.approx(1, rel=0.02)
    assert float(z.mean()) == pytest.approx(0, abs=0.02)


def test_what_needs_a_draw_says_so() -> None:
    x, _, t = data()
    with pytest.raises(ValueError, match="needs the noise z"):
        CosineNoise().degrade(x, t, None)
    with pytest.raises(ValueError, match="needs the noise z"):
        CosineNoise().invert(x, t, None)


def test_times_are_found_by_their_ratio() -> None:
    """cot^2(omega t) = e^lambda; beyond the ends, the nearest end."""
    log_snr = torch.linspace(-8, 12, 21)
    want = torch.atan(torch.exp(-log_snr.double() / 2)) / OMEGA
    got = time_at(CosineNoise(), log_snr)
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-15)
    ends = time_at(CosineNoise(), torch.tensor([[-1e4, 1e4]]))
    torch.testing.assert_close(
        ends, torch.tensor([[1.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-15
    )


def test_what_was_drawn_is_explained_where_something_is_added() -> None:
    x, z, t = data()
    x_t = CosineNoise().degrade(x, t, z)
    found = explain(CosineNoise(), x_t, x, t, None)
    assert found is not None
    torch.testing.assert_close(found[1:], z[1:])
    assert explain(Drawn(), x_t, x, t, z) is z
    assert explain(Fade(), x_t, x, t, None) is None


def test_trailing_dimensions() -> None:
    a = torch.tensor([1.0, 2.0])
    got = right_expand(a, torch.zeros(2, 3, 4, dtype=torch.float64))
    assert (tuple(got.shape), got.dtype) == ((2, 1, 1), torch.float64)
    assert tuple(right_expand(a, torch.zeros(2)).shape) == (2,)


def test_advice_follows_from_what_a_degradation_is() -> None:
    """The five of them, and nothing of it is a capability."""
    table = {
        Fade: Advice("gmm", "cold", "x0", "l1", "uniform", 0.25, 0.04),
        Drawn: Advice("gmm", "cold", "x0", "l2", "uniform", 0.25, 0.0),
        Mixed: Advice("gmm", "cold", "x0", "l2", "uniform", 0.0, 0.0),
        NoisyFade: Advice("gmm", "cold", "v", "l2", "uniform", 0.0, 0.0),
        CosineNoise: Advice("gmm", "ddim", "v", "l2", "uniform", 0.0, 0.0, "logit-normal"),
    }
    for cls, advice in table.items():
        assert cls().advice() == advice


def test_capabilities_are_classes() -> None:
    assert issubclass(GaussianDegradation, DiagonalDegradation)
    for cls in (AdditiveDegradation, LinearDegradation, InvertibleDegradation):
        assert issubclass(DiagonalDegradation, cls)
        assert isinstance(Fade(), cls) == (cls is not AdditiveDegradation)
