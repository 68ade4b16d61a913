r"""Monotone rational-quadratic splines with linear tails.

Between two knots, with :math:`\xi = (x - x_k) / w_k`, the slope :math:`\sigma_k = h_k / w_k` and the
derivatives :math:`d_k` at the knots,

.. math:: z = y_k + \frac{h_k [\sigma_k \xi^2 + d_k \xi (1 - \xi)]}
    {\sigma_k + (d_{k+1} + d_k - 2 \sigma_k) \xi (1 - \xi)}

Outside [-B, B] it is the identity, and the derivatives at both ends are 1.

Source: Durkan, Bekasov, Murray & Papamakarios 2019, "Neural spline flows" (arXiv:1906.04032).
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import pad, softplus

__all__ = ["Spline1d"]

_LEAST_SHARE = 1e-3  # of the interval, for every bin
_LEAST_DERIVATIVE = 1e-3


class Spline1d:
    """A spline for each number.

    Args:
        raw: Unconstrained widths, heights and derivatives of K bins ``(..., 3K - 1)``; zeros give the
            identity.
        bound: B.
    """

    def __init__(self, raw: Tensor, bound: float) -> None:
        bins = (raw.shape[-1] + 1) // 3
        self.bound = bound
        self.x = _knots(raw[..., :bins], bound)
        self.y = _knots(raw[..., bins : 2 * bins], bound)
        offset = math.log(math.expm1(1 - _LEAST_DERIVATIVE))
        inner = softplus(raw[..., 2 * bins :] + offset) + _LEAST_DERIVATIVE
        self.d = pad(inner, (1, 1), value=1.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and the logarithm of its derivative, both shaped as ``x``."""
        inside = x.clamp(-self.bound, self.bound)
        x_k, w, y_k, h, d, d_next = self._bin(self.x, inside)
        slope = h / w
        xi = ((inside - x_k) / w).clamp(0, 1)
        product = xi * (1 - xi)
        denominator = slope + (d + d_next - 2 * slope) * product
        z = y_k + h * (slope * xi.square() + d * product) / denominator
        return z + (x - inside), _log_derivative(xi, slope, d, d_next, denominator)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and the logarithm of its derivative, both shaped as ``z``.

        The root of the quadratic is taken in the form in which nothing cancels.
        """
        inside = z.clamp(-self.bound, self.bound)
        x_k, w, y_k, h, d, d_next = self._bin(self.y, inside)
        slope = h / w
        rise = (inside - y_k).clamp_min(0)
        curve = rise * (d + d_next - 2 * slope)
        a = h * (slope - d) + curve
        b = h * d - curve
        c = -slope * rise
        root = (b.square() - 4 * a * c).clamp_min(0).sqrt()
        xi = (2 * c / (-b - root)).clamp(0, 1)
        denominator = slope + (d + d_next - 2 * slope) * xi * (1 - xi)
        log = _log_derivative(xi, slope, d, d_next, denominator)
        return x_k + w * xi + (z - inside), -log

    def _bin(self, knots: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Return left end, width, bottom, height and both derivatives of the bin of each value."""
        k = (value[..., None] >= knots[..., 1:-1]).sum(-1, keepdim=True)
        x, x_next = self.x.gather(-1, k), self.x.gather(-1, k + 1)
        y, y_next = self.y.gather(-1, k), self.y.gather(-1, k + 1)
        d, d_next = self.d.gather(-1, k), self.d.gather(-1, k + 1)
        return tuple(part[..., 0] for part in (x, x_next - x, y, y_next - y, d, d_next))


def _knots(raw: Tensor, bound: float) -> Tensor:
    """Return K + 1 increasing knots from -B to B."""
    bins = raw.shape[-1]
    share = _LEAST_SHARE + (1 - _LEAST_SHARE * bins) * raw.softmax(-1)
    inner = 2 * bound * share.cumsum(-1)[..., :-1] - bound
    return pad(pad(inner, (1, 0), value=-bound), (0, 1), value=bound)


def _log_derivative(
    xi: Tensor, slope: Tensor, d: Tensor, d_next: Tensor, denominator: Tensor
) -> Tensor:
    rest = 1 - xi
    numerator = d_next * xi.square() + 2 * slope * xi * rest + d * rest.square()
    log: Tensor = 2 * (slope / denominator).log() + numerator.log()
    return log
