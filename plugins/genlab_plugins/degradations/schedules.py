r"""Noise schedules in continuous time: :math:`x_t = \alpha_t x_0 + \sigma_t z`.

Every schedule starts at :math:`\alpha_0 = 1, \sigma_0 = 0` exactly, and its signal-to-noise ratio
:math:`\alpha_t^2 / \sigma_t^2` falls strictly. Amplitudes are computed in float64, each in a form that
keeps its relative precision where it is small.
"""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor

__all__ = ["EDM", "Flow", "LogAlphaBar", "Schedule", "Sigmoid", "cosine", "linear"]


class Schedule(abc.ABC):
    """The amplitudes of data and noise (abstract)."""

    @abc.abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data at times ``t`` in [0, 1], float64."""

    @abc.abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise at times ``t`` in [0, 1], float64."""

    def amplitudes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return both amplitudes, which a schedule may compute in one go."""
        return self.alpha(t), self.sigma(t)


class LogAlphaBar(Schedule):
    r"""A variance-preserving schedule from a table of :math:`\log \bar\alpha`.

    .. math:: \log \bar\alpha(k / T) = \sum_{i \le k} \log(1 - \beta_i), \qquad
        \alpha_t = \sqrt{\bar\alpha_t}, \quad \sigma_t = \sqrt{1 - \bar\alpha_t}

    Between the nodes k/T, :math:`\log \bar\alpha` is linear, so that the schedule agrees with the
    papers at every step k.

    Args:
        betas: The variances :math:`\beta_1 \dots \beta_T`, float64 ``(T,)``.
    """

    def __init__(self, betas: Tensor) -> None:
        steps = torch.log1p(-betas.double()).cumsum(0)
        self.table = torch.cat([steps.new_zeros(1), steps])
        self._tables = {self.table.device: self.table}

    def __call__(self, t: Tensor) -> Tensor:
        """Return :math:`\\log \\bar\\alpha`, float64, at times ``t`` in [0, 1]."""
        table, place = self._on(t.device), t.double() * (len(self.table) - 1)
        left = place.floor().clamp(0, len(table) - 2)
        index = left.long()
        return torch.lerp(table[index], table[index + 1], place - left)

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        return self.amplitudes(t)[0]

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        return self.amplitudes(t)[1]

    def amplitudes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return both amplitudes from one look into the table."""
        found = self(t)
        return (found / 2).exp(), torch.expm1(found).neg().sqrt()

    def _on(self, device: torch.device) -> Tensor:
        """Return the table where it is needed; once there, it stays."""
        if device not in self._tables:
            self._tables[device] = self.table.to(device)
        return self._tables[device]


def linear(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> LogAlphaBar:
    r"""Return the linear schedule: :math:`\beta_k` from ``first`` to ``last`` (Ho et al. 2020)."""
    return LogAlphaBar(torch.linspace(first, last, steps, dtype=torch.float64))


def cosine(steps: int = 1000, offset: float = 0.008, largest: float = 0.999) -> LogAlphaBar:
    r"""Return the cosine schedule (Nichol & Dhariwal 2021, arXiv:2102.09672).

    .. math:: \beta_k = \min\Bigl(1 - \frac{f(k / T)}{f((k - 1) / T)}, \beta_{max}\Bigr), \qquad
        f(t) = \cos^2\Bigl(\frac{t + s}{1 + s} \frac{\pi}{2}\Bigr)
    """
    k = torch.arange(steps + 1, dtype=torch.float64)
    f = torch.cos((k / steps + offset) / (1 + offset) * math.pi / 2).square()
    return LogAlphaBar((1 - f[1:] / f[:-1]).clamp(max=largest))


class Sigmoid(Schedule):
    r"""The sigmoid schedule, which preserves variance.

    .. math:: \alpha_t^2 = \frac{S(b) - S(a + t (b - a))}{S(b) - S(a)}, \qquad
        S(u) = \frac{1}{1 + e^{-u / \tau}}

    The paper clips :math:`\alpha_t^2` at ``floor``; here it is mixed in, :math:`f + (1 - f)
    \alpha_t^2`, which differs by at most ``floor`` and does not stand still at the end.

    Source: Jabri, Fleet & Chen 2022 (arXiv:2212.11972).

    Args:
        start: a.
        end: b.
        tau: Temperature :math:`\tau`.
        floor: f, the power of the data at t = 1.
    """

    def __init__(
        self, start: float = -3.0, end: float = 3.0, tau: float = 1.0, floor: float = 1e-9
    ) -> None:
        # S(u) = (1 + tanh(u / 2 tau)) / 2, and tanh p - tanh q = sinh(p - q) / (cosh p cosh q)
        self.start, self.end, self.floor = start / (2 * tau), end / (2 * tau), floor

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        a, b = self.start, self.end
        place = a + t.double() * (b - a)
        power = torch.sinh((1 - t.double()) * (b - a)) / place.cosh()
        power = power * (math.cosh(a) / math.sinh(b - a))
        alpha = (self.floor + (1 - self.floor) * power).sqrt()
        return torch.where(t == 0, 1.0, alpha)  # exactly, despite rounding

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        a, b = self.start, self.end
        place = a + t.double() * (b - a)
        power = torch.sinh(t.double() * (b - a)) / place.cosh()
        return ((1 - self.floor) * math.cosh(b) / math.sinh(b - a) * power).sqrt()


class EDM(Schedule):
    r"""Exploding variance on the time grid of EDM.

    .. math:: \alpha_t = 1, \qquad \sigma_t = \sigma_{max} \frac{s_t - s_0}{s_1 - s_0}, \qquad
        s_t = \bigl(\sigma_{min}^{1 / \rho} + t (\sigma_{max}^{1 / \rho}
        - \sigma_{min}^{1 / \rho})\bigr)^\rho

    The paper's noise is :math:`s_t` itself and its last step jumps from :math:`\sigma_{min}` to 0;
    shifted by that much it reaches 0 without a jump.

    Source: Karras, Aittala, Aila & Laine 2022 (arXiv:2206.00364), eq. 5.

    Args:
        sigma_min: Smallest noise of the paper's grid.
        sigma_max: Noise at t = 1.
        rho: How much finer the grid is at small noise.
    """

    def __init__(self, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> None:
        if sigma_min >= sigma_max:
            raise ValueError(f"sigma_min = {sigma_min:g} is not below sigma_max = {sigma_max:g}")
        self.sigma_max, self.rho = sigma_max, rho
        self.rise = math.expm1(math.log(sigma_max / sigma_min) / rho)

    def alpha(self, t: Tensor) -> Tensor:
        """Return 1."""
        return torch.ones_like(t, dtype=torch.float64)

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        end = math.expm1(self.rho * math.log1p(self.rise))
        start = torch.log1p(t.double() * self.rise)
        return torch.expm1(self.rho * start) * (self.sigma_max / end)


class Flow(Schedule):
    r"""A straight line from data to noise: :math:`\alpha_t = 1 - t, \sigma_t = t`.

    Nothing of the data is left at t = 1, where :math:`\alpha_1 = 0`.

    Sources: Liu, Gong & Liu 2022 (arXiv:2209.03003); Lipman et al. 2022 (arXiv:2210.02747).
    """

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        return 1 - t.double()

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        return t.double()
