"""The report of a run: one self-contained HTML file, which asks the network for nothing."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from genlab.figures.loss import curve, logarithmic, running_median

__all__ = ["Report", "render"]

_POINTS = 600  # of a curve; more than the dots across a screen only make the file large
_SIDE = 1000  # of the square in which curves are drawn, before they are stretched
_ROLES = ("dataset", "degradation", "backbone", "density", "sampler", "prior")
_COLUMNS = {
    "name": "metric",
    "value": "value",
    "floor": "floor",
    "n": "N",
    "features": "features",
    "reference": "reference",
    "reference_n": "reference N",
    "seed": "seed",
    "ema": "EMA",
    "floor_n": "floor N",
}


@dataclass(frozen=True)
class Report:
    """What a report tells.

    Args:
        title: Title of the run, such as ``"blur on mnist"``.
        config: The tables of ``run.toml``. ``parameters`` and ``device`` are headline facts too.
        history: The lines of ``metrics.jsonl``.
        metrics: ``metrics.json``: ``created``, and ``metrics``, a list of records.
        figures: Pictures by caption, each a PNG, GIF or SVG file. One that is called ``loss`` is
            left out where there is a history: the report draws that curve itself.
        walk: States ``(t, x_t, x_0 estimate)`` of a reverse process from t = 1 to t = 0, each
            picture a PNG file. Empty for a model that does not walk.
    """

    title: str
    config: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    walk: Sequence[tuple[float, bytes, bytes]] = ()


def render(report: Report) -> str:
    """Return the report as one HTML page.

    Args:
        report: What it tells. Anything but the title may be empty.

    Raises:
        ValueError: A picture is neither PNG, GIF nor SVG.
    """
    environment = Environment(
        loader=PackageLoader("genlab.runs", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "exact": _exact}
    return environment.get_template("report.html.jinja").render(
        title=report.title,
        facts=list(_facts(report)),
        loss=_loss(report.history),
        figures=_figures(report),
        walk=_walk(report.walk),
        columns=_columns(_records(report.metrics)),
        records=_records(report.metrics),
        others=list(_others(report.metrics)),
        created=str(report.metrics.get("created", "")),
        tables=list(_tables(report.config)),
    )


def number(value: Any) -> str:
    """Write a value for reading: four digits, ``yes`` and ``no``, a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(number(item) for item in value)
    return str(value)


