r"""Time grids of a trajectory: strictly decreasing from 1 to 0.

``"uniform"``, ``"quadratic"`` and ``"cosine"`` are functions of time alone and fit every degradation.
``"karras"`` and ``"log-snr"`` are even in how noisy the data is, and so need a Gaussian degradation. Of
its noise-to-signal ratio :math:`r_t = \sigma_t / \alpha_t` they cover

.. math:: r_{min} = 0.002 \min(1, r_{max}), \qquad r_{max} = \min(80, r_1),

the paper's range for data in about [-1, 1]: beyond it no step would change anything. From 1 to the
second time, and from :math:`r_{min}` to 0, it is one step. Times are found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from genlab import Degradation, GaussianDegradation, RequestError, time_at

__all__ = [
    "Grid",
    "cosine",
    "karras",
    "log_snr",
    "power",
    "quadratic",
    "times",
    "uniform",
]

Grid = Literal["uniform", "quadratic", "cosine", "karras", "log-snr"]
"""The names of the grids."""


def times(name: Grid, steps: int, degradation: Degradation) -> Tensor:
    """Return the grid of a name.

    Args:
        name: ``"uniform"``, ``"quadratic"`` (denser near 0), ``"cosine"`` (denser at both ends),
            ``"karras"`` or ``"log-snr"`` (even in the noise).
        steps: Number of steps.
        degradation: What is walked back.

    Returns:
        ``steps + 1`` times, float32.

    Raises:
        RequestError: The grid needs a Gaussian degradation, and this one is not.
    """
    if name in _OF_TIME:
        return _OF_TIME[name](steps)
    if not isinstance(degradation, GaussianDegradation):
        raise RequestError(
            f"the grid {name!r} needs a degradation that is gaussian, and "
            f"{type(degradation).__name__} is not. These grids fit it: {', '.join(_OF_TIME)}"
        )
    return _OF_NOISE[name](degradation, steps).float()


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


def log_snr(degradation: GaussianDegradation, steps: int) -> Tensor:
    r"""Return times even in :math:`\log(\alpha_t^2 / \sigma_t^2)`, and 0 at last.

    Source: Lu et al. 2022 (arXiv:2206.00927), section 3.4.

    Args:
        degradation: Its log signal-to-noise ratio is used.
        steps: Number of steps.

    Returns:
        ``steps + 1`` times, float64.
    """
    noisiest, cleanest = _ends(degradation)
    ramp = torch.linspace(1, 0, steps, dtype=torch.float64)
    return _closed(time_at(degradation, cleanest + ramp * (noisiest - cleanest)))


def karras(degradation: GaussianDegradation, steps: int, rho: float = 7.0) -> Tensor:
    r"""Return times whose noise-to-signal ratios are those of EDM.

    .. math:: r_i = \bigl(r_{max}^{1 / \rho} + \tfrac{i}{n - 1}
        (r_{min}^{1 / \rho} - r_{max}^{1 / \rho})\bigr)^\rho, \qquad r_n = 0

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 5.

    Args:
        degradation: Its ratio is used.
        steps: Number n of steps.
        rho: The larger, the denser near 0.

    Returns:
        ``steps + 1`` times, float64.
    """
    most, least = (math.exp(-end / 2 / rho) for end in _ends(degradation))
    ramp = torch.linspace(1, 0, steps, dtype=torch.float64)
    return _closed(time_at(degradation, -2 * rho * (least + ramp * (most - least)).log()))


_OF_TIME: Mapping[str, Callable[[int], Tensor]] = {
    "uniform": uniform,
    "quadratic": quadratic,
    "cosine": cosine,
}

_OF_NOISE: Mapping[str, Callable[[GaussianDegradation, int], Tensor]] = {
    "karras": karras,
    "log-snr": log_snr,
}

_MOST, _LEAST = 80.0, 0.002  # EDM's largest and smallest noise


def _ends(degradation: GaussianDegradation) -> tuple[float, float]:
    """Return the log signal-to-noise ratios between which a grid is even; both are finite."""
    at_one = float(degradation.log_snr(torch.ones(1, dtype=torch.float64)))
    noisiest = max(at_one, -2 * math.log(_MOST))
    return noisiest, max(noisiest, 0.0) - 2 * math.log(_LEAST)


def _closed(even: Tensor) -> Tensor:
    """Return the times with the ends that every grid has."""
    return torch.cat([even.new_ones(1), even[1:], even.new_zeros(1)])
