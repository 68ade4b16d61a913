"""Whole models: what samples are drawn from."""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from genlab.generation.guidance import Guided
from genlab.generation.prior import Prior
from genlab.generation.walk import Bounded, Step, walk
from genlab.protocols import DataSpec, Density, Sampler
from genlab.restorer import Restorer, jittered

__all__ = ["DensityModel", "DiffusionModel", "Model"]

Advance = Callable[[int], None]


class Model(abc.ABC):
    """Something that samples can be drawn from (abstract)."""

    spec: DataSpec
    conditional: bool
    """Whether it knows the classes of the data."""

    @abc.abstractmethod
    def sample(
        self,
        n: int,
        *,
        seed: int,
        y: Tensor | None = None,
        batch: int = 500,
        advance: Advance | None = None,
    ) -> Tensor:
        """Draw samples.

        Args:
            n: How many.
            seed: The same seed gives the same samples on the same device.
            y: Labels ``(n,)``, or None to draw from all the data.
            batch: How many are drawn at once; another batch gives other samples.
            advance: Is called with the number of samples drawn so far.

        Returns:
            Samples ``(n, *shape)`` in the data convention, on the CPU.
        """


class DiffusionModel(Model):
    r"""A degradation, its restorer, a sampler and a prior.

    A deterministic degradation leaves fine detail at amplitudes that a network learns to read and no prior
    draws rightly: the longer it trains, the more it makes of the errors of the prior. So it is trained under
    noise that hides them, and walks start from :math:`x_t + \sigma \epsilon` with
    :math:`\epsilon \sim \mathcal{N}(0, I)` and end with the last estimate, which is free of it.

    Sources: Rissanen, Heinonen & Solin 2022 (arXiv:2206.13397), whose deblurring network sees noise of .01 of
    the range of the data; Ho et al. 2022 (arXiv:2106.15282), who treat the input of super-resolution networks
    so ("conditioning augmentation").

    Args:
        spec: What the data is.
        restorer: Estimates the clean data.
        prior: Where walks start.
        sampler: How to walk.
        steps: Steps of a walk.
        device: Where to compute.
        conditional: Whether the restorer and the prior know the classes.
        guidance: Scale of classifier-free guidance.
        jitter: The deviation :math:`\sigma` under which the restorer was trained.
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
        conditional: bool = False,
        guidance: float = 1.0,
        jitter: float = 0.0,
    ) -> None:
        self.spec, self.restorer, self.prior = spec, restorer, prior
        self.sampler, self.steps, self.device = sampler, steps, device
        self.conditional, self.guidance, self.jitter = conditional, guidance, jitter

    def estimates(self, y: Tensor | None = None, guidance: float | None = None) -> Bounded:
        """Return the restorer as a sampler sees it: in the range of the data, and guided.

        Args:
            y: Labels ``(B,)`` that the estimates follow, or None.
            guidance: Scale of guidance; None: the model's own.
        """
        guided = Guided(self.restorer, self.guidance if guidance is None else guidance)
        limit = 1.0 if self.spec.kind == "image" else None
        return Bounded(guided, self.restorer.degradation, limit, y)

    def walk(
        self,
        n: int,
        *,
        seed: int,
        steps: int | None = None,
        sampler: Sampler | None = None,
        y: Tensor | None = None,
        guidance: float | None = None,
    ) -> Iterator[Step]:
        """Walk ``n`` samples back from the prior and hand out every state."""
        generator = torch.Generator(self.device).manual_seed(seed)
        y = None if y is None else y.to(self.device)
        x_1, z = self.prior.sample(n, y, generator=generator)
        yield from self.walk_from(
            x_1, z, generator=generator, steps=steps, sampler=sampler, y=y, guidance=guidance
        )

    def walk_from(
        self,
        x_t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
        start: float = 1.0,
        steps: int | None = None,
        sampler: Sampler | None = None,
        y: Tensor | None = None,
        guidance: float | None = None,
    ) -> Iterator[Step]:
        """Walk back from given states ``(B, *shape)`` at the time ``start``."""
        yield from walk(
            self.estimates(y, guidance), sampler or self.sampler,
            jittered(x_t, self.jitter, generator), z, steps or self.steps,
            generator=generator, start=start, end_at_estimate=self.jitter > 0,
        )  # fmt: skip

    def sample(
        self,
        n: int,
        *,
        seed: int,
        y: Tensor | None = None,
        batch: int = 500,
        advance: Advance | None = None,
        steps: int | None = None,
        sampler: Sampler | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        """Draw samples; see :meth:`Model.sample`."""
        parts = []
        for part, start in enumerate(range(0, n, batch)):
            size = min(batch, n - start)
            states = self.walk(
                size, seed=seed + _STRIDE * part, steps=steps, sampler=sampler,
                y=None if y is None else y[start : start + size], guidance=guidance,
            )  # fmt: skip
            parts.append(end_of(states, self.spec))
            if advance:
                advance(start + size)
        return torch.cat(parts)


class DensityModel(Model):
    """A density that was fitted or trained on the data itself.

    Args:
        spec: What the data is.
        density: The density.
        device: Where to compute.
        conditional: Whether the density knows the classes.
    """

    def __init__(
        self, spec: DataSpec, density: Density, *, device: torch.device, conditional: bool = False
    ) -> None:
        self.spec, self.density, self.device = spec, density, device
        self.conditional = conditional

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int,
        y: Tensor | None = None,
        batch: int = 500,
        advance: Advance | None = None,
    ) -> Tensor:
        """Draw samples; see :meth:`Model.sample`."""
        generator = torch.Generator(self.device).manual_seed(seed)
        parts = []
        for start in range(0, n, batch):
            size = min(batch, n - start)
            labels = None if y is None else y[start : start + size].to(self.device)
            x = self.density.sample(size, labels, generator=generator).cpu()
            parts.append(in_range(x, self.spec))
            if advance:
                advance(start + size)
        return torch.cat(parts)


def in_range(x: Tensor, spec: DataSpec) -> Tensor:
    """Return data in the range that it can have: a walk may end a little outside."""
    return x.clamp(-1, 1) if spec.kind == "image" else x


def end_of(walk: Iterable[Step], spec: DataSpec) -> Tensor:
    """Return where a walk ends, in the range of the data, on the CPU."""
    return in_range(deque(walk, maxlen=1).pop().x_t.cpu(), spec)


_STRIDE = 7919  # distance between the seeds of two batches
