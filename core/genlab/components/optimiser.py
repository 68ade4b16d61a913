"""Optimisers: how a gradient changes the weights."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from typing import ClassVar

import torch
from torch import nn

from genlab.components.component import Component

__all__ = ["MakeOptimiser", "Optimiser"]

MakeOptimiser = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
"""Takes the weights that are learned and returns an optimiser of PyTorch."""


class Optimiser(Component):
    """A rule that changes weights by their gradients (abstract).

    Its parameters, such as the peak learning rate ``lr``, are the keyword arguments of its constructor.
    During a training, the rate of each of PyTorch's parameter groups is its first rate times a factor that
    rises and falls with the progress.

    Example:
        >>> import torch
        >>> from genlab import Optimiser
        >>> class Momentum(Optimiser):
        ...     "Gradient descent with momentum."
        ...
        ...     def __init__(self, *, lr: float = 0.1):
        ...         self.lr = lr
        ...
        ...     def build(self, parameters):
        ...         return torch.optim.SGD(parameters, lr=self.lr, momentum=0.9)
        >>> Momentum(lr=0.5)
        Momentum(lr=0.5)
    """

    role: ClassVar[str] = "optimiser"

    @abc.abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimiser of PyTorch for these weights.

        Args:
            parameters: The weights that are learned, on the device where they are trained.
        """
