"""What the flows share: a transform to the latent space and a base distribution there."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab import DataSpec, Flow
from genlab_plugins.densities.flows.base import Base
from genlab_plugins.densities.flows.transform import Transform

__all__ = ["TransformedFlow"]

_AT_ONCE = 4096  # examples that are decoded, or looked at by initialise(), at once


class TransformedFlow(Flow):
    r"""The flow of a transform f (abstract).

    .. math:: \log p(x, y = k) = \log p_z(f(x), y = k) + \log \left| \det \frac{df}{dx} \right|

    Args:
        spec: The data.
        transform: f, on tensors of the data's shape.
        base: The distribution of the latent space.
    """

    def __init__(self, spec: DataSpec, transform: Transform, base: Base) -> None:
        super().__init__()
        self.shape, self.classes = spec.shape, spec.classes
        self.transform = transform
        self.base = base
        self.register_buffer("_like", torch.zeros(()), persistent=False)

    _like: Tensor

    @torch.no_grad()
    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        """Normalise the activations of one layer after the other."""
        self.transform.initialise(x[:_AT_ONCE])

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z ``(B, *shape)`` and ``ladj`` ``(B,)``."""
        z, ladj = self.transform(x)
        return z, ladj.expand(x.shape[0])

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x ``(B, *shape)`` and ``ladj`` ``(B,)``."""
        x, ladj = self.transform.inverse(z)
        return x, ladj.expand(z.shape[0])

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return joint log densities ``(B, K)`` in nats, with one pass through the transform."""
        z, ladj = self.encode(x)
        return self.base.joint_log_prob(z.flatten(1)) + ladj[:, None]

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        return self.base.log_prob(self.joint_log_prob(x), y)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw ``(n, *shape)`` of noise times the temperature; the density is that of 1."""
        like = self._like.expand(n, math.prod(self.shape))
        z = self.base.sample(like, y, temperature=temperature, generator=generator)
        z = z.reshape(n, *self.shape)
        return torch.cat([self.decode(part)[0] for part in z.split(_AT_ONCE)])
