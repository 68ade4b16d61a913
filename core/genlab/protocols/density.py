"""Densities: explicit models of a distribution, exact in data space."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from genlab.protocols.dataset import Kind

__all__ = ["Density", "DensityTags", "FittedDensity", "Flow"]


@dataclass(frozen=True)
class DensityTags:
    """What may be relied upon.

    Args:
        fitted: Parameters come from ``fit`` (:class:`FittedDensity`) rather than from gradients.
        flow: ``encode`` and ``decode`` exist (:class:`Flow`).
        conditional: A density that was built with classes models each of them.
        data: The kinds of data that fit.
    """

    fitted: bool = False
    flow: bool = False
    conditional: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"vector"}))


class Density(nn.Module, abc.ABC):
    """A distribution with a density (abstract).

    The constructor takes the :class:`~genlab.protocols.DataSpec` first and its own parameters as
    keywords.
    """

    tags: DensityTags

    @abc.abstractmethod
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log density in nats, in data space.

        Args:
            x: Data ``(B, *shape)``.
            y: Labels ``(B,)``: the density of each example's class. None: the marginal.

        Returns:
            Log densities ``(B,)``.
        """

    @abc.abstractmethod
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``n`` examples.

        Args:
            n: How many.
            y: Labels ``(n,)``, or None to draw from the marginal.
            generator: Source of randomness, on the device of the parameters.

        Returns:
            Data ``(n, *shape)``.
        """

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return :meth:`log_prob`, so that a density trains as any module does."""
        return self.log_prob(x, y)


class FittedDensity(Density):
    """A density whose parameters follow from the data at once, without gradients (abstract)."""

    @abc.abstractmethod
    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Set the parameters from data.

        Args:
            x: Data ``(N, *shape)``.
            y: Labels ``(N,)`` or None.
            generator: Source of randomness, on the CPU.
        """


class Flow(Density):
    """A normalizing flow (abstract): a density with an invertible map to its latent space."""

    @abc.abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map data to the latent space.

        Returns:
            z ``(B, *shape)`` and ``ladj = log |det dz/dx|`` of shape ``(B,)``.
        """

    @abc.abstractmethod
    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map the latent space to data.

        Returns:
            x ``(B, *shape)`` and ``ladj = log |det dx/dz|`` of shape ``(B,)``.
        """
