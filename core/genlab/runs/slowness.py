"""What will be slow, before it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from genlab.components.dataset import DataSpec
from genlab.config import Resolved
from genlab.diffusion import DiffusionModel, Model

__all__ = ["Slowness"]

_LONG = 10 * 60  # seconds of training worth a word
_LONG_SAMPLING = 3 * 60  # seconds of sampling worth a word
_LARGE = 64 * 64  # pixels that a CPU trains slowly
_FORWARD_SHARE = 3.0  # a forward pass is about a third of a step of training
_SETTLED = 20  # steps after which the speed means something


class Slowness:
    """Says once what will be slow, and what would be quicker.

    Args:
        config: The configuration.
        model: The model.
        device: Where to compute.
    """

    def __init__(self, config: Resolved, model: Model, device: torch.device) -> None:
        self.config, self.model, self.device = config, model, device
        self.spoken = False

    def beforehand(self) -> Iterator[str]:
        """Say what is known before the first step."""
        spec: DataSpec = self.model.spec
        if self.device.type != "cpu" or spec.kind != "image":
            return
        height, width = spec.shape[1:]
        if height * width > _LARGE:
            yield (
                f"images of {height}x{width} pixels train slowly without a GPU; a smaller size "
                f"or a larger backbone.patch is quicker"
            )

    def __call__(self, record: Mapping[str, float]) -> Iterator[str]:
        """Say what the speed of the first steps means for the rest.

        Args:
            record: The numbers of a logged step.
        """
        learned = self.config.learned
        if self.spoken or learned is None:
            return
        if record["step"] < _SETTLED or record["examples_per_s"] <= 0:
            return
        self.spoken = True
        speed = record["examples_per_s"]
        if learned.settings.budget.unit != "minutes" and record["progress"] > 0:
            left = record["elapsed_s"] * (1 / record["progress"] - 1)
            if left > _LONG:
                yield (
                    f"training will take about {left / 60:.0f} minutes at {speed:.0f} examples/s; "
                    f"--minutes sets a limit"
                )
        if isinstance(self.model, DiffusionModel):
            count, steps = self.config.sampling.count, self.model.steps
            seconds = count * steps / (_FORWARD_SHARE * speed)
            if seconds > _LONG_SAMPLING:
                yield (
                    f"sampling {count} examples in {steps} steps will take about "
                    f"{seconds / 60:.0f} minutes; --set sampling.count or sampling.steps lowers it"
                )
