"""Rows of the table, and how they are measured: all sides in turn, and the median round counts."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Part", "Row", "fastest", "seconds_of", "slope"]


@dataclass(frozen=True)
class Row:
    """One number of genlab beside one that it is held against.

    Args:
        part: The part of the suite.
        task: What was measured.
        unit: The unit of both numbers.
        ours: genlab's number.
        peer: What the other number is of.
        theirs: The other number.
        less: Whether less is better, as of seconds.
        bar: The least ratio that is good; None: there is none.
    """

    part: str
    task: str
    unit: str
    ours: float
    peer: str
    theirs: float
    less: bool = False
    bar: float | None = None

    @property
    def ratio(self) -> float:
        """How many times better genlab is; 1 is as good."""
        a, b = (self.theirs, self.ours) if self.less else (self.ours, self.theirs)
        return a / b if b else math.inf

    @property
    def key(self) -> str:
        """What a stored row is found by."""
        return f"{self.part}: {self.task} / {self.peer}"


class Part(Protocol):
    """A part of the suite: a function that gives its rows."""

    def __call__(self, *, rounds: int, short: bool) -> Iterator[Row]:
        """Measure.

        Args:
            rounds: How often each side has its turn.
            short: Whether the whole should take seconds.
        """


def seconds_of(
    sides: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the median seconds that one call of each side takes.

    Args:
        sides: What is called, by name. Each is called once before it is timed.
        rounds: How often each has its turn; every second round goes backwards.
        calls: Calls of a turn.
        clock: What is read before and after.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for call in sides.values():
        call()
    for number in range(rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            begun = clock()
            for _ in range(calls):
                sides[name]()
            found[name].append((clock() - begun) / calls)
    return {name: statistics.median(each) for name, each in found.items()}


def fastest(seconds: Mapping[str, float]) -> str:
    """Return the side that took least, of those that are not genlab."""
    return min((name for name in seconds if name != "genlab"), key=seconds.__getitem__)


def slope(sizes: Mapping[float, float]) -> float:
    """Return the exponent of growth: the slope of log(seconds) over log(size), by least squares.

    Args:
        sizes: Seconds by size.
    """
    x, y = [math.log(size) for size in sizes], [math.log(each) for each in sizes.values()]
    a, b = statistics.fmean(x), statistics.fmean(y)
    covered = sum((one - a) * (other - b) for one, other in zip(x, y, strict=True))
    return covered / sum((one - a) ** 2 for one in x)
