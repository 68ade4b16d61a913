"""Steps against the posterior of Gaussian diffusion, worked out anew, coordinate by coordinate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from genlab import DiagonalDegradation, RequestError, Sampler
from genlab.testing import Fade
from genlab_plugins.degradations.blur_noise import BlurNoise
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.degradations.soft_blur import SoftBlur
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.ddpm import DDPM
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.restart import Restart

SHAPE = (1, 4, 4)
DIAGONAL: list[DiagonalDegradation] = [
    *(Gaussian(schedule=name) for name in ("linear", "cosine", "sigmoid", "edm", "flow")),
    BlurNoise(),
    SoftBlur(noise=1.0),
]


@dataclass(frozen=True)
class Joint:
    """Mean and covariance of (x_s, x_t) given x_0, with the forward step x_t = r x_s + noise."""

    degradation: DiagonalDegradation
    s: Tensor
    t: Tensor

    def conditioned(self, c_0: Tensor, c_t: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of x_s given x_t and x_0, by conditioning a normal distribution."""
        alpha_s, sigma_s = self.degradation.amplitudes(self.s, c_0)
        alpha_t, sigma_t = self.degradation.amplitudes(self.t, c_0)
        covariance = alpha_t / alpha_s * sigma_s**2
        mean = alpha_s * c_0 + covariance / sigma_t**2 * (c_t - alpha_t * c_0)
        return mean, (sigma_s**2 - covariance**2 / sigma_t**2).clamp_min(0).sqrt()

    def forward_deviation(self, c_0: Tensor) -> Tensor:
        """Return the deviation of the noise that the forward step adds."""
        alpha_s, sigma_s = self.degradation.amplitudes(self.s, c_0)
        alpha_t, sigma_t = self.degradation.amplitudes(self.t, c_0)
        return (sigma_t**2 - (alpha_t / alpha_s * sigma_s) ** 2).sqrt()


@pytest.mark.parametrize("variance", ["small", "large"])
@pytest.mark.parametrize("degradation", DIAGONAL, ids=repr)
def test_ddpm_draws_from_the_posterior(
    degradation: DiagonalDegradation, variance: Literal["small", "large"], known: Any
) -> None:
    x_0, x_t, w = (
        torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(i), dtype=torch.float64)
        for i in range(3)
    )
    t, s = torch.tensor([1.0, 0.8, 0.5, 0.3]).double(), torch.tensor([0.9, 0.2, 0.49, 0.0]).double()
    generator = torch.Generator().manual_seed(2)
    x_s, _ = DDPM(variance=variance).step(known(degradation, lambda *_: x_0), x_t, t, s, generator)
    joint, c_0 = Joint(degradation, s, t), degradation.to_basis(x_0)
    mean, deviation = joint.conditioned(c_0, degradation.to_basis(x_t))
    if variance == "large":
        deviation = joint.forward_deviation(c_0) * (s > 0)[:, None, None, None]
    want = degradation.from_basis(mean + deviation * w)
    torch.testing.assert_close(x_s, want, rtol=1e-9, atol=1e-9)


VARIANCES = 2.0 ** -torch.arange(16, dtype=torch.float64).reshape(SHAPE).div(4)
"""Of the coordinates of normal data."""


@dataclass(frozen=True)
class IdealFilter:
    """The posterior mean of normal data with a variance for each coordinate: Wiener's filter."""

    degradation: DiagonalDegradation

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = self.degradation.amplitudes(t, x_t)
        gain = alpha * VARIANCES / (alpha.square() * VARIANCES + sigma.square())
        return self.degradation.from_basis(gain * self.degradation.to_basis(x_t))


@pytest.mark.parametrize("degradation", [BlurNoise(), SoftBlur(noise=1.0)], ids=repr)
def test_ddim_gives_every_frequency_its_variance(
    degradation: DiagonalDegradation, travel: Callable[..., Tensor]
) -> None:
    """Exactly: the trajectory is linear. Its error falls as 1 / steps, so that nothing else is off."""
    basis = degradation.from_basis(torch.eye(16, dtype=torch.float64).reshape(16, *SHAPE))
    alpha, sigma = degradation.amplitudes(torch.ones(1).double(), VARIANCES[None])
    power = (alpha.square() * VARIANCES + sigma.square()).flatten()

    def error(steps: int) -> Tensor:
        times = DDIM().grid(steps, degradation)
        end = degradation.to_basis(travel(DDIM(), IdealFilter(degradation), basis, times))
        gain = end.reshape(16, 16).diagonal()
        return gain.square() * power / VARIANCES.flatten() - 1

    coarse, fine = error(100), error(200)
    assert float(coarse.abs().max()) < 0.07
    assert float((2 * fine - coarse).abs().max()) < 2e-3


def test_restart_jumps_by_the_forward_process_of_every_frequency(known: Any) -> None:
    degradation, seen = BlurNoise(), []

    def answer(x: Tensor, t: Tensor) -> Tensor:
        seen.append((float(t[0]), x))
        return torch.zeros_like(x)

    x_t = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high = torch.full((2,), 0.5).double(), torch.full((2,), 0.625).double()
    sampler = Restart(t_low=0.5, t_high=0.625, repeats=1, inner=1)
    restorer, start = known(degradation, answer), torch.full((2,), 0.75).double()
    state = sampler.init(restorer, x_t, start, None, generator=torch.Generator().manual_seed(1))
    sampler.step(restorer, x_t, start, low, state)
    (_, first), (at, x_high) = seen
    assert at == 0.625

    kept = degradation.amplitudes(low, x_t)[1] / degradation.amplitudes(start, x_t)[1]
    c_low = kept * degradation.to_basis(first)  # the estimate is 0: noise alone is left
    ratio = degradation.amplitudes(high, x_t)[0] / degradation.amplitudes(low, x_t)[0]
    w = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    added = Joint(degradation, low, high).forward_deviation(x_t)
    want = degradation.from_basis(ratio * c_low + added * w)
    torch.testing.assert_close(x_high, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("sampler", "needs"), [(DDIM(), "Diagonal"), (DDPM(), "Diagonal"), (Euler(s_churn=1.0), "Gaussian")]
)  # fmt: skip
def test_a_step_names_the_degradation_that_it_needs(
    sampler: Sampler, needs: str, known: Any, travel: Callable[..., Tensor]
) -> None:
    restorer = known(Fade(), lambda x, t: x)
    with pytest.raises(RequestError, match=rf"needs a {needs}Degradation, and Fade\(\) is none"):
        travel(sampler, restorer, torch.ones(2, 3), torch.tensor([1.0, 0.5]))
