"""Precision, recall, density and coverage on known sets, and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

import genlab
from genlab_plugins.metrics.prdc import prdc


def cloud(n: int, d: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def brute(x: np.ndarray, real: np.ndarray, k: int) -> dict[str, float]:
    def radius(points: np.ndarray) -> np.ndarray:
        return NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points)[0][:, k]

    apart = np.array([[np.linalg.norm(r - s) for s in x] for r in real])
    in_real, in_sample = apart < radius(real)[:, None], apart < radius(x)[None]
    return {
        "precision": np.mean([in_real[:, j].any() for j in range(len(x))]),
        "recall": np.mean([in_sample[i].any() for i in range(len(real))]),
        "density": np.mean([in_real[:, j].sum() / k for j in range(len(x))]),
        "coverage": np.mean([in_real[i].any() for i in range(len(real))]),
    }


@given(st.integers(8, 25), st.integers(8, 25), st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_agrees_with_brute_force(n: int, m: int, k: int, seed: int) -> None:
    x, real = cloud(n, 3, seed, 1.3), cloud(m, 3, seed + 1)
    assert prdc(x, real, k) == pytest.approx(brute(x.numpy(), real.numpy(), k))


def test_a_set_against_itself_is_perfect() -> None:
    x = cloud(60, 4, 0)
    found = prdc(x, x.clone(), 3)
    assert found["precision"] == found["recall"] == found["coverage"] == 1
    assert found["density"] == pytest.approx(1, abs=0.15)


def test_sets_far_apart_share_nothing() -> None:
    found = prdc(cloud(40, 2, 0) + 100, cloud(40, 2, 1), 5)
    assert set(found.values()) == {0.0}


def test_one_mode_of_two_is_precise_and_covers_half() -> None:
    real = torch.cat([cloud(100, 2, 0, 0.1), cloud(100, 2, 1, 0.1) + 50])
    found = prdc(cloud(200, 2, 2, 0.1), real, 5)
    assert found["precision"] > 0.9
    assert found["coverage"] == pytest.approx(0.5, abs=0.03)
    assert found["recall"] <= 0.5


def test_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    prdc(cloud(20, 2, 0), cloud(20, 2, 1), 3)
    assert capsys.readouterr() == ("", "")


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(genlab.RequestError, match="at least 7 samples"):
        prdc(cloud(6, 2, 0), cloud(50, 2, 1), 5)
