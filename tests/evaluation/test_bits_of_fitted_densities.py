"""Bits per dimension of densities that are fitted at once: they are fitted to what they are scored on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import genlab
from genlab import DataSpec, DensityModel, Examples, FittedDensity, RequestError, registry
from genlab.components import loaded
from genlab.evaluation import likelihood_records

LEVELS = 17
TRUTH = math.log2(LEVELS)
NAMES = [
    name
    for name in registry("density").names()
    if issubclass(registry("density").get(name), FittedDensity)
]


class Uniform(genlab.Dataset):
    """Images of 9 pixels, each of 17 levels, that have nothing to do with each other."""

    def __init__(self) -> None:
        self.spec = DataSpec((1, 3, 3), "image", levels=LEVELS)

    def load(self, split: genlab.Split, root: Path | None = None) -> Examples:
        generator = torch.Generator().manual_seed({"train": 1, "test": 2}[split])
        return Examples(torch.randint(LEVELS, (1500, 1, 3, 3), generator=generator) / 8 - 1)


def bits(name: str, data: genlab.Data) -> float:
    spec = data.spec.unlabelled()
    density = genlab.build("density", name, spec)
    genlab.fit_density(density, data.train)
    records = likelihood_records(DensityModel(spec, density), data, seed=0)
    return next(float(r["value"]) for r in records if r["name"] == "bits-per-dim")


def test_these_are_fitted_at_once() -> None:
    assert set(NAMES) >= {"normal", "gmm", "empirical", "kde"}


@pytest.mark.parametrize("name", NAMES)
def test_uniform_noise_has_the_logarithm_of_its_levels(name: str) -> None:
    """No density can do better, and one that is fitted to what it is scored on hardly does worse."""
    assert TRUTH - 0.01 < bits(name, loaded(Uniform())) < TRUTH + 0.5


@pytest.mark.parametrize("name", NAMES)
def test_digits_have_fewer_bits_than_noise(name: str, digits: genlab.Data) -> None:
    """A third of their pixels is always black, on which a density fitted to grey levels is infinite."""
    assert 2 < bits(name, digits) < 3.5


def test_a_density_of_nothing_known_is_refused() -> None:
    class Unbuilt(registry("density").get("normal")):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(DataSpec((2,), "vector"))

    with pytest.raises(RequestError, match="was not built with the spec of its data"):
        genlab.fit_density(Unbuilt(), Examples(torch.zeros(9, 2)))
