r"""Posterior sampling: estimates that agree with what a linear degradation left.

With :math:`y = A x_0 + b`, an estimate :math:`\hat x_0` is taken to the nearest data that explains y,

.. math:: \hat x_0' = \hat x_0 + A^+ (y - b - A \hat x_0), \qquad
    A^+ r = \arg\min_{u} |u|^2 \; \text{s.t.} \; A u = r ,

so that its part in the range of :math:`A^T` is what is known, and the network fills in the null space. The
least-norm solution is found by conjugate gradients on :math:`(A A^T + \epsilon I) v = r, \; u = A^T v`, which
needs nothing but A and its adjoint.

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
    v = torch.zeros_like(r)
    residual, direction = r.clone(), r.clone()
    square = _dot(residual, residual)
    start = square.clamp_min(1e-30)
    for _ in range(_ITERATIONS):
        gone = operator.A(operator.A_adjoint(direction, t, z), t, z) + _DAMPING * direction
        rate = square / _dot(direction, gone).clamp_min(1e-30)
        v, residual = v + rate * direction, residual - rate * gone
        after = _dot(residual, residual)
        if bool((after <= 1e-10 * start).all()):
            break
        direction = residual + after / square.clamp_min(1e-30) * direction
        square = after
    return operator.A_adjoint(v, t, z)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each example, ``(B, 1, ...)``."""
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.ndim - 1))
