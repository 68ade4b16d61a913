r"""Masks: covering an image by a coarse, smooth version of itself."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from genlab import DegradationTags, LinearDegradation, cast_like, to_float64
from genlab_plugins.degradations.coarse import block_means, coarse_grid, low_pass, smooth_image

__all__ = ["Covering"]


class Covering(LinearDegradation):
    r"""An image disappears behind a coarse, smooth version of itself (abstract).

    .. math:: x_t = x_0 + m_t \odot (P x_0 - x_0)

    with a mask :math:`m_t` that grows in every pixel from 0 to 1 and the orthogonal projection :math:`P`
    onto the lowest ``carry x carry`` cosines. With one colour for the hole, all trajectories would end
    in the same few states; the coarse image leaves a prior something to model. It may go a little
    beyond the range of the pixels.

    What is lost stays lost: where :math:`x_t = 0`, also :math:`P x_0 = 0` (from :math:`v = -D P v` with
    :math:`D = m / (1 - m)` follows :math:`|P v|^2 = -(Pv)^T D P v \le 0`), and so is every later
    :math:`x_s`.
    """

    tags = DegradationTags(stochastic=True)
    carry: int

    @abc.abstractmethod
    def mask(self, t: Tensor, z: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return how far each pixel is covered.

        Args:
            t: Times ``(B,)``, float64.
            z: What ``draw`` returned, where ``t`` lies.
            shape: Shape of an image.

        Returns:
            Float64 ``(B, 1, H, W)``, strictly 0 at t = 0 and 1 at t = 1.
        """

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Cover each image as far as its own time says."""
        return self.A(x_0, t, z)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the covered images; the map is linear."""
        return x + self._mask(x, t, z) * (low_pass(x, self._grid(x)) - x)

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`."""
        hidden = self._mask(y, t, z) * y
        return y + (low_pass(hidden, self._grid(y)) - hidden)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the means of ``carry x carry`` blocks, ``(B, C * carry * carry)``."""
        return block_means(x_1, self._grid(x_1))

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the smooth image with these block means."""
        return smooth_image(c, coarse_grid(self.carry, shape), shape)

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the grid of blocks."""
        return (shape[0], *coarse_grid(self.carry, shape))

    def _mask(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        if z is None:
            raise ValueError(f"{type(self).__name__} needs the z that draw() returns")
        t = to_float64(t)
        return cast_like(self.mask(t, z.to(t.device), tuple(x.shape[1:])), x)

    def _grid(self, x: Tensor) -> tuple[int, int]:
        return coarse_grid(self.carry, tuple(x.shape[1:]))
