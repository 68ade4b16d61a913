"""Permutations, and transforms of rearranged data."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["Flat", "Permute", "Rest", "Squeezed"]


class Permute(Transform):
    r"""A fixed permutation of the channels, :math:`z_i = x_{\pi(i)}`.

    Args:
        order: :math:`\pi`, int64 ``(C,)``.
    """

    order: Tensor
    back: Tensor

    def __init__(self, order: Tensor) -> None:
        super().__init__()
        self.register_buffer("order", order)
        self.register_buffer("back", order.argsort())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj = 0``."""
        return x.index_select(1, self.order), x.new_zeros(())

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj = 0``."""
        return z.index_select(1, self.back), z.new_zeros(())


class Squeezed(Transform):
    """A transform of squeezed images: blocks of 2 x 2 pixels become channels, and pixels again after.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 3.6.

    Args:
        inner: Acts on ``(B, 4C, H/2, W/2)``.
    """

    def __init__(self, inner: Transform) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        z, ladj = self.inner(_squeezed(x))
        return pixel_shuffle(z, 2), ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        x, ladj = self.inner.inverse(_squeezed(z))
        return pixel_shuffle(x, 2), ladj

    def initialise(self, x: Tensor) -> Tensor:
        """Initialise the inner transform and return z."""
        return pixel_shuffle(self.inner.initialise(_squeezed(x)), 2)


class Rest(Transform):
    """A transform of the last channels; the first ones are factored out and stay as they are.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 3.6.

    Args:
        out: Number of channels that are factored out.
        inner: Acts on the rest.
    """

    def __init__(self, out: int, inner: Transform) -> None:
        super().__init__()
        self.out, self.inner = out, inner

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        z, ladj = self.inner(x[:, self.out :])
        return torch.cat([x[:, : self.out], z], 1), ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        x, ladj = self.inner.inverse(z[:, self.out :])
        return torch.cat([z[:, : self.out], x], 1), ladj

    def initialise(self, x: Tensor) -> Tensor:
        """Initialise the inner transform and return z."""
        return torch.cat([x[:, : self.out], self.inner.initialise(x[:, self.out :])], 1)


class Flat(Transform):
    """A transform of flattened images.

    Args:
        inner: Acts on ``(B, C * H * W)``.
    """

    def __init__(self, inner: Transform) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        z, ladj = self.inner(x.flatten(1))
        return z.reshape(x.shape), ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        x, ladj = self.inner.inverse(z.flatten(1))
        return x.reshape(z.shape), ladj

    def initialise(self, x: Tensor) -> Tensor:
        """Initialise the inner transform and return z."""
        return self.inner.initialise(x.flatten(1)).reshape(x.shape)


def _squeezed(x: Tensor) -> Tensor:
    squeezed: Tensor = pixel_unshuffle(x, 2)
    return squeezed.contiguous(memory_format=torch.channels_last)
