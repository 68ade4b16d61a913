"""Memorisation, against scikit-learn's neighbours and on copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import genlab
from genlab import Examples
from genlab_plugins.metrics.nearest_neighbour import NearestNeighbour


def pixels(n: int, seed: int) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    return Examples(torch.randint(0, 256, (n, 2, 5, 4), dtype=torch.uint8, generator=generator))


def test_agrees_with_scikit_learn() -> None:
    train, x, real = pixels(90, 0), pixels(40, 1).first(40)[0], pixels(200, 2).first(200)[0]
    x[:3] = train.first(3)[0] + 0.5  # closer than real images come
    known = NearestNeighbors(n_neighbors=1).fit(train.first(90)[0].flatten(1).numpy())
    of_x, of_real = (known.kneighbors(each.flatten(1).numpy())[0] for each in (x, real))
    assert NearestNeighbour().score(train, x, real) == pytest.approx(
        {
            "distance": of_x.mean(),
            "ratio": of_x.mean() / of_real.mean(),
            "close": (of_x < np.quantile(of_real, 0.01)).mean(),
        },
        rel=1e-5,
    )


def test_copies_are_found_out_beside_a_baseline_of_unseen_images(digits: genlab.Data) -> None:
    records = genlab.evaluate(digits.train.first(1200)[0], digits, NearestNeighbour())
    by_name = {record["name"].partition("/")[2]: record for record in records}
    values = {name: record["value"] for name, record in by_name.items()}
    assert values == {"distance": 0, "ratio": 0, "close": 1}
    assert by_name["ratio"]["baseline"] == pytest.approx(1, abs=0.1)
    assert by_name["ratio"]["n"] == 1000
