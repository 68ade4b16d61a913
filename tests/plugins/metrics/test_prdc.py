"""Precision, recall, density and coverage: by loops, by stored numbers, and on sets that are known."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import genlab
from genlab_plugins.metrics.prdc import prdc

# Of prdc 0.2, the package of the authors of Naeem et al. 2020, for the clouds of the test below.
STORED = {
    3: {"precision": 0.96, "recall": 47 / 60, "density": 179 / 150, "coverage": 0.75},
    5: {"precision": 1.0, "recall": 52 / 60, "density": 306 / 250, "coverage": 0.85},
}


def cloud(n: int, d: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def by_loops(x: list[list[float]], real: list[list[float]], k: int) -> dict[str, float]:
    def radius(points: list[list[float]], i: int) -> float:
        return sorted(math.dist(points[i], p) for j, p in enumerate(points) if j != i)[k - 1]

    holds = [[math.dist(r, s) < radius(real, i) for s in x] for i, r in enumerate(real)]
    held = [[math.dist(r, s) < radius(x, j) for j, s in enumerate(x)] for r in real]
    return {
        "precision": sum(any(column) for column in zip(*holds, strict=True)) / len(x),
        "recall": sum(map(any, held)) / len(real),
        "density": sum(map(sum, holds)) / k / len(x),
        "coverage": sum(map(any, holds)) / len(real),
    }


@given(
    st.integers(7, 25),
    st.integers(7, 25),
    st.integers(1, 6),
    st.integers(1, 30),
    st.integers(0, 99),
)
@settings(max_examples=25)
def test_is_what_loops_count_in_chunks_of_any_size(
    n: int, m: int, k: int, rows: int, seed: int
) -> None:
    x, real = cloud(n, 3, seed, 1.3), cloud(m, 3, seed + 1)
    with mock.patch("genlab_plugins.metrics.prdc._ROWS", rows):
        found = prdc(x, real, k)
    assert found == pytest.approx(by_loops(x.double().tolist(), real.double().tolist(), k))


@pytest.mark.parametrize("k", list(STORED))
def test_gives_the_numbers_of_the_authors_package(k: int) -> None:
    draws = np.random.default_rng(0)
    real = torch.tensor(draws.normal(size=(60, 4)))
    x = torch.tensor(draws.normal(0.4, 0.8, size=(50, 4)))
    assert prdc(x, real, k) == pytest.approx(STORED[k])
    assert prdc(x.float(), real.float(), k) == pytest.approx(STORED[k])


def test_copies_are_perfect_and_a_copy_of_one_alone_recalls_nothing() -> None:
    real = cloud(60, 4, 0)
    perfect = {"precision": 1, "recall": 1, "density": 1, "coverage": 1}
    assert prdc(real.clone(), real, 3) == pytest.approx(perfect)
    alone = prdc(real[:1].repeat(60, 1), real, 3)  # balls of no size, which hold nothing
    assert (alone["precision"], alone["recall"]) == (1, 0)
    assert set(prdc(real + 100, real, 5).values()) == {0}


def test_one_mode_of_two_is_precise_and_covers_half() -> None:
    real = torch.cat([cloud(100, 2, 0, 0.1), cloud(100, 2, 1, 0.1) + 50])
    found = prdc(cloud(200, 2, 2, 0.1), real, 5)
    assert found["precision"] > 0.9
    assert found["coverage"] == pytest.approx(0.5, abs=0.03)
    assert found["recall"] <= 0.5


@pytest.mark.parametrize("few", ["samples", "real"])
def test_too_few_are_refused(few: str) -> None:
    sets = {"samples": cloud(6, 2, 0), "real": cloud(50, 2, 1)}
    assert set(prdc(sets["samples"], sets["real"], 5)) == set(STORED[3])
    sets[few] = sets["samples"][:5]
    with pytest.raises(genlab.RequestError, match="at least 6 samples"):
        prdc(sets["samples"] if few == "samples" else sets["real"], sets["real"], 5)
