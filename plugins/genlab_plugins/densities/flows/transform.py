"""Invertible maps and their composition."""

from __future__ import annotations

import abc
from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["Chain", "Transform"]


class Transform(nn.Module, abc.ABC):
    """An invertible map between tensors of one shape (abstract).

    Both directions return ``ladj``, the logarithm of the absolute determinant of their own Jacobian, as
    ``(B,)``, or as a scalar where it is the same for every example.
    """

    @abc.abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj = log |det dz/dx|``."""

    @abc.abstractmethod
    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj = log |det dx/dz|``."""

    def initialise(self, x: Tensor) -> Tensor:
        """Set the parameters that depend on data and return z."""
        z: Tensor = self(x)[0]
        return z


class Chain(Transform):
    r"""Transforms one after the other, :math:`z = f_n(\dots f_1(x))`.

    Args:
        transforms: In the order in which they encode.
    """

    def __init__(self, transforms: Iterable[Transform]) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        ladj = x.new_zeros(())
        for transform in self.transforms:
            x, part = transform(x)
            ladj = ladj + part
        return x, ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        ladj = z.new_zeros(())
        for transform in reversed(self._each()):
            z, part = transform.inverse(z)
            ladj = ladj + part
        return z, ladj

    @torch.no_grad()
    def initialise(self, x: Tensor) -> Tensor:
        """Set the parameters of one transform after the other."""
        for transform in self._each():
            x = transform.initialise(x)
        return x

    def _each(self) -> list[Transform]:
        return [transform for transform in self.transforms if isinstance(transform, Transform)]
