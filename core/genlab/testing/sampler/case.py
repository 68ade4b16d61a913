"""The sampler under check, and what it walks back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from genlab.components.degradation import Degradation
from genlab.components.sampler import Sampler
from genlab.testing.check import example_data, require, seeded

__all__ = ["STEPS", "Case", "Guess", "Known", "Trajectory", "named", "wrong"]

Guess = Callable[[Tensor, Tensor], Tensor]

STEPS = (1, 2, 7, 50)


class Known:
    """A restorer with a known answer, which insists on being called by its contract.

    Args:
        degradation: What is walked back.
        guess: The answer to ``(x_t, t)``.
    """

    def __init__(self, degradation: Degradation, guess: Guess) -> None:
        self.degradation = degradation
        self.guess = guess

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the answer."""
        require(
            t.shape == (len(x_t),),
            f"the restorer is called with t of shape {tuple(t.shape)}, not ({len(x_t)},)",
        )
        return self.guess(x_t, t)


@dataclass(frozen=True)
class Trajectory:
    """A trajectory that is advanced by hand."""

    sampler: Sampler
    restorer: Known
    x_t: Tensor
    state: Any

    def step(self, t: Tensor, s: Tensor) -> Trajectory:
        """Walk back from t to s."""
        n = len(self.x_t)
        times = t.expand(n).clone(), s.expand(n).clone()
        x_s, state = self.sampler.step(self.restorer, self.x_t.clone(), *times, self.state)
        return Trajectory(self.sampler, self.restorer, x_s, state)

    def end(self, steps: int, time: float = 1.0) -> Tensor:
        """Walk back to the end, from a time on."""
        trajectory = self
        times = self.sampler.grid(steps, self.restorer.degradation) * time
        for t, s in pairwise(times):
            trajectory = trajectory.step(t, s)
        return trajectory.x_t


@dataclass(frozen=True)
class Case:
    """A sampler and what it is walked on."""

    sampler: Sampler
    degradations: tuple[Degradation, ...]

    def data(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return four vectors of three numbers."""
        return example_data((3,), 4, dtype=dtype)

    def start(
        self,
        degradation: Degradation,
        guess: Guess,
        *,
        time: float = 1.0,
        seed: int = 5,
        dtype: torch.dtype = torch.float32,
    ) -> Trajectory:
        """Degrade data and begin to walk back."""
        x_0 = self.data(dtype)
        t = x_0.new_full((len(x_0),), time)
        z = degradation.draw(x_0, generator=seeded(seed))
        return self.begin(degradation, guess, degradation.degrade(x_0, t, z), t, z, seed + 1)

    def begin(
        self,
        degradation: Degradation,
        guess: Guess,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        seed: int,
    ) -> Trajectory:
        """Begin to walk back from degraded data, with a seed of its own."""
        restorer = Known(degradation, guess)
        state = self.sampler.init(restorer, x_t.clone(), t, z, generator=seeded(seed))
        return Trajectory(self.sampler, restorer, x_t, state)


def wrong(x_t: Tensor, t: Tensor) -> Tensor:
    """Return an estimate that depends on the state and the time, so that every step leaves a trace."""
    return (x_t + t[:, None].to(x_t.dtype)).sin()


def named(degradation: Degradation) -> str:
    """Name a degradation."""
    return f"degradation {type(degradation).__name__}"
