"""Steps of training of which each waits for the one before, on any device."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genlab.components.objective import Network, Objective
from genlab.training.parts import Parts
from genlab.training.settings import TrainingSettings

__all__ = ["Attended"]


class Attended:
    """Does steps of training, and looks at each gradient before the weights are moved.

    A step whose gradient is not finite leaves weights, averages and the optimiser's state as they are.

    Args:
        objective: What is minimised.
        network: What the objective calls.
        average: The moving average of the module's weights.
        module: The module.
        optimiser: What changes the weights.
        settings: Of the training.
        parts: What computes the gradient part by part; None: it is computed at once.
    """

    every: ClassVar[int] = 1
    """Steps between two looks at :meth:`skipped`."""

    def __init__(
        self,
        objective: Objective,
        network: Network,
        average: AveragedModel,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        settings: TrainingSettings,
        parts: Parts | None,
    ) -> None:
        self.objective, self.network, self.optimiser = objective, network, optimiser
        self.average, self.module, self.settings = average, module, settings
        self.parts = parts
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.begin(0)

    def begin(self, skipped: int) -> None:
        """Begin anew, with the state of module, average and optimiser as it is.

        Args:
            skipped: Steps so far whose gradient was not finite.
        """
        self._skipped, self._in_a_row = skipped, 0

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
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"] = rate
        if self.parts is None:
            loss = self.objective(self.network, x, y, generator=generator)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        else:
            self.optimiser.zero_grad(set_to_none=True)
            loss = self.parts.backward(x, y, generator=generator)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        if math.isfinite(norm):
            self._in_a_row = 0
            self.optimiser.step()
            self.average.update_parameters(self.module)
        else:
            self._skipped, self._in_a_row = self._skipped + 1, self._in_a_row + 1
        return loss.detach(), norm

    def skipped(self) -> tuple[int, int]:
        """Return how many steps had no finite gradient, and how many of the last ones."""
        return self._skipped, self._in_a_row
