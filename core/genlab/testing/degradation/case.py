"""The degradation under check, and the data that it is checked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.components.dataset import Kind
from genlab.components.degradation import Degradation
from genlab.testing.check import require, seeded

__all__ = ["DTYPES", "EXACT", "FEW", "FINE", "SHAPES", "TIMES", "Case", "Shape", "at_time",
           "copied", "require_like", "same"]  # fmt: skip

Shape = tuple[int, ...]

SHAPES: Mapping[Kind, tuple[Shape, ...]] = {
    "image": ((1, 8, 8), (2, 9, 12), (3, 28, 28)),
    "vector": ((2,), (5,)),
    "series": ((1, 8), (2, 15)),
    "volume": ((1, 4, 4, 4), (2, 3, 4, 5)),
}
"""Shapes of every kind of data, small, odd and with sides of different lengths."""

TIMES = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
FINE = 200
"""Steps of the fine grid."""
DTYPES = (torch.float32, torch.float64)
EXACT = 1e-6
"""Difference of float64 results of two computations of the same number."""
FEW = 1e-5
"""Difference of float32 results whose order of summation differs."""


@dataclass(frozen=True)
class Case:
    """A degradation that is always called with copies, so that only one check sees it write."""

    degradation: Degradation
    shapes: tuple[Shape, ...]

    def draw(self, x_0: Tensor, seed: int = 1) -> Tensor | None:
        """Draw with a seed."""
        return self.degradation.draw(x_0.clone(), generator=seeded(seed, x_0.device))

    def drawn(self, x_0: Tensor, seed: int = 1) -> Tensor:
        """Draw something, and insist that it is something."""
        z = self.draw(x_0, seed)
        if z is None:
            raise AssertionError(f"draw() returns None for data of the shape {tuple(x_0.shape)}")
        return z

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Degrade each example to its own time."""
        return self.degradation.degrade(x_0.clone(), t.clone(), copied(z))

    def at(self, x_0: Tensor, t: float, z: Tensor | None) -> Tensor:
        """Degrade all examples to one time."""
        return self.degrade(x_0, at_time(t, x_0), z)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return what is left at t = 1."""
        return self.degradation.summarize(x_1.clone())

    def expand(self, c: Tensor, shape: Shape, seed: int = 2) -> Tensor:
        """Expand with a seed."""
        return self.degradation.expand(c.clone(), shape, generator=seeded(seed, c.device))

    def path(self, x_0: Tensor, z: Tensor | None, times: Tensor) -> Tensor:
        """Return one example at many times, ``(len(times), *shape)``."""
        n = len(times)
        many = None if z is None else z[:1].repeat_interleave(n, 0)
        return self.degrade(x_0[:1].repeat_interleave(n, 0), times, many)


def at_time(t: float, like: Tensor) -> Tensor:
    """Return one time for every example."""
    return like.new_full((len(like),), t)


def copied(z: Tensor | None) -> Tensor | None:
    """Return a copy."""
    return None if z is None else z.clone()


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Say whether two draws are equal to the last bit."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool((a == b).all())


def require_like(got: Tensor, want: Tensor, what: str) -> None:
    """Require the same shape, dtype and kind of device."""
    for name in ("shape", "dtype", "device"):
        g, w = getattr(got, name), getattr(want, name)
        alike = g.type == w.type if name == "device" else g == w
        shown = (tuple(g), tuple(w)) if name == "shape" else (g, w)
        require(alike, f"{what}: {name} {shown[0]}, not {shown[1]}")
