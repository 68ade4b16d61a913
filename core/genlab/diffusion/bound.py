"""The variational bound of a diffusion with Gaussian noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.degradation import GaussianDegradation, cast_like, time_at
from genlab.components.sampler import Restores
from genlab.errors import RequestError

__all__ = ["variational_bound"]

_FINEST = 0.002  # deviation of the decoder of vectors, which are of size 1
_LEAST = -20.0  # log-SNR that counts as none


@torch.no_grad()
def variational_bound(
    restorer: Restores,
    x: Tensor,
    spec: DataSpec,
    *,
    levels: int = 1,
    generator: torch.Generator,
) -> Tensor:
    r"""Return an upper bound of the negative log-likelihood of each example, in nats ``(B,)``, on the CPU.

    With :math:`\lambda = \log(\alpha^2 / \sigma^2)`, which falls from :math:`\lambda_0` to
    :math:`\lambda_1` as t goes from the first noise that counts to 1,

    .. math:: -\log p(x) \le \tfrac12 e^{\lambda_1} \|x\|^2
        + \tfrac12 \int_{\lambda_1}^{\lambda_0} e^\lambda \, \mathbb{E}_z \|x - \hat x_0(x_\lambda)\|^2 \,
        d\lambda - \mathbb{E}_z \log p(x \mid x_{\lambda_0}) .

    The terms are: what is left of the data at t = 1; an ancestral walk of infinitely many steps; and a
    decoder, normal around :math:`\hat x_0(x_{\lambda_0})` with the deviation :math:`e^{-\lambda_0 / 2}`, of
    which the mass in the cell of a grey level counts for images and the density for vectors. That
    deviation is a quarter of the distance of two levels, or 0.002 for vectors. The integral is estimated
    at ``levels`` evenly spaced :math:`\lambda` for each example, stratified over the batch; what the squares
    of the drawn noise exceed their expectation by is a control variate.

    Source: Kingma et al. 2021 (arXiv:2107.00630), eq. 11 and 15.

    Args:
        restorer: Gives the estimate; its degradation is Gaussian.
        x: Examples ``(B, *shape)`` in the data convention.
        spec: What the data is.
        levels: How many noise levels are averaged for each example, besides that of the decoder.
        generator: Source of randomness, on the device of ``x``.

    Raises:
        RequestError: The degradation is not Gaussian.
    """
    degradation = restorer.degradation
    if not isinstance(degradation, GaussianDegradation):
        raise RequestError(
            f"the variational bound needs Gaussian noise, and {degradation!r} is none"
        )
    width = spec.level_width
    deviation = _FINEST if width is None else width / 4
    most = -2 * math.log(deviation)
    end = torch.ones(1, dtype=torch.float64)
    least = max(float(degradation.log_snr(end)), _LEAST)
    left_at_one = 0.5 * math.exp(least) * _squares(x)

    n = len(x)
    offset = torch.rand(1, generator=generator, device=x.device).cpu().double()
    first = torch.arange(n, dtype=torch.float64) / (n * levels)
    walked = torch.zeros(n, dtype=torch.float64)
    for level in range(levels):
        log_snr = least + (most - least) * ((first + level / levels + offset) % 1)
        x_0, excess = _estimate(restorer, degradation, x, log_snr, generator)
        error = log_snr.exp() * _squares(x - x_0)
        walked += 0.5 * (most - least) * (error - log_snr.sigmoid().square() * excess) / levels

    finest = torch.full((n,), most, dtype=torch.float64)
    mean, excess = _estimate(restorer, degradation, x, finest, generator)
    decoded = _decoder(x.cpu().double(), mean.cpu().double(), deviation, width)
    return left_at_one + walked + (decoded if width else decoded - 0.5 * excess)


def _estimate(
    restorer: Restores,
    degradation: GaussianDegradation,
    x: Tensor,
    log_snr: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Degrade to the times of given log-SNRs, and restore.

    Returns:
        The estimates, and by how much the squares of the noise exceed their expectation, ``(B,)``: where
        there is little noise, most of the estimate's error is this chance, which can be taken out.
    """
    t = cast_like(time_at(degradation, log_snr), x)
    z = degradation.draw(x, generator=generator)
    excess = _squares(z) - z[0].numel()
    return restorer(degradation.degrade(x, t, z), t), excess


def _squares(x: Tensor) -> Tensor:
    """Return the sum of squares of each example, float64 on the CPU."""
    total: Tensor = x.cpu().double().flatten(1).square().sum(1)
    return total


def _decoder(x: Tensor, mean: Tensor, deviation: float, width: float | None) -> Tensor:
    """Return -log p(x) under the decoder, summed over the dimensions."""
    z = (x - mean) / deviation
    if width is None:
        return (0.5 * z.square() + math.log(deviation * math.sqrt(2 * math.pi))).flatten(1).sum(1)
    half = width / 2 / deviation
    upper = torch.where(x > 1 - width / 2, torch.inf, z + half)
    lower = torch.where(x < -1 + width / 2, -torch.inf, z - half)
    # On the left of the normal distribution the logarithm of its integral is precise.
    flip = lower + upper > 0
    a, b = torch.where(flip, -upper, lower), torch.where(flip, -lower, upper)
    high, low = torch.special.log_ndtr(b), torch.special.log_ndtr(a)
    nats: Tensor = -(high + torch.log1p(-torch.exp(low - high))).flatten(1).sum(1)
    return nats
