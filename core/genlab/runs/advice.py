"""Advice on what will be slow, before it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from genlab.config import RunConfig
from genlab.runs.assembly import Parts

__all__ = ["Advice"]

_LONG = 10 * 60  # seconds of training worth a word
_LONG_SAMPLING = 3 * 60  # seconds of sampling worth a word
_LARGE = 64 * 64  # pixels that a CPU trains slowly
_FORWARD_SHARE = 3.0  # a forward pass is about a third of a step of training
_SETTLED = 20  # steps after which the speed means something


class Advice:
    """Says once what will be slow, and what would be quicker.

    Args:
        config: The configuration.
        parts: The components.
        device: Where to compute.
        examples: Number of training examples.
    """

    def __init__(
        self, config: RunConfig, parts: Parts, device: torch.device, examples: int
    ) -> None:
        self.config, self.parts, self.device, self.examples = config, parts, device, examples
        self.spoken = False

    def beforehand(self) -> Iterator[str]:
        """Say what is known before the first step."""
        shape = self.parts.spec.shape
        if self.device.type == "cpu" and len(shape) == 3 and shape[1] * shape[2] > _LARGE:
            yield (
                f"images of {shape[1]}x{shape[2]} pixels train slowly without a GPU; a smaller size "
                f"or a larger backbone.patch is quicker"
            )

    def __call__(self, record: Mapping[str, float]) -> Iterator[str]:
        """Say what the speed of the first steps means for the rest.

        Args:
            record: The numbers of a logged step.
        """
        if self.spoken or record["step"] < _SETTLED or record["examples_per_s"] <= 0:
            return
        self.spoken = True
        speed, training = record["examples_per_s"], self.config.training
        if training.minutes is None and record["progress"] > 0:
            left = record["elapsed_s"] * (1 / record["progress"] - 1)
            if left > _LONG:
                yield (
                    f"training will take about {left / 60:.0f} minutes at {speed:.0f} examples/s; "
                    f"--minutes sets a limit"
                )
        if self.parts.sampler is not None:
            steps = self.config.sampling.steps or self.parts.sampler.tags.steps
            seconds = self.config.sampling.count * steps / (_FORWARD_SHARE * speed)
            if seconds > _LONG_SAMPLING:
                yield (
                    f"sampling {self.config.sampling.count} examples in {steps} steps will take about "
                    f"{seconds / 60:.0f} minutes; --set sampling.count or sampling.steps lowers it"
                )
