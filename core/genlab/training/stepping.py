"""What does the steps of a training."""

from __future__ import annotations

import abc
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genlab.components.objective import Network, Objective
from genlab.training.settings import TrainingSettings

__all__ = ["Stepping"]

_Minimised = TypeVar("_Minimised", bound=Objective)


class Stepping(abc.ABC, Generic[_Minimised]):
    """Does steps of training (abstract).

    A step whose gradient is not finite leaves weights, averages and the optimiser's state as they are, and is
    counted.

    Args:
        objective: What is minimised.
        network: What the objective calls.
        average: The moving average of the module's weights.
        module: The module.
        optimiser: What changes the weights.
        settings: Of the training.
    """

    every: ClassVar[int]
    """Steps between two looks at :meth:`skipped`."""

    def __init__(
        self,
        objective: _Minimised,
        network: Network,
        average: AveragedModel,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        settings: TrainingSettings,
    ) -> None:
        self.objective, self.network, self.optimiser = objective, network, optimiser
        self.average, self.module, self.settings = average, module, settings
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.begin(0)

    @abc.abstractmethod
    def begin(self, skipped: int) -> None:
        """Begin anew, with the state of module, average and optimiser as it is.

        Args:
            skipped: Steps so far whose gradient was not finite.
        """

    @abc.abstractmethod
    def __call__(
        self, x: Tensor, y: Tensor | None, rates: list[float], *, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Do a step, and return its loss and the norm of its gradient before it was clipped.

        Args:
            x: The batch ``(B, *shape)``.
            y: Its labels ``(B,)``, or None.
            rates: Learning rate of each of the optimiser's groups.
            generator: Source of the objective's randomness.
        """

    @abc.abstractmethod
    def skipped(self) -> tuple[int, int]:
        """Return how many steps had no finite gradient, and how many of the last ones."""
