"""Quality while a model is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.panels import columns_room, image_strip, scatter_strip, spread
from genlab.figures.style import BLUE, GREY, PALETTE, SMALL, lean, style, text_width
from genlab.protocols import DataSpec

__all__ = ["over_steps", "over_training", "quality"]

_ACROSS = 3  # panels in a row


@style()
def quality(evaluations: Sequence[Mapping[str, Any]]) -> Figure:
    """Show the numbers of evaluations against the training time, one panel per number.

    A dashed line is what real data gets in the place of the samples.

    Args:
        evaluations: The lines of ``evaluations.jsonl``, each with ``elapsed_s``, ``values`` and
            ``floors``.
    """
    if not evaluations:
        raise RequestError(
            "there were no evaluations during training: --set evaluation.times=8 asks for some"
        )
    names = list(evaluations[-1]["values"])
    floors = evaluations[-1].get("floors", {})
    figure, axes = _panels({name: floors.get(name) for name in names}, high=1.7)
    minutes = [line["elapsed_s"] / 60 for line in evaluations]
    for ax, name in zip(axes, names, strict=True):
        values = [line["values"].get(name, float("nan")) for line in evaluations]
        ax.plot(minutes, values, "o-", color=BLUE, ms=3)
    count = evaluations[-1].get("n")
    figure.supxlabel(
        f"minutes of training ({count} samples each; dashed: real data)", fontsize=SMALL
    )
    return figure


@style()
def over_steps(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Show numbers against the steps of a walk, one panel per number and one line per sampler.

    Args:
        records: Measured numbers, each with ``name``, ``value``, ``floor``, ``sampler`` and
            ``sampling_steps``. Numbers that were not measured at several counts of steps are left out,
            those that are the same for all, and what was measured in another number of samples than most.
    """
    records = _of_one_size(records)
    names = walked(records)
    if not names:
        raise RequestError(
            "no number was measured at several counts of steps: genlab evaluate RUN --sampler NAME "
            "--steps 5 --steps 10 --steps 20 does"
        )
    floors = {r["name"]: r.get("floor") for r in reversed(records)}
    figure, axes = _panels({name: floors[name] for name in names}, high=1.9)
    every = sorted({r["sampling_steps"] for r in records})
    samplers = sorted({r["sampler"] for r in records if r.get("sampler")})
    for ax, name in zip(axes, names, strict=True):
        for k, sampler in enumerate(samplers):
            points = sorted(
                (r["sampling_steps"], r["value"])
                for r in records
                if r["name"] == name and r.get("sampler") == sampler
            )
            steps, values = [p[0] for p in points], [p[1] for p in points]
            ax.plot(steps, values, "o-", color=PALETTE[k % len(PALETTE)], ms=3, label=sampler)
        ax.set_xscale("log")
        ax.set_xticks(every, [str(n) for n in every])
        ax.minorticks_off()
    axes[0].legend()
    figure.supxlabel("steps of the walk (dashed: real data)", fontsize=SMALL)
    return figure


def _panels(floors: Mapping[str, float | None], *, high: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel per number, and a dashed line at its floor where it has one.

    Args:
        floors: The floor of each number.
        high: Height of a panel in inches.
    """
    down, across = -(-len(floors) // _ACROSS), min(len(floors), _ACROSS)
    figure = Figure(figsize=(2.1 * across + 0.3, high * down + 0.3))
    axes = figure.subplots(down, across, squeeze=False, sharex=True).flatten().tolist()
    for ax, (name, floor) in zip(axes, floors.items(), strict=False):
        if floor is not None:
            ax.axhline(floor, color=GREY, ls="--", lw=0.8)
        ax.set_title(name, fontsize=SMALL)
        ax.grid(axis="y")
        lean(ax)
    for i in range(len(floors), down * across):
        axes[i].set_axis_off()
        axes[i - across].tick_params(labelbottom=True)
    return figure, axes[: len(floors)]


def _of_one_size(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records of walks in as many samples as most of each number have."""
    sizes: dict[str, Counter[Any]] = {}
    for record in records:
        if record.get("sampling_steps"):
            sizes.setdefault(record["name"], Counter())[record.get("n")] += 1
    usual = {name: found.most_common(1)[0][0] for name, found in sizes.items()}
    return [r for r in records if r.get("sampling_steps") and r.get("n") == usual[r["name"]]]


def walked(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the numbers that were measured at several counts of steps.

    Where some differ, those that do not are left out.
    """
    steps: dict[str, set[int]] = {}
    values: dict[str, set[float]] = {}
    for record in records:
        if record.get("sampler") and record.get("sampling_steps"):
            steps.setdefault(record["name"], set()).add(record["sampling_steps"])
            values.setdefault(record["name"], set()).add(record["value"])
    several = [name for name, found in steps.items() if len(found) > 1]
    return [name for name in several if len(values[name]) > 1] or several


@style()
def over_training(
    states: Sequence[tuple[int, Tensor]], spec: DataSpec, *, columns: int = 8, rows: int = 8
) -> Figure:
    """Show what a model draws from the same seed as its training goes on.

    Images make a strip: one row per sample, one column per evaluation. Vectors make one scatter plot
    per evaluation.

    Args:
        states: Steps of training, each with samples ``(B, *shape)``.
        spec: What the data is.
        columns: How many evaluations are shown, evenly spread, the first and the last among them.
        rows: How many images of each are shown.
    """
    if not states:
        raise RequestError("there are no samples from the time of training")
    chosen = [states[i] for i in spread(len(states), max(columns, 1))]
    labels = [f"step {step:,}" for step, _ in chosen]
    if spec.kind == "vector":
        return scatter_strip([x for _, x in chosen], labels)
    if max(map(text_width, labels)) > 0.95 * columns_room(spec.shape, len(chosen)):
        labels = [labels[0], *(f"{step:,}" for step, _ in chosen[1:])]
    return image_strip(torch.stack([x[:rows] for _, x in chosen], dim=1), labels)
