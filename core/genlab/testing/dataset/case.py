"""The data set under check, loaded once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from genlab.components.dataset import Dataset, Examples, LazyImages, PointSet, Split
from genlab.testing.check import seeded
from genlab.testing.plane import Plane

__all__ = ["MANY", "SPLITS", "Case", "Points", "log_prob_of"]

SPLITS: tuple[Split, ...] = ("train", "test")
MANY = 20_000
"""Points of which moments are taken."""


@dataclass(frozen=True)
class Case:
    """A data set, of which each split is loaded once."""

    dataset: Dataset
    root: Path | None
    loaded: dict[Split, Examples] = field(default_factory=dict)

    def load(self, split: Split) -> Examples:
        """Return a split."""
        if split not in self.loaded:
            self.loaded[split] = self.dataset.load(split, self.root)
        return self.loaded[split]


@dataclass(frozen=True)
class Points:
    """A set of points from a known distribution."""

    points: PointSet
    planes: dict[int | None, Plane] = field(default_factory=dict)

    def draw(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor | None]:
        """Draw with a seed."""
        examples = self.points.draw(n, generator=seeded(seed))
        if isinstance(examples.x, LazyImages):
            raise AssertionError("draw() returns lazy images")
        return examples.x, examples.y

    def plane(self, k: int | None, samples: Tensor) -> Plane:
        """Integrate the density of a class, or the marginal, once."""
        if k not in self.planes:
            self.planes[k] = Plane.integrate(partial(log_prob_of, self.points, k), samples)
        return self.planes[k]


def log_prob_of(points: PointSet, k: int | None, x: Tensor) -> Tensor:
    """Return the log density of a class, or of all."""
    return points.log_prob(x, None if k is None else torch.full((len(x),), k))
