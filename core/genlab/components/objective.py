"""Objectives: what a step of training minimises."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from genlab.components.component import Component

__all__ = ["MeanObjective", "Network", "Objective"]

Network = Callable[..., Tensor]
"""A module in training, possibly wrapped, such as for several devices or for another arithmetic."""


class Objective(Component):
    """What a step of training minimises (abstract).

    The constructor takes what is trained first, such as a restorer or a density, and its own parameters as
    keywords.
    """

    role: ClassVar[str] = "objective"
    requires: ClassVar[type[Any]] = nn.Module
    """What it trains: objects of this class."""

    @property
    @abc.abstractmethod
    def module(self) -> nn.Module:
        """The module whose weights are learned."""

    @property
    def mixed_precision(self) -> bool:
        """Whether bf16 autocast speeds the module up on hardware that has it."""
        return False

    @property
    def compiled(self) -> bool:
        """Whether torch.compile makes training of the module on vectors faster."""
        return False

    @property
    def replayable(self) -> bool:
        """Whether the loss launches the same kernels on a GPU for every batch of one shape.

        Then a recording of them, a CUDA graph, can stand for it; Python runs for the first steps alone.
        """
        return False

    @abc.abstractmethod
    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        """Return the loss of a batch, a scalar.

        Args:
            network: :attr:`module`, possibly wrapped: the loss calls it in the place of the module.
            x: Clean data ``(B, *shape)``.
            y: Labels ``(B,)``, -1 where one is not known, or None.
            generator: Source of randomness, on the device of ``x``.
        """

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        """Set weights that depend on data, before the first step; there are none unless a class says so.

        Args:
            x: Some training examples ``(N, *shape)``, on the CPU.
            generator: Source of randomness, on the CPU.
        """
        return


class MeanObjective(Objective):
    r"""A mean over the examples of a batch, which can be computed part by part (abstract).

    .. math:: L = \frac{1}{B} \sum_{i=1}^B \ell(f_\theta; x_i, y_i, r_i)

    where all that is random, r, is drawn for the whole batch at once. So several processes, or one that
    computes a batch in several parts (``training.accumulate``), have the loss and the gradient that one
    process has of the whole batch.
    """

    @abc.abstractmethod
    def draw(
        self, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Sequence[Tensor | None]:
        """Draw all that is random in the loss of a batch.

        Args:
            x: Clean data ``(B, *shape)``.
            y: Labels ``(B,)``, -1 where one is not known, or None.
            generator: Source of randomness, on the device of ``x``.

        Returns:
            Tensors with one row for each example, ``(B, ...)``; None where one is not needed.
        """

    @abc.abstractmethod
    def mean_loss(
        self, network: Network, x: Tensor, y: Tensor | None, drawn: Sequence[Any]
    ) -> Tensor:
        """Return the mean loss of some examples of a batch, a scalar.

        Args:
            network: See :meth:`Objective.__call__`.
            x: Clean data ``(b, *shape)``.
            y: Labels ``(b,)``, or None.
            drawn: What :meth:`draw` has drawn for these examples.
        """

    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        """Return the loss of a batch, a scalar; see :meth:`Objective.__call__`."""
        return self.mean_loss(network, x, y, self.draw(x, y, generator=generator))
