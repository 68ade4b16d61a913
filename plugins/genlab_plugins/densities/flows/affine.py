"""A fixed affine map."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["FixedAffine"]


class FixedAffine(Transform):
    r"""One fixed affine map of every number, :math:`z = a x + b`.

    Args:
        a: Scale, not zero.
        b: Shift.
    """

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        return x * self.a + self.b, self._ladj(x)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        return (z - self.b) / self.a, -self._ladj(z)

    def _ladj(self, x: Tensor) -> Tensor:
        return torch.full((), x[0].numel() * math.log(abs(self.a)), dtype=x.dtype, device=x.device)
