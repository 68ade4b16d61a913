r"""Gaussian noise: :math:`x_t = \alpha_t x_0 + \sigma_t z`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import GaussianDegradation, cast_like, right_expand, to_float64
from genlab_plugins.degradations import schedules

__all__ = ["Gaussian"]


class Gaussian(GaussianDegradation):
    r"""Gaussian noise with the schedule of one of the papers.

    .. math:: x_t = \alpha_t x_0 + \sigma_t z, \qquad z \sim \mathcal{N}(0, I)

    ============  ==============================================================  ==================
    schedule      amplitudes                                                      source (arXiv)
    ============  ==============================================================  ==================
    ``linear``    :math:`\alpha^2 + \sigma^2 = 1`, :math:`\beta_k` linear in k     2006.11239
    ``cosine``    :math:`\alpha^2 + \sigma^2 = 1`, :math:`\alpha` about a cosine    2102.09672
    ``sigmoid``   :math:`\alpha^2 + \sigma^2 = 1`, :math:`\alpha^2` a sigmoid       2212.11972
    ``edm``       :math:`\alpha = 1`, :math:`\sigma` from 0 to ``sigma_max``       2206.00364
    ``flow``      :math:`\alpha = 1 - t`, :math:`\sigma = t`                       2209.03003
    ============  ==============================================================  ==================

    With ``flow`` nothing of the data is left at t = 1, so that a network that predicts the noise
    cannot say there what the data was.

    Sources: Ho, Jain & Abbeel 2020; Nichol & Dhariwal 2021; Jabri, Fleet & Chen 2022; Karras et al.
    2022; Liu, Gong & Liu 2022.

    Args:
        schedule: How the noise grows.
        steps: Number T of discrete steps of the linear and the cosine schedule; time k/T is their
            step k.
        beta_min: First beta of the linear schedule.
        beta_max: Last beta of the linear schedule.
        sigma_min: Smallest noise above 0 of the edm schedule's grid.
        sigma_max: Noise of the edm schedule at t = 1, for data in about [-1, 1].
        rho: How much finer the edm schedule is at small noise.
    """

    def __init__(
        self,
        *,
        schedule: Literal["linear", "cosine", "sigmoid", "edm", "flow"] = "cosine",
        steps: Annotated[int, Field(gt=1)] = 1000,
        beta_min: Annotated[float, Field(gt=0, lt=1)] = 1e-4,
        beta_max: Annotated[float, Field(gt=0, lt=1)] = 0.02,
        sigma_min: PositiveFloat = 0.002,
        sigma_max: PositiveFloat = 80.0,
        rho: PositiveFloat = 7.0,
    ) -> None:
        if schedule == "linear" and beta_min > beta_max:
            raise ValueError(f"beta_min = {beta_min} is larger than beta_max = {beta_max}")
        makers: dict[str, Callable[[], schedules.Schedule]] = {
            "linear": lambda: schedules.linear(steps, beta_min, beta_max),
            "cosine": lambda: schedules.cosine(steps),
            "sigmoid": schedules.Sigmoid,
            "edm": lambda: schedules.EDM(sigma_min, sigma_max, rho),
            "flow": schedules.Flow,
        }
        self.schedule = makers[schedule]()

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        return cast_like(self.schedule.alpha(to_float64(t)), t)

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        return cast_like(self.schedule.sigma(to_float64(t)), t)

    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return both amplitudes, broadcasting over ``like``."""
        alpha, sigma = self.schedule.amplitudes(to_float64(t))
        return right_expand(alpha, like), right_expand(sigma, like)
