"""Whole models: what samples are drawn from."""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from genlab.generation.prior import Prior
from genlab.generation.walk import Bounded, Step, walk
from genlab.protocols import DataSpec, Density, Sampler
from genlab.restorer import Restorer

__all__ = ["DensityModel", "DiffusionModel", "Model"]

Advance = Callable[[int], None]


class Model(abc.ABC):
    """Something that samples can be drawn from (abstract)."""

    spec: DataSpec

    @abc.abstractmethod
    def sample(
        self, n: int, *, seed: int, batch: int = 500, advance: Advance | None = None
    ) -> Tensor:
        """Draw samples.

        Args:
            n: How many.
            seed: The same seed gives the same samples on the same device.
            batch: How many are drawn at once; another batch gives other samples.
            advance: Is called with the number of samples drawn so far.

        Returns:
            Samples ``(n, *shape)`` in the data convention, on the CPU.
        """


class DiffusionModel(Model):
    """A degradation, its restorer, a sampler and a prior.

    Args:
        spec: What the data is.
        restorer: Estimates the clean data.
        prior: Where walks start.
        sampler: How to walk.
        steps: Steps of a walk.
        device: Where to compute.
    """

    def __init__(
        self,
        spec: DataSpec,
        restorer: Restorer,
        prior: Prior,
        sampler: Sampler,
        *,
        steps: int,
        device: torch.device,
    ) -> None:
        self.spec, self.restorer, self.prior = spec, restorer, prior
        self.sampler, self.steps, self.device = sampler, steps, device

    def walk(
        self,
        n: int,
        *,
        seed: int,
        steps: int | None = None,
        sampler: Sampler | None = None,
    ) -> Iterator[Step]:
        """Walk ``n`` samples back from the prior and hand out every state."""
        generator = torch.Generator(self.device).manual_seed(seed)
        x_1, z = self.prior.sample(n, generator=generator)
        yield from walk(
            Bounded(self.restorer, self.restorer.degradation, self._limit),
            sampler or self.sampler,
            x_1,
            z,
            steps or self.steps,
            generator=generator,
        )

    def sample(
        self,
        n: int,
        *,
        seed: int,
        batch: int = 500,
        advance: Advance | None = None,
        steps: int | None = None,
        sampler: Sampler | None = None,
    ) -> Tensor:
        """Draw samples; see :meth:`Model.sample`."""
        parts = []
        for part, start in enumerate(range(0, n, batch)):
            size = min(batch, n - start)
            states = self.walk(size, seed=seed + _STRIDE * part, steps=steps, sampler=sampler)
            parts.append(deque(states, maxlen=1).pop().x_t.cpu())
            if advance:
                advance(start + size)
        return torch.cat(parts)

    @property
    def _limit(self) -> float | None:
        return 1.0 if self.spec.kind == "image" else None


class DensityModel(Model):
    """A density that was fitted or trained on the data itself.

    Args:
        spec: What the data is.
        density: The density.
        device: Where to compute.
    """

    def __init__(self, spec: DataSpec, density: Density, *, device: torch.device) -> None:
        self.spec, self.density, self.device = spec, density, device

    @torch.no_grad()
    def sample(
        self, n: int, *, seed: int, batch: int = 500, advance: Advance | None = None
    ) -> Tensor:
        """Draw samples; see :meth:`Model.sample`."""
        generator = torch.Generator(self.device).manual_seed(seed)
        parts = []
        for start in range(0, n, batch):
            size = min(batch, n - start)
            parts.append(self.density.sample(size, generator=generator).cpu())
            if advance:
                advance(start + size)
        return torch.cat(parts)


_STRIDE = 7919  # distance between the seeds of two batches
