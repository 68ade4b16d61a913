"""What every figure shows, down to sizes and colours, is what is written down in `looks` beside this file.

After a change that is meant, look at the pictures, and write it down anew with GENLAB_RENEW=1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from genlab import DataSpec
from genlab.evaluation.comparison import Number
from genlab.report.figures.comparison import (
    Curves,
    Degraded,
    bars,
    curves,
    degradations,
    side_by_side,
)
from genlab.report.figures.restoration import restoration
from genlab.report.gallery import draw, fitting, usual_figures
from genlab.testing.results import SmallRun, small_runs

WRITTEN = Path(__file__).parent / "looks"
RUNS = small_runs()
OF_NUMBERS = {"loss", "quality", "steps"}
"""Figures that are of one kind for all runs."""
CASES = [
    pytest.param(run, name, id=f"{name}-of-{run.name}".replace(", ", "-").replace(" ", "-"))
    for run in RUNS
    for name, reason in fitting(run, usual_figures()).items()
    if reason is None and (run is RUNS[0] or name not in OF_NUMBERS)
]
SHOWN = (
    "text", "position", "fontsize", "fontweight", "rotation", "ha", "va", "color", "facecolor",
    "edgecolor", "alpha", "zorder", "clip_on", "linewidth", "linestyle", "marker", "markersize",
    "xdata", "ydata", "offsets", "sizes", "array", "clim", "extent", "interpolation", "width",
    "height", "xy", "paths", "xlim", "ylim", "xscale", "yscale", "aspect", "xticks", "yticks",
    "size_inches", "dpi",
)  # fmt: skip
"""The properties of artists that are described, by Matplotlib's names."""
USUAL = {"clip_on": True, "fontweight": "normal", "rotation": 0.0}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")
FEW = 8
"""Longer arrays are summed up."""


def described(drawing: Drawing) -> list[str]:
    """A line for each thing that stands in a drawing, below what it stands in."""
    drawing.draw_without_rendering()
    return list(lines(drawing, 0))


def lines(artist: Artist, depth: int) -> Iterator[str]:
    if not artist.get_visible() or (isinstance(artist, Text) and not artist.get_text()):
        return
    told = [f"{name} {said}" for name in SHOWN if (said := value_of(artist, name))]
    if told:
        yield "  " * depth + " | ".join([type(artist).__name__, *told])
    parts = artist.get_children()
    if isinstance(artist, Axis):  # what else it has follows from its scale and ticks
        parts = [artist.label, artist.get_offset_text(), *artist.get_ticklabels()]
    for part in parts:
        yield from lines(part, depth + 1)


def value_of(artist: Artist, name: str) -> str:
    """A property as text; an empty one where there is none, or what is usual."""
    get = getattr(artist, f"get_{name}", None)
    placed = isinstance(artist, Axes | Text) and not is_label(artist)
    known = placed if name == "position" else isinstance(artist, Text) or name != "text"
    value = get() if get is not None and known else None
    if value is None or (name in USUAL and value == USUAL[name]):
        return ""
    if "color" in name:
        colours = dict.fromkeys(to_hex(each, keep_alpha=True) for each in to_rgba_array(value))
        return " ".join(list(colours)[:FEW])
    if isinstance(value, str | bool) or name == "linestyle":
        return repr(value)
    if isinstance(value, Bbox):
        return numbers(value.bounds)
    if name == "paths":
        return numbers(np.concatenate([each.vertices for each in value] or [np.zeros((0, 2))]))
    return numbers(value)


def is_label(artist: Artist) -> bool:
    """Whether it is the label of an axis, whose place depends on how wide letters are."""
    axes = artist.axes
    return axes is not None and artist in (axes.xaxis.label, axes.yaxis.label)


def numbers(value: Any) -> str:
    """Numbers, or the least, mean, greatest and spread of many."""
    flat = np.ma.filled(np.ma.asarray(value, dtype=float), np.nan).ravel()
    if len(flat) > FEW:
        summed = np.nanmin(flat), np.nanmean(flat), np.nanmax(flat), np.nanstd(flat)
        return f"{np.shape(value)} of {numbers(summed)}"
    return " ".join(f"{each:.4g}" for each in flat)


def differences(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The lines in which two descriptions differ: in words, or in numbers by more than 2 %."""
    pairs = zip(one, other, strict=False)
    found = [f"was:    {a}\nis now: {b}" for a, b in pairs if not alike(a, b)]
    return found + [f"{len(one)} lines and {len(other)}"] * (len(one) != len(other))


def alike(one: str, other: str) -> bool:
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    a, b = ([float(each) for each in NUMBER.findall(line)] for line in (one, other))
    return np.allclose(a, b, rtol=0.02, atol=0.004)


@pytest.fixture
def check(written: Callable[[Path, str], str]) -> Callable[[Drawing | None, str], None]:
    """Hold a drawing against what is written down about it."""

    def checked(drawing: Drawing | None, name: str) -> None:
        assert drawing is not None
        found = described(drawing)
        known = written(WRITTEN / f"{name}.txt", "\n".join(found) + "\n")
        assert not differences(known.splitlines(), found)

    return checked


@pytest.mark.parametrize(("run", "name"), CASES)
def test_a_figure_shows_what_is_written_down(
    run: SmallRun, name: str, request: pytest.FixtureRequest, check: Callable[..., None]
) -> None:
    check(draw(run, name), request.node.callspec.id)


def images(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand((n, 1, 8, 8), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def compared(kind: str) -> Drawing | None:
    """What compares runs, or methods."""
    if kind == "bars":
        records = [
            [{"value": 3.0 + k, "interval": [2.5 + k, 4.0 + k], "baseline": 0.3}, {"value": 2.0}]
            for k in range(4)
        ]
        numbers = [Number(f"number {k}", {}, tuple(each)) for k, each in enumerate(records)]
        return bars(["blur", "a gaussian"], numbers)
    if kind == "curves":
        history = [{"step": i, "loss": 3.0 / i} for i in range(1, 30)]
        lines = [{"step": i, "values": {"a": 9 / i}, "baselines": {"a": 0.5}} for i in (10, 20, 30)]
        return curves(
            [Curves("x", "l1", history, lines), Curves("y", "l2", history[::2], lines[1:])]
        )
    if kind == "degradations":
        return degradations([Degraded(n, images(3), images(9)) for n in ("x", "y")], (0, 0.4, 1))
    if kind == "restoration":
        return restoration(images(9), {"walk": images(9, 1)}, images(9, 2))
    shape, of = {
        "images": ((1, 8, 8), "image"),
        "points": ((2,), "vector"),
        "series": ((1, 64), "series"),
    }[kind]
    x = images(40).reshape(-1, *shape)
    return side_by_side([("first", x), ("second", x * 0.5)], DataSpec(shape, of))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind", ["bars", "curves", "degradations", "restoration", "images", "points", "series"]
)
def test_a_comparison_shows_what_is_written_down(kind: str, check: Callable[..., None]) -> None:
    check(compared(kind), f"compared-{kind}")
