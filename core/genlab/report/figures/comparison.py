"""Runs side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.errors import RequestError
from genlab.evaluation.comparison import Number
from genlab.report.figures.images import opaque, tile_pixels, to_uint8
from genlab.report.figures.lines import line_grid, line_limits
from genlab.report.figures.loss import LossCurve, loss_curve
from genlab.report.figures.panels import (
    LINE,
    PAD,
    as_images,
    enlargement,
    limits_of,
    mosaic_figure,
    note_on,
    points_of,
    scatter,
)
from genlab.report.figures.strips import time_labels
from genlab.report.figures.style import (
    BLUE,
    DPI,
    GREY,
    PALETTE,
    SKY,
    SMALL,
    lean,
    style,
    text_width,
)
from genlab.report.text import as_it_is

__all__ = ["Curves", "Degraded", "bars", "curves", "degradations", "side_by_side"]

_BETWEEN = 6 * PAD  # dots between what is destroyed and what is generated
_ACROSS = 3  # panels in a row

Named = Sequence[tuple[str, Tensor]]
"""Samples ``(B, *shape)`` of several runs, each with the name of its run."""


@dataclass(frozen=True)
class Degraded:
    """A row of :func:`degradations`.

    Args:
        name: What degrades.
        states: One example from t = 0 to t = 1, ``(T, C, H, W)``.
        samples: What the model of this degradation generates, ``(B, C, H, W)``.
    """

    name: str
    states: Tensor
    samples: Tensor


@style()
def side_by_side(samples: Named, spec: DataSpec, *, columns: int = 6) -> Drawing:
    """Show samples of several runs, one panel per run.

    Args:
        samples: Samples ``(B, *shape)``, each with the name of its run.
        spec: What the data is.
        columns: How many images, volumes or series are in a row of a panel.
    """
    if not samples:
        raise RequestError("there are no runs to compare")
    if spec.kind == "vector":
        return _clouds(samples)
    shown = [(name, x[: columns * columns]) for name, x in samples]
    if spec.kind == "series":
        return _lines(shown, columns)
    images = [(name, as_images(x, spec)) for name, x in shown]
    scale = enlargement(spec.shape[-2:], columns * len(samples))
    mosaics = [tile_pixels(opaque(to_uint8(x)), columns, PAD, scale) for _, x in images]
    figure, axes = mosaic_figure(mosaics, top=LINE, note=note_on(spec))
    for ax, mosaic, (name, _) in zip(axes, mosaics, images, strict=True):
        room = (mosaic.shape[1] + LINE) / DPI
        size = min(SMALL, SMALL * 0.95 * room / max(text_width(as_it_is(name)), 1e-6))
        ax.set_title(as_it_is(name), pad=3, fontsize=size)
    return figure


def _lines(samples: Named, columns: int) -> Drawing:
    columns = min(math.ceil(columns / 2), min(len(x) for _, x in samples))
    whole = [x[: len(x) // columns * columns] for _, x in samples]
    grids = [x.reshape(-1, columns, *x.shape[1:]) for x in whole]
    return line_grid(grids, line_limits(*whole), titles=[as_it_is(name) for name, _ in samples])


def _clouds(samples: Named) -> Drawing:
    clouds = [points_of(x) for _, x in samples]
    limits = limits_of(*clouds)
    figure = Drawing(figsize=(2.0 * len(clouds) + 0.3, 2.4))
    axes = figure.subplots(1, len(clouds), sharey=True, squeeze=False)[0]
    for ax, cloud, (name, _) in zip(axes, clouds, samples, strict=True):
        scatter(ax, cloud, limits, colour=BLUE, area=1.5)
        ax.set_title(as_it_is(name), fontsize=SMALL)
    return figure


@style()
def degradations(rows: Sequence[Degraded], times: Sequence[float]) -> Drawing:
    """Show degradations side by side: an example from t = 0 to t = 1, and samples of the model.

    Args:
        rows: One per model, with the same numbers of states and of samples.
        times: The times of the states.
    """
    if not rows:
        raise RequestError("there are no diffusions to compare")
    columns = len(times) + len(rows[0].samples)
    scale = enlargement(rows[0].states.shape[-2:], columns)
    parts = (
        ([row.states for row in rows], len(times)),
        ([row.samples for row in rows], len(rows[0].samples)),
    )
    mosaics = [
        tile_pixels(opaque(to_uint8(torch.cat(images).cpu())), wide, PAD, scale)
        for images, wide in parts
    ]
    left = round(max(text_width(as_it_is(row.name)) for row in rows) * DPI) + 3 * PAD
    figure, axes = mosaic_figure(mosaics, left=left, top=LINE, gap=_BETWEEN)
    high = (mosaics[0].shape[0] + PAD) / len(rows)
    wide = (mosaics[0].shape[1] + PAD) / len(times)
    axes[0].set_yticks(
        [(i + 0.5) * high - PAD / 2 for i in range(len(rows))], [as_it_is(r.name) for r in rows]
    )
    labels = time_labels(times, wide / DPI)
    axes[0].set_xticks([(i + 0.5) * wide - PAD / 2 for i in range(len(times))], labels)
    lean(axes[0])
    axes[0].tick_params(length=0, pad=3, bottom=False, labelbottom=False, labeltop=True)
    axes[1].set_title("samples", pad=3, fontsize=SMALL)
    return figure


@dataclass(frozen=True)
class Curves:
    """How a run was trained, for :func:`curves`.

    Args:
        name: Its name; runs of one name share a colour.
        kind: What its loss is of: losses of one kind share a panel.
        history: One record per logged step, with ``step`` and ``loss``.
        evaluations: One record per evaluation during training, with ``step``, ``values`` and ``baselines``.
    """

    name: str
    kind: str
    history: Sequence[Mapping[str, float]] = ()
    evaluations: Sequence[Mapping[str, Any]] = ()


@style()
def bars(names: Sequence[str], numbers: Sequence[Number]) -> Drawing:
    """Show numbers as bars with their intervals, one panel per number, and a grey mark at each baseline.

    Numbers that were measured with a sampler, steps or a checkpoint of their own are left out where there
    are others.

    Args:
        names: The names of what is compared.
        numbers: The numbers, each with a record for every name, or None.
    """
    shown = [number for number in numbers if not number.how] or list(numbers)
    if not shown:
        raise RequestError("there are no numbers to compare")
    across = min(len(shown), _ACROSS)
    down = -(-len(shown) // across)
    figure = Drawing(figsize=(2.3 * across, (0.5 + 0.22 * len(names)) * down))
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    for ax, number in zip(axes.flat, shown, strict=False):
        _bars(ax, number)
    axes[0, 0].set_yticks(
        range(len(names)), list(map(as_it_is, names))
    )  # two runs may have one name
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    known = any(r and r.get("interval") for number in shown for r in number.records)
    figure.supxlabel("grey: real against real" + ("; lines: 95 % intervals" if known else ""),
                     fontsize=SMALL)  # fmt: skip
    return figure


def _bars(ax: Axes, number: Number) -> None:
    for place, record in enumerate(number.records):
        if record is None:
            continue
        value = float(record["value"])
        low, high = record.get("interval") or (value, value)
        ends = [[max(value - low, 0.0)], [max(high - value, 0.0)]] if high > low else None
        ax.barh(place, value, color=SKY, xerr=ends, error_kw={"elinewidth": 1.0, "ecolor": "black"})
        if (baseline := record.get("baseline")) is not None:
            ax.vlines(baseline, place - 0.4, place + 0.4, color=GREY, lw=1.2)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    label = as_it_is(number.label)
    size = min(SMALL, SMALL * 2.0 / max(text_width(label), 1e-6))
    ax.set_title(label, fontsize=size)
    lean(ax)


@style()
def curves(runs: Sequence[Curves]) -> Drawing | None:
    """Lay the curves of training of several runs over each other: losses, and the numbers of evaluations.

    Args:
        runs: The runs.

    Returns:
        The figure, one panel for each kind of loss and one for each number; None where nothing was logged.
    """
    losses = _losses(runs)
    kinds = list(dict.fromkeys(run.kind for run, _ in losses))
    names = list(dict.fromkeys(n for r in runs for line in r.evaluations for n in line["values"]))
    panels = len(kinds) + len(names)
    if not panels:
        return None
    across = min(panels, _ACROSS)
    down = -(-panels // across)
    wide = 4.2 if across == 1 else 2.2 * across + 0.2
    known = list(dict.fromkeys(run.name for run in runs if run.history or run.evaluations))
    shown = [as_it_is(name) for name in known]
    columns = max(int(wide / (max(map(text_width, shown)) + 0.5)), 1)
    above = 0.17 * -(-len(known) // columns) + 0.2
    figure = Drawing(figsize=(wide, (2.6 if across == 1 else 1.8) * down + above))
    axes = figure.subplots(down, across, squeeze=False).flatten().tolist()
    looks = {name: _look(place) for place, name in enumerate(known)}
    for ax, kind in zip(axes, kinds, strict=False):
        several = f" ({kind})" if len(kinds) > 1 else ""
        _loss_panel(ax, [each for each in losses if each[0].kind == kind], looks)
        ax.set_title(f"loss{several}, running median", fontsize=SMALL)
    for ax, name in zip(axes[len(kinds) :], names, strict=False):
        _number_panel(ax, name, runs, looks)
    for ax in axes[panels:]:
        ax.set_axis_off()
    lines = [Line2D([], [], **looks[name]) for name in known]
    figure.legend(lines, shown, loc="outside upper center", ncols=columns, fontsize=SMALL)
    dashed = "; dashed: real against real" if names else ""
    figure.supxlabel(f"step of training{dashed}", fontsize=SMALL)
    return figure


def _losses(runs: Sequence[Curves]) -> list[tuple[Curves, LossCurve]]:
    found = [(run, loss_curve(run.history)) for run in runs]
    return [(run, curve) for run, curve in found if curve is not None]


def _look(place: int) -> dict[str, Any]:
    """Return colour and dashes of a line, which are its own for as many as 24 lines."""
    dashes = ("-", "--", ":")[place // len(PALETTE) % 3]
    return {"color": PALETTE[place % len(PALETTE)], "ls": dashes, "lw": 1.2}


def _loss_panel(
    ax: Axes, runs: Sequence[tuple[Curves, LossCurve]], looks: Mapping[str, Mapping[str, Any]]
) -> None:
    for run, curve in runs:
        ax.plot(curve.steps, curve.median, **looks[run.name])
    low = min(float(curve.median.min()) for _, curve in runs)
    high = max(float(curve.median.max()) for _, curve in runs)
    if low > 0 and high > 10 * low:
        ax.set_yscale("log")
    _dress(ax)


def _number_panel(
    ax: Axes, name: str, runs: Sequence[Curves], looks: Mapping[str, Mapping[str, Any]]
) -> None:
    baselines = []
    for run in runs:
        lines = [line for line in run.evaluations if name in line["values"]]
        steps, values = [line["step"] for line in lines], [line["values"][name] for line in lines]
        ax.plot(steps, values, marker="o", ms=2.5, **looks.get(run.name, {}))
        baselines += [
            line["baselines"][name] for line in lines if name in line.get("baselines", {})
        ]
    if baselines:
        ax.axhline(baselines[0], color=GREY, ls="--", lw=0.8)
    title = as_it_is(name)
    ax.set_title(title, fontsize=min(SMALL, SMALL * 2.0 / max(text_width(title), 1e-6)))
    _dress(ax)


def _dress(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.grid(axis="y")
    lean(ax)
