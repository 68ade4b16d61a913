r"""Posterior sampling: estimates that agree with what a linear degradation left.

With :math:`y = A x_0 + b`, an estimate :math:`\hat x_0` is taken to the nearest data that explains y,

.. math:: \hat x_0' = \hat x_0 + A^+ (y - b - A \hat x_0), \qquad
    A^+ r = \arg\min_{u} |u|^2 \; \text{s.t.} \; A u = r ,

so that its part in the range of :math:`A^T` is what is known, and the network fills in the null space. The
least-norm solution is found by conjugate gradients on :math:`(A^T A + \epsilon I) u = A^T r` from u = 0 on,
which never leave the range of :math:`A^T` and need nothing but A and its adjoint; what of r is out of the
range of A, such as the rounding of a picture, is left out at once.

Source: Wang, Yu & Zhang 2022, "Zero-shot image restoration using denoising diffusion null-space model"
(arXiv:2212.00490), eq. 13.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.components.degradation import Degradation, LinearDegradation
from genlab.components.sampler import Restores

__all__ = ["consistent", "least_norm"]

_DAMPING = 1e-6  # of squared gains: what is weaker than a thousandth is noise to float32
_ITERATIONS = 50


class _Consistent:
    """A restorer whose estimates agree with degraded data."""

    def __init__(
        self,
        restorer: Restores,
        operator: LinearDegradation,
        y: Tensor,
        t: Tensor,
        z: Tensor | None,
    ) -> None:
        self.restorer, self.operator = restorer, operator
        self.t, self.z = t, z
        self.known = y - operator.degrade(torch.zeros_like(y), t, z)

    @property
    def degradation(self) -> Degradation:
        """The degradation that is walked back: that of the model, not the one that is undone."""
        return self.restorer.degradation

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the estimate, made consistent."""
        x_0 = self.restorer(x_t, t)
        missing = self.known - self.operator.A(x_0, self.t, self.z)
        return x_0 + least_norm(self.operator, missing, self.t, self.z)


def consistent(
    restorer: Restores, operator: LinearDegradation, y: Tensor, t: float, z: Tensor | None
) -> Restores:
    """Return a restorer whose estimates explain degraded data.

    Args:
        restorer: Estimates clean data.
        operator: What degraded ``y``.
        y: Degraded data ``(B, *shape)``.
        t: How far it was degraded.
        z: What was drawn for it, or None.
    """
    times = torch.full((len(y),), t, device=y.device)
    return _Consistent(restorer, operator, y, times, z)


def least_norm(operator: LinearDegradation, r: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
    r"""Return the smallest u with :math:`A u = r`, by conjugate gradients.

    Args:
        operator: Has A and its adjoint.
        r: Degraded data ``(B, *shape)``; what is not in the range of A is left out.
        t: Times ``(B,)``.
        z: The draw of the operator, or None.
    """
    u, residual = torch.zeros_like(r), r
    direction = gradient = operator.A_adjoint(r, t, z)
    square = _dot(gradient, gradient)
    start = square.clamp_min(1e-30)
    for _ in range(_ITERATIONS):
        gone = operator.A(direction, t, z)
        curvature = _dot(gone, gone) + _DAMPING * _dot(direction, direction)
        rate = square / curvature.clamp_min(1e-30)
        u, residual = u + rate * direction, residual - rate * gone
        gradient = operator.A_adjoint(residual, t, z) - _DAMPING * u
        after = _dot(gradient, gradient)
        if bool((after <= 1e-10 * start).all()):
            break
        direction = gradient + after / square.clamp_min(1e-30) * direction
        square = after
    return u


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each example, ``(B, 1, ...)``."""
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.ndim - 1))
