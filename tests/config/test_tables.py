"""Plain tables: how text becomes values, and what is laid over what."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab import ArrayDataset, RequestError
from genlab.config import merge, nested, parse_assignments
from genlab.config.tables import holds_examples, merge_training
from genlab.testing import Fade

# --- assignments


def test_values_are_toml_where_they_are_toml() -> None:
    given = ["a.x=1", "a.y = 2.5 ", 'a.z="q"', "a.w=word", "a.v=[1, 2]", "a.u=true", "b=c=d", "c="]
    assert parse_assignments(given) == {
        "a": {"x": 1, "y": 2.5, "z": "q", "w": "word", "v": [1, 2], "u": True},
        "b": "c=d", "c": "",
    }  # fmt: skip


def test_a_place_of_a_component_takes_its_name() -> None:
    assert parse_assignments(["prior=gmm", "degradation.sigma_max=3", "metrics=['mmd']"]) == {
        "prior": {"name": "gmm"}, "degradation": {"sigma_max": 3}, "metrics": ["mmd"],
    }  # fmt: skip


def test_the_last_one_counts() -> None:
    assert parse_assignments(["a.x=1", "a.y=2", "a.x=3"]) == {"a": {"x": 3, "y": 2}}
    assert parse_assignments(["training.steps=5", "training.minutes=2"]) == {
        "training": {"minutes": 2}
    }


@pytest.mark.parametrize("text", ["a", "=1", " =1", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(
        RequestError, match=r"is no assignment: write --set degradation\.sigma_max=20"
    ):
        parse_assignments([text])


def test_a_key_with_dots_is_a_table_in_a_table() -> None:
    assert nested("a.b.c", 1) == {"a": {"b": {"c": 1}}}
    assert nested("a", {"b": 1}) == {"a": {"b": 1}}


# --- one over the other

BLUR = {"degradation": {"name": "blur", "sigma_max": 3.0}}


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        (
            BLUR,
            {"degradation": {"ratio": 5}},
            {"degradation": {"name": "blur", "sigma_max": 3.0, "ratio": 5}},
        ),
        (BLUR, {"degradation": "blur"}, BLUR),
        (BLUR, {"degradation": "gaussian"}, {"degradation": {"name": "gaussian"}}),
        (BLUR, {"degradation": {"name": "mix", "a": 1}}, {"degradation": {"name": "mix", "a": 1}}),
        (BLUR, {"seed": 3}, {**BLUR, "seed": 3}),
        ({"seed": 3}, {"seed": 4}, {"seed": 4}),
        (
            {"degradation": "blur"},
            {"degradation": {"ratio": 5}},
            {"degradation": {"name": "blur", "ratio": 5}},
        ),
        (
            {"sampling": {"steps": 3, "count": 5}},
            {"sampling": {"steps": 4}},
            {"sampling": {"steps": 4, "count": 5}},
        ),
        ({"metrics": ["a"]}, {"metrics": ["b"]}, {"metrics": ["b"]}),
        (
            {"training": {"steps": 3, "batch": 5}},
            {"training": {"epochs": 2}},
            {"training": {"epochs": 2, "batch": 5}},
        ),
        (
            {"prior_training": {"steps": 3}},
            {"prior_training": {"minutes": 2}},
            {"prior_training": {"minutes": 2}},
        ),
        (
            {"training": {"steps": 3}},
            {"training": {"batch": 7}},
            {"training": {"steps": 3, "batch": 7}},
        ),
        (
            {"training": {"steps": 3}},
            {"training": {"minutes": None}},
            {"training": {"steps": 3, "minutes": None}},
        ),
    ],
)
def test_tables_over_tables(base: Any, over: Any, merged: Any) -> None:
    before = repr(base)
    assert merge(base, over) == merged
    assert repr(base) == before, "what lies below is not changed"


def test_an_object_takes_the_place_of_a_table_and_a_name_that_of_an_object() -> None:
    fade = Fade()
    assert merge(BLUR, {"degradation": fade}) == {"degradation": fade}
    assert merge({"degradation": fade}, {"degradation": "blur"}) == {
        "degradation": {"name": "blur"}
    }
    assert merge({"degradation": fade}, {"degradation": Fade}) == {"degradation": Fade}
    with pytest.raises(RequestError, match=r"degradation: ratio, x cannot be changed of an object"):
        merge({"degradation": fade}, {"degradation": {"ratio": 5, "x": 1}})


def test_examples_become_a_data_set_at_once() -> None:
    x = torch.zeros(4, 2)
    merged = merge({"dataset": "digits"}, {"dataset": {"train": x, "test": x}})
    assert isinstance(merged["dataset"], ArrayDataset)
    assert merge({}, {"dataset": {"name": "moons", "train": 5}}) == {
        "dataset": {"name": "moons", "train": 5}
    }
    assert holds_examples({"train": x})
    assert not holds_examples({"name": "moons"})
    assert not holds_examples(x)


def test_one_budget_takes_the_place_of_another() -> None:
    assert merge_training({"steps": 3, "clip": 1.0}, {"minutes": 2}) == {"clip": 1.0, "minutes": 2}
    assert merge_training({"steps": 3}, {"clip": 2.0}) == {"steps": 3, "clip": 2.0}
