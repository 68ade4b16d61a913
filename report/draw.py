"""Draw what the report shows of several results at once, from the numbers in ``report/results`` alone.

python report/draw.py

Two pictures have curves of training, one compares samplers, and one ranks the degradations. Each keeps a
checksum of the numbers that it shows, so that a picture of older numbers is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from genlab.report.figures.style import GREY, PALETTE, lean, style
from sources import Results

RESULTS = Path(__file__).parent / "results"
NOISE = "gaussian"
NUMBERS = {
    "frechet": "Fréchet distance",
    "classifier-confidence/confidence": "mean confidence",
}
_WIDE = 6.7  # inches: the width of the text
_TEXT = 8.0  # points
_THIN = 0.6  # points: lines of other seeds
_ROW = 0.24  # inches per degradation
_APART = 0.3  # of a row, between the samplers of one degradation
_MARKS = {"naive": "o", "cold": "s", "ddim": "D", "ddpm": "^"}
_WORDS = {
    "naive": "naive",
    "cold": "cold",
    "ddim": "DDIM",
    "ddpm": "ancestral",
    "dpmpp-2m": "DPM-Solver++",
}
_BESIDE = 1.04  # of a number of steps, between samplers
_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Args:
        numbers: What it shows, as JSON has it.
        draw: Draws them.
    """

    numbers: Any
    draw: Callable[[Any], Figure]

    @property
    def checksum(self) -> str:
        """Return a checksum of the numbers."""
        return hashlib.sha256(json.dumps(self.numbers, sort_keys=True).encode()).hexdigest()


def main() -> None:
    """Draw all of them."""
    for name, picture in pictures(Results(RESULTS)).items():
        file = RESULTS / "drawn" / f"{name}.svg"
        file.parent.mkdir(exist_ok=True)
        with style():
            picture.draw(picture.numbers).savefig(
                file, metadata={"Date": None, "Description": picture.checksum}
            )
        print(file)


def pictures(results: Results) -> dict[str, Picture]:
    """Return the pictures by name."""
    own = {name: f"custom-{name}-mnist" for name in ("ink", "gravity", "kaleidoscope")}
    sets = {"first set": "ddpm-mnist", "second set": "ddpm-mnist-b"}
    return {
        "sets": Picture(_trained(results, sets), training),
        "own": Picture(_trained(results, own), training),
        "steps": Picture(_by_steps(results, "ddpm-mnist"), sampled),
        "ranking": Picture(ranked(results), ranking),
    }


def _trained(results: Results, sources: Mapping[str, str]) -> dict[str, Any]:
    """Return the loss and the evaluations of trainings by name, and the evaluations of other seeds."""
    return {
        name: {
            "loss": results.losses(source),
            "evaluations": results.evaluated(source),
            "seeds": [results.evaluated(other) for other in results.seeds(source)[1:]],
        }
        for name, source in sources.items()
    }


def training(runs: Mapping[str, Any]) -> Figure:
    """Show losses and the numbers of evaluations over the steps of training, a line for each run."""
    figure = Figure(figsize=(_WIDE, 2.0))
    axes = figure.subplots(1, 1 + len(NUMBERS))
    for colour, (name, run) in zip(PALETTE, runs.items(), strict=False):
        steps, losses = zip(*run["loss"], strict=True)
        axes[0].plot(steps, losses, color=colour, label=name)
        for ax, number in zip(axes[1:], NUMBERS, strict=True):
            lines = run["evaluations"]
            for seed in (lines, *run["seeds"]):
                ax.plot([line["step"] for line in seed], [line["values"][number] for line in seed],
                        "o-" if seed is lines else "-", color=colour, ms=3,
                        lw=None if seed is lines else _THIN)  # fmt: skip
            ax.axhline(lines[-1]["baselines"][number], color=GREY, ls="--", lw=0.8)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_locator(FixedLocator(_around(axes[0])))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for ax, title in zip(axes, ("loss (running median)", *NUMBERS.values()), strict=True):
        ax.set_title(title, fontsize=_TEXT)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.grid(axis="y")
        _print_size(ax)
    axes[0].legend(fontsize=_TEXT)
    figure.supxlabel("step of training (dashed: real images)", fontsize=_TEXT)
    return figure


def _by_steps(results: Results, source: str) -> dict[str, Any]:
    """Return the numbers of every sampler by the steps of the trajectory."""
    found: dict[str, Any] = {number: {} for number in NUMBERS}
    walked = [r for r in results.measurements(source) if r.get("sampler") and r["name"] in NUMBERS]
    fewest = min(record["n"] for record in walked)  # more samples were drawn of one number of steps
    for record in walked:
        if record["n"] == fewest:
            line = [record["sampling_steps"], record["value"], *record["interval"]]
            found[record["name"]].setdefault(record["sampler"], []).append(line)
    baselines = {r["name"]: r["baseline"] for r in walked if r["n"] == fewest}
    return {"numbers": found, "baselines": baselines}


