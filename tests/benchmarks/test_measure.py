"""What the benchmarks make of what they measure."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def measure() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("measure", FOLDER / "measure.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["measure"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["measure"]


def test_a_ratio_above_one_is_better(measure: ModuleType) -> None:
    speed = measure.Row("flows", "samples", "points/s", 300.0, "other", 200.0)
    taken = measure.Row("start", "help", "s", 2.0, "other", 3.0, less=True)
    assert (speed.ratio, taken.ratio) == (1.5, 1.5)
    assert speed.key == "flows: samples / other"


def test_sides_have_their_turns_forth_and_back_and_the_median_counts(measure: ModuleType) -> None:
    called: list[str] = []
    ticks = itertools.accumulate(itertools.chain([0, 2, 0, 10, 0, 20, 0, 4, 0, 6, 0, 60]))
    taken = measure.seconds_of(
        {"genlab": lambda: called.append("a"), "other": lambda: called.append("b")},
        rounds=3, calls=2, clock=lambda: float(next(ticks)),
    )  # fmt: skip
    assert "".join(called) == "ab" + "aabb" + "bbaa" + "aabb"
    assert taken == {"genlab": 2.0, "other": 10.0}  # of 1, 2, 3 and of 5, 10, 30
    assert measure.fastest(taken) == "other"


def test_exponents(measure: ModuleType) -> None:
    assert measure.slope({2: 0.5 * 2**1.5, 4: 0.5 * 4**1.5, 8: 0.5 * 8**1.5}) == pytest.approx(1.5)
