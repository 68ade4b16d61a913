"""Steps of training of which each waits for the one before, on any device."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from genlab.components.objective import Objective
from genlab.training.parts import Parts
from genlab.training.stepping import Stepping

__all__ = ["Attended"]


class Attended(Stepping[Objective]):
    """Does steps of training, and looks at each gradient before the weights are moved.

    Args:
        given: What :class:`~genlab.training.stepping.Stepping` takes.
        parts: What computes the gradient part by part; None: it is computed at once.
    """

    every = 1

    def __init__(self, *given: Any, parts: Parts | None) -> None:
        super().__init__(*given)
        self.parts = parts

    def begin(self, skipped: int) -> None:
        """Begin anew."""
        self._skipped, self._in_a_row = skipped, 0

    def __call__(
        self, x: Tensor, y: Tensor | None, rates: list[float], *, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Do a step."""
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
