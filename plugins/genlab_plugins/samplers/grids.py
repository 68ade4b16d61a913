r"""Time grids of a walk: strictly decreasing from 1 to 0.

The grids of :func:`times` are functions of time alone. Those of :func:`log_snr` and :func:`karras` are
even in how noisy the data is, and so are functions of a Gaussian degradation: they find the times by
bisection on its log signal-to-noise ratio, which falls strictly with t.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from genlab import GaussianDegradation

__all__ = [
    "Grid",
    "cosine",
    "karras",
    "log_snr",
    "power",
    "quadratic",
    "time_at",
    "times",
    "uniform",
]

Grid = Literal["uniform", "quadratic", "cosine"]
"""The names of the grids that are functions of time alone."""


def times(name: Grid, steps: int) -> Tensor:
    """Return the grid of a name.

    Args:
        name: ``"uniform"``, ``"quadratic"`` (denser near 0) or ``"cosine"`` (denser at both ends).
        steps: Number of steps.

    Returns:
        ``steps + 1`` times, float32.
    """
    return _GRIDS[name](steps)


def uniform(steps: int) -> Tensor:
    """Return ``steps + 1`` times with equal distances, float32."""
    return torch.linspace(1, 0, steps + 1, dtype=torch.float64).float()


def quadratic(steps: int) -> Tensor:
    r"""Return the times :math:`(1 - i / n)^2`, denser near 0 (Song et al. 2021, arXiv:2010.02502)."""
    return power(steps, 2.0)


def power(steps: int, rho: float = 3.0) -> Tensor:
    r"""Return the times :math:`(1 - i / n)^\rho`, the shape of Karras et al. 2022 in t itself.

    Args:
        steps: Number n of steps.
        rho: 1 is uniform; the larger, the denser near 0.
    """
    return torch.linspace(1, 0, steps + 1, dtype=torch.float64).pow(rho).float()


def cosine(steps: int) -> Tensor:
    r"""Return the times :math:`(1 + \cos(\pi i / n)) / 2`, denser at both ends."""
    angle = torch.linspace(0, torch.pi, steps + 1, dtype=torch.float64)
    times = (1 + angle.cos()) / 2
    times[-1] = 0.0
    return times.float()


_GRIDS: dict[Grid, Callable[[int], Tensor]] = {
    "uniform": uniform,
    "quadratic": quadratic,
    "cosine": cosine,
}


def log_snr(degradation: GaussianDegradation, steps: int, *, clean: float = 1e-3) -> Tensor:
    r"""Return times even in :math:`\log(\alpha_t^2 / \sigma_t^2)`, and 0 at last.

    Source: Lu et al. 2022 (arXiv:2206.00927), section 3.4.

    Args:
        degradation: Its log signal-to-noise ratio is used.
        steps: Number of steps, the last of which goes from ``clean`` to 0.
        clean: The last time before 0, where the ratio is still finite.

    Returns:
        ``steps + 1`` times, float64.
    """
    first, last = _ends(degradation, clean)
    ramp = torch.linspace(1, 0, steps, dtype=torch.float64)
    return _closed(time_at(degradation, last + ramp * (first - last)))


def karras(
    degradation: GaussianDegradation, steps: int, rho: float = 7.0, *, clean: float = 1e-3
) -> Tensor:
    r"""Return times whose noise-to-signal ratios :math:`r = \sigma_t / \alpha_t` are those of EDM.

    .. math:: r_i = \bigl(r_{max}^{1 / \rho} + \tfrac{i}{n - 1}
        (r_{min}^{1 / \rho} - r_{max}^{1 / \rho})\bigr)^\rho, \qquad r_n = 0

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 5.

    Args:
        degradation: Its ratio is used.
        steps: Number n of steps, the last of which goes from ``clean`` to 0.
        rho: The larger, the denser near 0.
        clean: The last time before 0, whose ratio is :math:`r_{min}`.

    Returns:
        ``steps + 1`` times, float64.
    """
    first, last = _ends(degradation, clean)
    most, least = (-first / 2 / rho).exp(), (-last / 2 / rho).exp()
    ramp = torch.linspace(1, 0, steps, dtype=torch.float64)
    return _closed(time_at(degradation, -2 * rho * (least + ramp * (most - least)).log()))


def time_at(degradation: GaussianDegradation, log_snr: Tensor) -> Tensor:
    """Return when the log signal-to-noise ratio has a value, by bisection.

    Args:
        degradation: Its ratio falls strictly with t.
        log_snr: Values, any shape. Those that are never reached give the nearest end, 0 or 1.

    Returns:
        Times, float64 with the shape of ``log_snr``.
    """
    log_snr = log_snr.double()
    early, late = torch.zeros_like(log_snr), torch.ones_like(log_snr)
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        too_early = degradation.log_snr(middle) > log_snr
        early, late = torch.where(too_early, middle, early), torch.where(too_early, late, middle)
    return (early + late) / 2


_HALVINGS = 53  # as many as a float64 has digits


def _ends(degradation: GaussianDegradation, clean: float) -> tuple[Tensor, Tensor]:
    """Return the ratios between which a grid is even; both are finite."""
    ends = torch.tensor([1.0, 1.0 - clean, clean], dtype=torch.float64)
    fully, almost, last = degradation.log_snr(ends)
    return torch.where(fully.isfinite(), fully, almost), last


def _closed(even: Tensor) -> Tensor:
    """Return the times with the ends that every grid has."""
    return torch.cat([even.new_ones(1), even[1:], even.new_zeros(1)])
