"""Fingerprints of data: other examples of the same shape are noticed, other rounding is not."""

from __future__ import annotations

import pytest
import torch

import genlab
from genlab.runs.fingerprint import difference, fingerprint

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randint(256, (90, 1, 6, 6), generator=GENERATOR).byte()
Y = torch.randint(3, (90,), generator=GENERATOR)


def of(x: torch.Tensor, y: torch.Tensor | None = Y) -> dict[str, dict[str, object]]:
    return fingerprint(
        genlab.load({"train": (x, y), "test": (x[:9], None if y is None else y[:9])})
    )


def test_the_same_data_has_the_same_fingerprint() -> None:
    assert difference(of(X), of(X.clone())) == ""
    assert difference({}, of(X)) == "", "runs of another time have none"


def test_a_single_grey_level_of_an_example_that_is_looked_at_is_noticed() -> None:
    other = X.clone()
    other[0, 0, 3, 3] ^= 1
    assert difference(of(X), of(other)) == "the train split: other examples"


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (X[:80], Y[:80], "90 examples then, 80 now"),
        (X, Y.flip(0), "other labels"),
        (X, None, "other labels"),
        (X.flip(0), Y, "other examples"),
        (X.flip(3), Y, "other examples"),
        (X.transpose(2, 3), Y, "other examples"),
    ],
)
def test_other_data_is_told_apart(x: torch.Tensor, y: torch.Tensor | None, told: str) -> None:
    assert difference(of(X), of(x, y)) == f"the train split: {told}"


def test_the_last_digits_of_points_do_not_matter() -> None:
    points = torch.randn(90, 2, generator=torch.Generator().manual_seed(1))
    near = points * (1 + 2e-7)
    assert not torch.equal(points, near)
    assert difference(of(points), of(near)) == ""
    assert difference(of(points), of(points + 1e-2 * torch.arange(90)[:, None])) != ""


@pytest.mark.parametrize("table", [3, {"count": 90}, {"count": 90, "labels": "", "sums": None}])
def test_a_damaged_fingerprint_is_no_crash(table: object) -> None:
    assert difference({"train": table}, of(X)).startswith("the train split: ")
