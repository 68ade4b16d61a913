"""Budgets: how long to train, in steps, epochs or minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from genlab.config import TrainingConfig

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """A budget of training.

    Args:
        total: How much.
        unit: Of what.
    """

    total: float
    unit: Literal["steps", "minutes"]

    @classmethod
    def of(cls, config: TrainingConfig, examples: int) -> Budget:
        """Return the budget of a configuration, epochs counted out in steps.

        Args:
            config: Has exactly one budget.
            examples: Number of training examples.
        """
        if config.minutes is not None:
            return cls(config.minutes, "minutes")
        if config.epochs is not None:
            return cls(max(math.ceil(config.epochs * examples / config.batch), 1), "steps")
        if config.steps is None:
            raise ValueError("the configuration has no budget")
        return cls(config.steps, "steps")

    def progress(self, step: int, elapsed: float) -> float:
        """Return the share that is used up, in [0, 1].

        Args:
            step: Steps done.
            elapsed: Seconds trained.
        """
        used = step if self.unit == "steps" else elapsed / 60
        return min(used / self.total, 1.0)