def _exact(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


# -- headline ----------------------------------------------------------------------------------


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    for role in _ROLES:
        if name := _name(report.config.get(role)):
            yield role, name
    last = report.history[-1] if report.history else {}
    if parameters := report.config.get("parameters"):
        yield "parameters", _count(parameters)
    if "step" in last:
        yield "steps", f"{int(last['step']):,}"
    if "elapsed_s" in last:
        yield "training time", duration(float(last["elapsed_s"]))
    for key in ("device", "seed"):
        if key in report.config:
            yield key, str(report.config[key])


def _name(component: Any) -> str:
    return str(component.get("name", "") if isinstance(component, Mapping) else component or "")


def _count(value: Any) -> str:
    if not isinstance(value, (int, float)) or value < 10_000:
        return number(value)
    return f"{value / 1e6:.3g} M" if value >= 1e6 else f"{value / 1e3:.3g} k"


def duration(seconds: float) -> str:
    """Write a time span, such as ``1 h 02 min``, ``4 min 10 s`` or ``8.5 s``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


# -- loss --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Curve:
    """A loss curve, ready to be drawn in a square that is stretched to the page."""

    raw: str
    smooth: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    rows: list[dict[str, Any]]
    log: bool
    summary: str


def _loss(history: Sequence[Mapping[str, float]]) -> _Curve | None:
    steps, losses = curve(history, "loss")
    if not len(steps):
        return None
    smooth = running_median(losses)
    log = logarithmic(losses)
    keep = np.unique(np.linspace(0, len(steps) - 1, _POINTS).round().astype(int))
    steps, losses, smooth = steps[keep], losses[keep], smooth[keep]
    across, up = _scale(steps, pad=0.0), _scale(np.log(losses) if log else losses, pad=0.04)
    place = (lambda v: up(np.log(v))) if log else up
    x, y, m = across(steps), 1 - place(losses), 1 - place(smooth)
    return _Curve(
        raw=_line(x, y),
        smooth=_line(x, m),
        x_ticks=_ticks(MaxNLocator(5, integer=True), steps, across),
        y_ticks=_ticks(_log_locator(losses) if log else MaxNLocator(5), losses, place),
        rows=_rows(history, steps, smooth, x, y),
        log=log,
        summary=f"Loss from {number(float(smooth[0]))} at step {steps[0]:,.0f} to "
        f"{number(float(smooth[-1]))} at step {steps[-1]:,.0f} (running median)",
    )


def _scale(values: NDArray[np.float64], pad: float) -> Any:
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 1.0
    low, span = low - pad * span, (1 + 2 * pad) * span
    return lambda v: (np.asarray(v) - low) / span


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return " ".join(f"{_SIDE * a:.1f},{_SIDE * b:.1f}" for a, b in zip(x, y, strict=True))


def _log_locator(values: NDArray[np.float64]) -> LogLocator:
    wide = values.max() > 100 * values.min()
    return LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=12)


def _ticks(locator: Any, values: NDArray[np.float64], place: Any) -> list[tuple[float, str]]:
    """Return ticks ``(place in percent, label)`` that lie inside the plot."""
    ticks = np.asarray(locator.tick_values(float(values.min()), float(values.max())))
    inside = [(float(place(v)), float(v)) for v in ticks if -1e-9 <= place(v) <= 1 + 1e-9]
    return [(round(100 * p, 2), f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}") for p, v in inside]


def _rows(
    history: Sequence[Mapping[str, float]],
    steps: NDArray[np.float64],
    smooth: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return what the read-out of the curve says at each of its points."""
    lines = {line["step"]: line for line in history if "loss" in line and "step" in line}
    return [
        {"x": round(float(a), 4), "y": round(float(b), 4), "step": int(step),
         "text": _readout(lines[step], float(median))}
        for step, median, a, b in zip(steps, smooth, x, y, strict=True)
    ]  # fmt: skip


def _readout(line: Mapping[str, float], median: float) -> str:
    parts = [f"step {int(line['step']):,}", f"loss {number(float(line['loss']))}"]
    parts.append(f"median {number(median)}")
    if "lr" in line:
        parts.append(f"rate {line['lr']:.2e}")
    if "elapsed_s" in line:
        parts.append(duration(float(line["elapsed_s"])))
    return " · ".join(parts)


# -- pictures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Picture:
    """A picture inside the page; width and height are 0 where they are not known."""

    caption: str
    uri: str
    width: int = 0
    height: int = 0


def _figures(report: Report) -> list[_Picture]:
    return [
        _picture(caption, data)
        for caption, data in report.figures.items()
        if not (caption == "loss" and report.history)
    ]


def _walk(walk: Sequence[tuple[float, bytes, bytes]]) -> list[dict[str, Any]]:
    return [
        {"t": f"{t:.3g}", "x_t": _picture(f"x_t at t = {t:.3g}", x_t),
         "x_0": _picture(f"estimate of x_0 at t = {t:.3g}", x_0)}
        for t, x_t, x_0 in walk
    ]  # fmt: skip


def _picture(caption: str, data: bytes) -> _Picture:
    kind = _kind(caption, data)
    width, height = struct.unpack(">II", data[16:24]) if kind == "png" else (0, 0)
    encoded = base64.b64encode(data).decode()
    return _Picture(caption, f"data:image/{kind};base64,{encoded}", width, height)


def _kind(caption: str, data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "png"
    if data.startswith(b"GIF8"):
        return "gif"
    if b"<svg" in data[:2000]:
        return "svg+xml"
    raise ValueError(f"the picture {caption!r} is neither PNG, GIF nor SVG")


# -- tables ------------------------------------------------------------------------------------


def _records(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(metrics.get("metrics") or ())


def _columns(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns of the table by key: those we know first, then any others."""
    keys = {key for record in records for key in record}
    known = {key: title for key, title in _COLUMNS.items() if key in keys}
    return known | {key: key for record in records for key in record if key not in _COLUMNS}


def _others(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in _flat({k: v for k, v in metrics.items() if k not in ("metrics", "created")}):
        yield key.replace("_", " "), value


def _tables(config: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Give one table per part of the configuration, what belongs to no part first."""
    plain = {key: value for key, value in config.items() if not _nested(value)}
    if plain:
        yield "run", list(plain.items())
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield key, list(_flat(value))
        elif _nested(value):
            for i, item in enumerate(value, 1):
                yield f"{key} {i}", list(_flat(item))


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