def sampled(numbers: Mapping[str, Any]) -> Figure:
    """Show the numbers of samplers against the steps of the trajectory, each with its interval."""
    figure = Figure(figsize=(_WIDE, 1.9))
    axes = figure.subplots(1, len(NUMBERS))
    for ax, (number, title) in zip(axes, NUMBERS.items(), strict=True):
        for i, (sampler, lines) in enumerate(numbers["numbers"][number].items()):
            steps, values, lows, highs = zip(*sorted(lines), strict=True)
            beside = [step * _BESIDE ** (i - 1) for step in steps]  # intervals may overlap
            below = [value - low for value, low in zip(values, lows, strict=True)]
            above = [high - value for value, high in zip(values, highs, strict=True)]
            ax.errorbar(beside, values, (below, above), fmt="o-", ms=3, elinewidth=0.8,
                        color=PALETTE[i], label=_WORDS[sampler])  # fmt: skip
        ax.axhline(numbers["baselines"][number], color=GREY, ls="--", lw=0.8)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(sorted({step for step, *_ in lines})))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_title(title, fontsize=_TEXT)
        ax.grid(axis="y")
        _print_size(ax)
    axes[0].legend(fontsize=_TEXT)
    figure.supxlabel("steps of the trajectory (dashed: real images)", fontsize=_TEXT)
    return figure


def _around(ax: Axes) -> list[float]:
    """Return round numbers that lie within the axis of losses."""
    low, high = ax.get_ylim()
    decades = (0.01, 0.1, 1.0)
    return [m * d for d in decades for m in (1, 2, 5) if low <= m * d <= high]


def ranked(results: Results) -> dict[str, Any]:
    """Return the lines of every degradation as it is by default, and the baseline of those trained alike."""
    lines = [line for line in results.compared([NOISE]) if line.usual]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        known = by_name.setdefault(line.degradation, [])
        if all(line.sampler != other["sampler"] for other in known):  # the best number of steps
            known.append(
                {"sampler": line.sampler, "frechet": float(line.numbers["frechet"]),
                 "interval": line.interval, "older": line.older}
            )  # fmt: skip
    alike = next(line for line in lines if line.degradation == NOISE)
    return {"rows": by_name, "baseline": float(alike.numbers["baseline"])}


def ranking(numbers: Mapping[str, Any]) -> Figure:
    """Show degradations below each other, the nearest to the test images first, each with its interval."""
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = numbers["rows"]
    names = sorted(rows, key=lambda name: min(line["frechet"] for line in rows[name]))
    figure = Figure(figsize=(_WIDE, _ROW * len(names) + 0.8))
    ax = figure.subplots()
    for place, name in enumerate(names):
        for i, line in enumerate(rows[name]):
            beside = _APART * (i - (len(rows[name]) - 1) / 2)  # intervals of one row may overlap
            _mark(ax, place + beside, line, noise=name == NOISE)
    best = min(rows[NOISE], key=lambda line: float(line["frechet"]))
    ax.axvspan(*best["interval"], color=PALETTE[1], alpha=0.15, lw=0)
    ax.axvline(numbers["baseline"], color=GREY, ls="--", lw=0.8)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(_TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="x")
    ax.set_xlabel("Fréchet distance with 95 % intervals (dashed: real images; shaded: interval of noise)",
                  fontsize=_TEXT)  # fmt: skip
    _print_size(ax)
    figure.legend(handles=_legend(rows), loc="outside upper center", ncols=6, fontsize=_TEXT)
    return figure


def _mark(ax: Axes, place: float, line: Mapping[str, Any], *, noise: bool) -> None:
    colour = GREY if line["older"] else PALETTE[1] if noise else PALETTE[0]
    if line["interval"]:
        ax.plot(line["interval"], (place, place), color=colour, lw=1.4)
    ax.plot(line["frechet"], place, _MARKS[line["sampler"]], color=colour, ms=5,
            mfc="white" if line["older"] else colour)  # fmt: skip


def _legend(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Line2D]:
    """Return what the marks mean."""
    used = {line["sampler"] for lines in rows.values() for line in lines}
    marks = [
        Line2D([], [], ls="", marker=mark, color="black", ms=5, label=_WORDS[sampler])
        for sampler, mark in _MARKS.items()
        if sampler in used
    ]
    if not any(line["older"] for lines in rows.values() for line in lines):
        return marks
    older = Line2D([], [], ls="", marker="o", color=GREY, mfc="white", ms=5, label="older defaults")
    return [*marks, older]


def _print_size(ax: Axes) -> None:
    lean(ax)
    ax.tick_params(labelsize=_TEXT)


if __name__ == "__main__":
    main()
