r"""Gaussian noise: :math:`x_t = \sqrt{\bar\alpha_t} x_0 + \sqrt{1 - \bar\alpha_t} z`."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from genlab import DegradationTags, GaussianDegradation
from genlab_plugins.degradations import schedules

__all__ = ["Gaussian"]


class Gaussian(GaussianDegradation):
    r"""Gaussian noise that preserves variance, as in DDPM.

    .. math:: x_t = \alpha_t x_0 + \sigma_t z, \qquad
        \alpha_t = \sqrt{\bar\alpha_t}, \quad \sigma_t = \sqrt{1 - \bar\alpha_t}

    Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239); Nichol & Dhariwal 2021 (arXiv:2102.09672) for
    the cosine schedule.

    Args:
        schedule: How the noise grows: ``"linear"`` in beta, or ``"cosine"``.
        steps: Number T of discrete steps of the paper's schedule; time k/T is its step k.
        beta_min: First beta of the linear schedule.
        beta_max: Last beta of the linear schedule.
    """

    tags = DegradationTags(
        gaussian=True,
        additive=True,
        stochastic=True,
        linear=True,
        semigroup=True,
        invertible=True,
        data=frozenset({"image", "vector"}),
    )

    def __init__(
        self,
        *,
        schedule: Literal["linear", "cosine"] = "cosine",
        steps: Annotated[int, Field(gt=1)] = 1000,
        beta_min: Annotated[float, Field(gt=0, lt=1)] = 1e-4,
        beta_max: Annotated[float, Field(gt=0, lt=1)] = 0.02,
    ) -> None:
        self.schedule = schedule
        self.log_alpha_bar = (
            schedules.linear(steps, beta_min, beta_max)
            if schedule == "linear"
            else schedules.cosine(steps)
        )

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        return (self.log_alpha_bar(t) / 2).exp().to(t.dtype)

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        return torch.expm1(self.log_alpha_bar(t)).neg().sqrt().to(t.dtype)

    def A(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the linear part of the map, ``alpha(t) x``."""
        return self.alpha(t).reshape(-1, *[1] * (x.ndim - 1)) * x

    def A_adjoint(self, y: Tensor, t: Tensor) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A` itself."""
        return self.A(y, t)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0 from x_t and its noise."""
        if z is None:
            raise ValueError("inverting Gaussian noise needs the noise z")
        alpha, sigma = self.alpha(t), self.sigma(t)
        shape = (-1, *[1] * (x_t.ndim - 1))
        return (x_t - sigma.reshape(shape) * z) / alpha.reshape(shape)
