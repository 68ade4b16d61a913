"""The contract of a figure, drawn from small runs of every kind of data."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import matplotlib
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing

from genlab.components.dataset import LazyImages
from genlab.report.figure import Figure, Results
from genlab.testing.check import Check, bind, global_rng_untouched, require, run_checks
from genlab.testing.component import component_checks
from genlab.testing.results import small_runs

__all__ = ["check_figure", "figure_checks"]


def check_figure(instance: Figure, runs: Sequence[Results] | None = None) -> None:
    """Check a figure against its contract.

    Args:
        instance: The figure.
        runs: Runs of which it fits at least one. None: small ones of images, points, series and volumes, by
            diffusion and by a flow, with nothing trained.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, figure_checks(instance, runs))


def figure_checks(instance: Figure, runs: Sequence[Results] | None = None) -> Iterator[Check]:
    """Yield the checks of a figure.

    Args:
        instance: The figure.
        runs: See :func:`check_figure`.
    """
    yield from bind(_CHECKS, _Case(instance, runs))
    yield from component_checks(lambda: instance)


_MOST = 2  # runs that a figure is drawn of


@dataclass(frozen=True)
class _Drawn:
    """What happened while a figure was drawn."""

    figure: Any
    pixels: bytes
    touched: list[str]
    said: str
    """What was wrong about the global generators, or empty."""


@dataclass(frozen=True)
class _Case:
    figure: Figure
    given: Sequence[Results] | None
    drawn: dict[int, _Drawn] = field(default_factory=dict)

    @cached_property
    def runs(self) -> Sequence[Results]:
        return small_runs() if self.given is None else self.given

    @cached_property
    def fitting(self) -> list[int]:
        """Which of the runs it is drawn of: the first that it fits."""
        fits = (i for i, run in enumerate(self.runs) if self.figure.fits(run) is None)
        return [i for i, _ in zip(fits, range(_MOST), strict=False)]

    def once(self, i: int) -> _Drawn:
        """Draw it of a run, and remember how that went."""
        if i not in self.drawn:
            self.drawn[i] = self.draw(i)
        return self.drawn[i]

    def draw(self, i: int) -> _Drawn:
        import matplotlib.pyplot as plt

        run = self.runs[i]
        before = _state(run), plt.get_fignums(), dict(matplotlib.rcParams)
        said, figure = "", None
        try:
            with global_rng_untouched("draw()"):
                figure = self.figure.draw(run)
        except AssertionError as error:
            said = str(error)
            figure = self.figure.draw(run) if figure is None else figure
        after = _state(run), plt.get_fignums(), dict(matplotlib.rcParams)
        touched = [] if before[1] == after[1] else ["the figures of pyplot"]
        touched += [] if before[2] == after[2] else ["matplotlib.rcParams"]
        touched += [name for name in before[0] if before[0][name] != after[0][name]]
        return _Drawn(figure, _pixels(figure), touched, said)


def _name(run: Results) -> str:
    return str(getattr(run, "name", None) or f"a run of {run.spec.kind}s")


def _fits_says_why(case: _Case) -> None:
    """fits() returns None or a reason in words, the same each time, and at least one run fits."""
    for run in case.runs:
        reason, again = case.figure.fits(run), case.figure.fits(run)
        require(
            reason is None or (isinstance(reason, str) and bool(reason.strip())),
            f"fits() returns {reason!r}, {_name(run)}",
        )
        require(reason == again, f"fits() returns {reason!r} and then {again!r}, {_name(run)}")
    reasons = {case.figure.fits(run) for run in case.runs}
    require(None in reasons, f"it fits none of the runs at hand: {' / '.join(map(str, reasons))}")


def _draws_a_figure(case: _Case) -> None:
    """draw() returns a figure of matplotlib with something in it, of every run that fits."""
    for i in case.fitting:
        figure = case.once(i).figure
        kind = type(figure).__name__
        require(isinstance(figure, Drawing), f"draw() returns {kind}, {_name(case.runs[i])}")
        require(bool(figure.get_children()[1:]), f"the figure is empty, {_name(case.runs[i])}")


def _same_bytes_again(case: _Case) -> None:
    """Drawn twice of one run, it has the same pixels."""
    for i in case.fitting[:1]:
        again = case.draw(i).pixels
        require(again == case.once(i).pixels, f"two drawings differ, {_name(case.runs[i])}")


def _leaves_the_rest_alone(case: _Case) -> None:
    """draw() leaves the run, the state of pyplot and matplotlib's settings as they are."""
    for i in case.fitting:
        touched = case.once(i).touched
        require(not touched, f"draw() changes {', '.join(touched)}, {_name(case.runs[i])}")


def _global_rng_untouched(case: _Case) -> None:
    """fits() and draw() leave the global generators alone."""
    for run in case.runs:
        with global_rng_untouched("fits()"):
            case.figure.fits(run)
    for i in case.fitting:
        said = case.once(i).said
        require(not said, said)


_CHECKS = (
    _fits_says_why,
    _draws_a_figure,
    _same_bytes_again,
    _leaves_the_rest_alone,
    _global_rng_untouched,
)


def _pixels(figure: Any) -> bytes:
    if not isinstance(figure, Drawing):
        return b""
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(50)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def _state(run: Results) -> dict[str, Any]:
    """Return what a figure could change of a run: weights, mode, data and records."""
    model = run.model
    module = getattr(model, "restorer", None) or getattr(model, "density", None)
    state: dict[str, Any] = {
        "the history": copy.deepcopy(list(run.history)),
        "the evaluations": copy.deepcopy(list(run.evaluations)),
        "the records": copy.deepcopy(list(run.records)),
    }
    for split in (run.data.train, run.data.test):
        if not isinstance(split.x, LazyImages):
            state[f"the data ({len(split)} examples)"] = _bytes_of(split.x)
    if isinstance(module, torch.nn.Module):
        state["the mode of the model"] = [m.training for m in module.modules()]
        state["the weights of the model"] = {
            k: _bytes_of(v) for k, v in module.state_dict().items()
        }
    return state


def _bytes_of(x: torch.Tensor) -> bytes:
    return x.detach().cpu().contiguous().numpy().tobytes()
