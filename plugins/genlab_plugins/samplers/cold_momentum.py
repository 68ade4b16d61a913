r"""The momentum sampler of soft diffusion."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from genlab import AdditiveDegradation, Degradation, Restores, explain, right_expand, to_float64
from genlab_plugins.samplers.bases import GridSampler
from genlab_plugins.samplers.gaussian_posterior import fresh_noise
from genlab_plugins.samplers.grids import Grid

__all__ = ["ColdMomentum"]


class _State(NamedTuple):
    """The draw of each trajectory, and the source of fresh noise."""

    z: Tensor | None
    generator: torch.Generator


class ColdMomentum(GridSampler):
    r"""The momentum sampler of soft diffusion, for any degradation.

    Data is corrupted by a map C and, over it, by noise: :math:`x_t = C_t(x_0) + \sigma_t z`. A step moves
    on with the map, by the difference of two corruptions of the same estimate, and lowers the noise as
    ancestral sampling does: with :math:`\rho = \sigma_s / \sigma_t` and :math:`w \sim \mathcal{N}(0, I)`,

    .. math:: x_s = x_t + C_s(\hat x_0) - C_t(\hat x_0) - (1 - \rho^2) (x_t - C_t(\hat x_0))
        + \sigma_s \sqrt{1 - \rho^2} \, w.

    A degradation that draws noise brings its own :math:`C_t` and :math:`\sigma_t`, and the step is
    :math:`x_s = D(\hat x_0, s; \rho \hat z + \sqrt{1 - \rho^2} \, w)`. For any other,
    :math:`C_t(x) = D(x, t; z)` and :math:`\sigma_t = t` ``noise``; even with ``noise`` = 0 what the
    estimate does not explain dies away like :math:`\rho^2 = (s / t)^2`, half-way between the cold sampler,
    which keeps it, and the naive one, which drops it.

    Source: Daras et al. 2022 (arXiv:2209.05442), algorithm 2, whose noise is
    :math:`\sigma_t \sqrt{1 - \rho^2} \, w`; that of the posterior meets :math:`\sigma_s` for steps of any
    length, and adds none at s = 0.

    Args:
        noise: Amplitude of the fresh noise at t = 1 for a degradation that brings none.
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"`` or, on a Gaussian
            degradation, ``"karras"`` or ``"log-snr"``.
    """

    usual_steps = 20

    def __init__(self, *, noise: NonNegativeFloat = 0.0, grid: Grid = "uniform") -> None:
        self.noise = noise
        self.spacing = grid

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
        degradation, x_0 = restorer.degradation, restorer(x_t, t)
        z = explain(degradation, x_t, x_0, t, state.z)
        w = _fresh(degradation, x_0, state.generator)
        if z is not None and w is not None:
            rho = _amplitude(degradation, s, w) / _amplitude(degradation, t, w)
            kept, added = (right_expand(a, z) for a in (rho, _complement(rho)))
            return degradation.degrade(x_0, s, kept * z + added * w), state
        end = to_float64(s)
        rho = end / to_float64(t)
        unexplained = x_t - degradation.degrade(x_0, t, z)
        x_s = degradation.degrade(x_0, s, z).addcmul(right_expand(rho.square(), x_t), unexplained)
        tau = right_expand(self.noise * end * _complement(rho), x_s)
        return x_s + fresh_noise(x_s, tau, state.generator), state


def _fresh(degradation: Degradation, x_0: Tensor, generator: torch.Generator) -> Tensor | None:
    """Return noise of the degradation's own, or None where what it draws comes from the data."""
    if not isinstance(degradation, AdditiveDegradation):
        return None
    w = degradation.draw(torch.zeros_like(x_0), generator=generator)
    return w if w is not None and bool(w.any()) else None


def _amplitude(degradation: Degradation, t: Tensor, w: Tensor) -> Tensor:
    """Return the amplitude of the noise w at t, ``(B,)``, up to a factor that depends on w alone."""
    w = to_float64(w)
    noise = degradation.degrade(torch.zeros_like(w), to_float64(t), w)
    return noise.square().flatten(1).sum(1).sqrt()


def _complement(rho: Tensor) -> Tensor:
    return (1 - rho.square()).clamp_min(0).sqrt()
