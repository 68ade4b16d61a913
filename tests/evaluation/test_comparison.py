"""The numbers of several runs side by side."""

from __future__ import annotations

import csv
import io

import pytest

from genlab import RequestError
from genlab.evaluation import compared, comparison_csv
from genlab.evaluation.comparison import Compared

RUNS = [
    Compared(
        "a",
        "digits",
        "blur + unet",
        {
            "metrics": [{"name": "frechet", "value": 1.5}, {"name": "mmd", "value": 0.25}],
            "steps": 10,
            "seconds": {"training": 3.5},
        },
    ),
    Compared("b", "moons", "gmm"),
    Compared(
        "c",
        "digits",
        "ink, and more",
        {"metrics": [{"name": "kid", "value": 0}, {"name": "mmd", "value": 1}]},
    ),
]


def test_every_run_has_a_row_and_every_number_a_column() -> None:
    names, rows = compared(RUNS)
    assert names == ["frechet", "mmd", "kid"]
    assert rows == [
        {"run": "a", "data": "digits", "made of": "blur + unet", "steps": 10, "training_s": 3.5,
         "frechet": 1.5, "mmd": 0.25, "kid": None},
        {"run": "b", "data": "moons", "made of": "gmm", "steps": None, "training_s": None,
         "frechet": None, "mmd": None, "kid": None},
        {"run": "c", "data": "digits", "made of": "ink, and more", "steps": None, "training_s": None,
         "frechet": None, "mmd": 1, "kid": 0},
    ]  # fmt: skip


def test_a_table_of_them_is_read_again() -> None:
    text = comparison_csv(*compared(RUNS))
    header, *lines = csv.reader(io.StringIO(text))
    assert header == ["run", "data", "made of", "steps", "training_s", "frechet", "mmd", "kid"]
    assert lines[0] == ["a", "digits", "blur + unet", "10", "3.5", "1.5", "0.25", ""]
    assert lines[2][2] == "ink, and more"
    assert "\r" not in text


def test_runs_without_numbers_are_refused() -> None:
    with pytest.raises(RequestError, match="none of these runs has numbers yet"):
        compared(RUNS[1:2])
