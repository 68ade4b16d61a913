"""Checks of figures, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from typing import Any

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure as Drawing

from genlab import Figure
from genlab.report.figure import Results
from genlab.testing import check_figure, component_checks, figure_checks
from genlab.testing.results import SmallRun, small_runs


class Curve(Figure):
    """A sound figure: the loss."""

    def fits(self, run: Results) -> str | None:
        return None if run.history else "nothing was logged"

    def draw(self, run: Results) -> Drawing:
        figure = Drawing(figsize=(2, 1))
        figure.subplots().plot([record["loss"] for record in run.history])
        return figure


class FitsNothing(Curve):
    def fits(self, run: Results) -> str | None:
        return "it is Monday"


class SaysNo(Curve):
    def fits(self, run: Results) -> Any:
        return None if run.history else False


class SaysNothing(Curve):
    def fits(self, run: Results) -> str | None:
        return None if run.history else ""


class ChangesItsMind(Curve):
    def __init__(self) -> None:
        self.asked = 0

    def fits(self, run: Results) -> str | None:
        self.asked += 1
        return super().fits(run) and f"answer {self.asked}"


class Blank(Curve):
    def draw(self, run: Results) -> Drawing:
        return Drawing(figsize=(2, 1))


class ReturnsAxes(Curve):
    def draw(self, run: Results) -> Any:
        return super().draw(run).axes


class Moves(Curve):
    """Is another one every time."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, run: Results) -> Drawing:
        self.drawn += 1
        figure = super().draw(run)
        figure.suptitle(str(self.drawn))
        return figure


class UsesPyplot(Curve):
    def draw(self, run: Results) -> Drawing:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(2, 1))
        figure.subplots().plot([record["loss"] for record in run.history])
        return figure


class SetsTheStyle(Curve):
    def draw(self, run: Results) -> Drawing:
        matplotlib.rcParams["lines.linewidth"] += 0.1
        with matplotlib.rc_context({"lines.linewidth": 1}):
            return super().draw(run)


class Trains(Curve):
    """Leaves the model in training mode."""

    def draw(self, run: Results) -> Drawing:
        for name in ("restorer", "density"):
            if hasattr(run.model, name):
                getattr(run.model, name).train()
        return super().draw(run)


class Scales(Curve):
    def draw(self, run: Results) -> Drawing:
        x = run.data.train.x
        assert isinstance(x, torch.Tensor)
        x.mul_(0.5)
        return super().draw(run)


class Smooths(Curve):
    """Writes into the records."""

    def draw(self, run: Results) -> Drawing:
        for record in run.history:
            assert isinstance(record, dict)
            record["smooth"] = record.get("smooth", 0.0) + record["loss"]
        return super().draw(run)


class Seeds(Curve):
    def draw(self, run: Results) -> Drawing:
        torch.manual_seed(0)
        return super().draw(run)


FAULTS: list[tuple[type[Figure], str]] = [
    (FitsNothing, "fits_says_why"),
    (SaysNo, "fits_says_why"),
    (SaysNothing, "fits_says_why"),
    (ChangesItsMind, "fits_says_why"),
    (Blank, "draws_a_figure"),
    (ReturnsAxes, "draws_a_figure"),
    (Moves, "same_bytes_again"),
    (UsesPyplot, "leaves_the_rest_alone"),
    (SetsTheStyle, "leaves_the_rest_alone"),
    (Trains, "leaves_the_rest_alone"),
    (Scales, "leaves_the_rest_alone"),
    (Smooths, "leaves_the_rest_alone"),
    (Seeds, "global_rng_untouched"),
]


@pytest.fixture
def runs() -> list[SmallRun]:
    """Two runs that have logged something, and one that has not."""
    each = small_runs()
    return [each[0], each[1], each[-1]]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: type[Figure], check: str, found: Any, runs: list[SmallRun]) -> None:
    with matplotlib.rc_context():
        assert found(figure_checks(broken(), runs)) == [check]
    if broken is UsesPyplot:
        import matplotlib.pyplot as plt

        plt.close("all")


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in figure_checks(Curve())}
    of_every_role = {check.name for check in component_checks(Curve)}
    assert names - of_every_role == {check for _, check in FAULTS}


def test_a_sound_one_passes() -> None:
    check_figure(Curve())
