"""Deterministic linear degradations that are their own adjoints."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab import LinearDegradation

__all__ = ["SymmetricDegradation"]


class SymmetricDegradation(LinearDegradation):
    r"""A degradation :math:`x_t = A_t x_0` with symmetric :math:`A_t`, which draws nothing (abstract)."""

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        """Return None: the degradation is deterministic."""
        return

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the degraded data; the map is linear."""
        return self.degrade(x, t, None)

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A`: the map is symmetric."""
        return self.degrade(y, t, None)
