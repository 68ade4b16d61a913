r"""The momentum sampler of soft diffusion."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from genlab import GaussianDegradation, Sampler, SamplerTags, explain
from genlab.protocols import Restores
from genlab.protocols.degradation import right_expand
from genlab_plugins.samplers.gaussian_posterior import add_noise
from genlab_plugins.samplers.grids import Grid, times

__all__ = ["ColdMomentum"]


class _State(NamedTuple):
    """The draw of each trajectory, and the source of fresh noise."""

    z: Tensor | None
    generator: torch.Generator


class ColdMomentum(Sampler):
    r"""The momentum sampler of soft diffusion, for any degradation.

    Data is corrupted by a map C and, over it, by noise: :math:`x_t = C_t(x_0) + \sigma_t w`. A step moves
    on with the map, by the difference of two corruptions of the same estimate, and lowers the noise as
    ancestral sampling does: with :math:`\rho = \sigma_s / \sigma_t` and :math:`w \sim \mathcal{N}(0, I)`,

    .. math:: x_s = x_t + C_s(\hat x_0) - C_t(\hat x_0) - (1 - \rho^2) (x_t - C_t(\hat x_0))
        + \sigma_s \sqrt{1 - \rho^2} \, w.

    A Gaussian degradation brings its own :math:`C_t(x) = \alpha_t x` and :math:`\sigma_t`. For any other,
    :math:`C_t(x) = D(x, t; z)` and :math:`\sigma_t = t` ``noise``; even with ``noise`` = 0 what the
    estimate does not explain dies away like :math:`\rho^2 = (s / t)^2`, half-way between the cold sampler,
    which keeps it, and the naive one, which drops it.

    Source: Daras et al. 2022 (arXiv:2209.05442), with the noise of the posterior, so that
    :math:`\sigma_s` is met for steps of any length.

    Args:
        noise: Amplitude of the fresh noise at t = 1 for a degradation that is not Gaussian.
        grid: Times of the walk: ``"uniform"``, ``"quadratic"`` or ``"cosine"``.
    """

    tags = SamplerTags(steps=20)

    def __init__(self, *, noise: NonNegativeFloat = 0.0, grid: Grid = "uniform") -> None:
        self.noise = noise
        self.spacing = grid

    def grid(self, steps: int) -> Tensor:
        """Return the times of the grid that was asked for."""
        return times(self.spacing, steps)

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> _State:
        """Return the draw of each trajectory and the generator."""
        return _State(z, generator)

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: _State
    ) -> tuple[Tensor, _State]:
        """Walk from t to s."""
        degradation = restorer.degradation
        x_0 = restorer(x_t, t)
        sigma_t, sigma_s, z, noise = t.double(), s.double(), state.z, self.noise
        if degradation.tags.gaussian:
            gaussian = cast(GaussianDegradation, degradation)
            sigma_t, sigma_s = gaussian.sigma(sigma_t), gaussian.sigma(sigma_s)
            z, noise = torch.zeros_like(x_0), 1.0
        else:
            z = explain(degradation, x_t, x_0, t, z)
        kept = (sigma_s / sigma_t).square()
        unexplained = x_t - degradation.degrade(x_0, t, z)
        x_s = degradation.degrade(x_0, s, z).addcmul(right_expand(kept, x_t), unexplained)
        tau = noise * sigma_s * (1 - kept).clamp_min(0).sqrt()
        return add_noise(x_s, tau, state.generator), state
