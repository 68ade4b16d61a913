"""Memorisation, against scikit-learn's neighbours and on copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import genlab
from genlab import Examples
from genlab.evaluation import measure, nearest
from genlab_plugins.metrics.nearest_neighbour import NearestNeighbour

SHAPE = (2, 5, 4)


def pixels(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=generator)


def test_agrees_with_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.evaluation.neighbours._BATCH", 17)
    train, x = Examples(pixels(90, 0)), Examples(pixels(40, 1)).first(40)[0]
    known = NearestNeighbors(n_neighbors=1).fit(train.first(90)[0].flatten(1).numpy())
    want, index = known.kneighbors(x.flatten(1).numpy())
    got, where = nearest(x, train)
    np.testing.assert_allclose(got.numpy(), want[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(where.numpy(), index[:, 0])


def test_copies_have_no_distance_and_are_all_close() -> None:
    train = Examples(pixels(100, 0))
    real = Examples(pixels(100, 1)).first(100)[0]
    assert NearestNeighbour().score(train, train.first(30)[0], real) == {
        "distance": 0, "ratio": 0, "close": 1,
    }  # fmt: skip


def test_unseen_images_are_as_far_as_unseen_images() -> None:
    found = NearestNeighbour().score(
        Examples(pixels(200, 0)), Examples(pixels(300, 1)).first(300)[0],
        Examples(pixels(300, 2)).first(300)[0],
    )  # fmt: skip
    assert found["ratio"] == pytest.approx(1, abs=0.03)
    assert found["close"] < 0.05


def test_its_floor_is_one_half_of_the_test_split_against_the_other() -> None:
    dataset = genlab.build("dataset", "digits")
    train, test = dataset.load("train"), dataset.load("test")
    copies = train.first(1200)[0]
    records = measure(
        "nearest-neighbour",
        NearestNeighbour(),
        copies,
        train,
        test,
        dataset.spec,
        seed=0,
        ema=False,
    )
    by_name = {record["name"].partition("/")[2]: record for record in records}
    assert by_name["ratio"]["value"] == 0
    assert by_name["ratio"]["floor"] == pytest.approx(1, abs=0.1)
    assert by_name["close"]["value"] == 1
    assert by_name["ratio"]["n"] == 1000
