"""What varies in a sweep: grids, several of them, and draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genlab import RequestError
from genlab.runs.combinations import combinations
from genlab.runs.series import experiment_tables

RATES = {"low": 1e-4, "high": 1e-2, "log": True}


def test_tables_are_put_together() -> None:
    found = dict(combinations([{"seed": [0, 1], "sampler": ["ddim"]}, {"training.steps": [5]}]))
    assert list(found) == ["0-ddim", "1-ddim", "5"]
    assert found["1-ddim"]["seed"] == 1
    assert found["5"] == {"training": {"steps": 5}}


def test_draws_fill_their_ranges_evenly() -> None:
    """Half of them lie below the middle: of the logarithm, where it is asked for."""
    table = {"draws": 400, "optimiser.lr": RATES, "restorer.jitter": {"low": 0.0, "high": 0.2},
             "backbone.blocks": {"low": 1, "high": 4}, "optimiser.name": ["adamw", "muon"]}  # fmt: skip
    drawn = [change for _, change in combinations(table)]
    rates = [change["optimiser"]["lr"] for change in drawn]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert 160 < sum(rate < 1e-3 for rate in rates) < 240
    assert 160 < sum(change["restorer"]["jitter"] < 0.1 for change in drawn) < 240
    blocks = [change["backbone"]["blocks"] for change in drawn]
    assert set(blocks) == {1, 2, 3, 4}
    assert {type(each) for each in blocks} == {int}
    assert {change["optimiser"]["name"] for change in drawn} == {"adamw", "muon"}


def test_more_draws_begin_with_the_same() -> None:
    few, many = (list(combinations({"draws": n, "optimiser.lr": RATES})) for n in (3, 8))
    assert many[:3] == few
    other = list(combinations({"draws": {"count": 3, "seed": 1}, "optimiser.lr": RATES}))
    assert not {label for label, _ in other} & {label for label, _ in few}
    assert [change for _, change in other] != [change for _, change in few]


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({}, "the table is empty"),
        ({"draws": 3}, "the table is empty"),
        ([{"seed": [0]}, {"seed": [1, 0]}], "0 is there twice"),
        ({"seed": 3}, "sweep.seed: a sweep goes through a list"),
        ({"seed": {"low": 1, "high": 3}}, "sweep.seed: a sweep goes through a list"),
        ({"draws": 0, "seed": [1]}, "sweep.draws.count: input should be greater than 0"),
        (
            {"draws": 2, "optimiser.lr": {"low": 0, "high": 1, "log": True}},
            "from above 0 where log is true",
        ),
        ({"draws": 2, "optimiser.lr": {"low": 2, "high": 1}}, "goes up from low to high"),
        ({"draws": 2, "optimiser.lr": {"low": 2, "hi": 1}}, "sweep.optimiser.lr"),
        ({"draws": 2, "optimiser.lr": 3}, "a sweep goes through a list"),
    ],
)
def test_what_is_no_sweep_is_refused(sweep: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        list(combinations(sweep))


def test_a_budget_that_is_no_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('dataset = "moons"\n[budget]\nlaptop = ""\n', "utf-8")
    with pytest.raises(RequestError, match=r"budget.laptop is no table of settings"):
        experiment_tables(file)
