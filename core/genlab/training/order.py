"""The order in which a training sees its examples, as a function of the step alone."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.seeds import generator_of

__all__ = ["Order"]


class Order:
    """A new permutation of the examples for every epoch, addressed by step.

    The batch of a step depends on the step and the seed alone, so that a resumed training goes on
    where it stopped, in the middle of an epoch too.

    Args:
        examples: Number N of examples.
        batch: Examples per step.
        seed: Seed of the permutations.
    """

    def __init__(self, examples: int, batch: int, seed: int) -> None:
        self.examples, self.batch, self.seed = examples, batch, seed
        self._epochs: dict[int, Tensor] = {}
        self._first: Tensor | None = None

    def indices(self, step: int) -> Tensor:
        """Return the indices ``(batch,)`` of a step, counted from 0."""
        start, left = step * self.batch, self.batch
        parts = []
        while left:
            epoch, offset = divmod(start, self.examples)
            part = self._epoch(epoch)[offset : offset + left]
            parts.append(part)
            start, left = start + len(part), left - len(part)
        return torch.cat(parts)

    def turns(self, step: int) -> Tensor:
        """Return whose turn it is in a step, bool ``(batch,)``.

        It is that of half of the examples, chosen at random, in the first epoch, that of the others in the
        next, and so on: each has it in every second epoch.
        """
        if self._first is None:
            generator = generator_of(self.seed, "turns")
            self._first = torch.randint(2, (self.examples,), generator=generator)
        epochs = (step * self.batch + torch.arange(self.batch)) // self.examples
        return (self._first[self.indices(step)] + epochs) % 2 == 0

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            generator = generator_of(self.seed, "order", epoch)
            order = torch.randperm(self.examples, generator=generator)
            recent = {k: v for k, v in self._epochs.items() if k == epoch - 1}
            self._epochs = {**recent, epoch: order}
        return self._epochs[epoch]
