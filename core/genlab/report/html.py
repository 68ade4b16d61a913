"""The page of a run: one self-contained HTML file, which asks the network for nothing."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from genlab.report.figures.loss import LossCurve, loss_curve
from genlab.report.text import between, count, duration, exact, number

__all__ = ["Frame", "Page", "render"]

_POINTS = 600  # of a curve; more than the dots across a screen only make the file large
_SIDE = 1000  # of the square in which curves are drawn, before they are stretched
_ROLES = ("dataset", "degradation", "backbone", "density", "sampler", "prior")
_COLUMNS = {
    "name": "metric",
    "value": "value",
    "standard_error": "standard error",
    "interval": "95 % interval",
    "baseline": "real vs real",
    "n": "N",
    "sampler": "sampler",
    "sampling_steps": "steps",
    "features": "features",
    "reference": "reference",
    "reference_n": "reference N",
    "seed": "seed",
    "ema": "EMA",
    "baseline_n": "real vs real N",
}
_NOTES = ("warning",)  # keys of records that are told below the table


class Frame(NamedTuple):
    """One state of trajectories, as pictures.

    Args:
        t: Its time.
        x_t: The state, a PNG file.
        estimate: The estimate of the clean data, a PNG file.
    """

    t: float
    x_t: bytes
    estimate: bytes


@dataclass(frozen=True)
class Page:
    """What a page tells.

    Args:
        title: Title of the run, such as ``"blur on mnist"``.
        tables: The tables of ``run.toml``. ``parameters`` and ``device`` are headline facts too.
        history: One record per logged step.
        metrics: ``created``, ``metrics``, a list of records, and other facts by name.
        figures: Pictures by caption, each a PNG, GIF or SVG file. One that is called ``loss`` is
            left out where there is a history: the page draws that curve itself.
        frames: States of trajectories from t = 1 to t = 0. Empty for a model that does not walk back.
    """

    title: str
    tables: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    frames: Sequence[Frame] = ()


def render(page: Page) -> str:
    """Return a page as HTML.

    Args:
        page: What it tells. Anything but the title may be empty.

    Raises:
        ValueError: A picture is neither PNG, GIF nor SVG.
    """
    environment = Environment(
        loader=PackageLoader("genlab.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "exact": exact, "between": between}
    records = list(page.metrics.get("metrics") or ())
    return environment.get_template("report.html.jinja").render(
        title=page.title,
        facts=list(_facts(page)),
        loss=_loss(page.history),
        figures=_figures(page),
        frames=_frames(page.frames),
        columns=_columns(records),
        records=records,
        notes=list(_notes(records)),
        others=list(_others(page.metrics)),
        created=str(page.metrics.get("created", "")),
        tables=list(_tables(page.tables)),
    )


# -- headline ----------------------------------------------------------------------------------


def _facts(page: Page) -> Iterator[tuple[str, str]]:
    for role in _ROLES:
        if name := _name(page.tables.get(role)):
            yield role, name
    last = page.history[-1] if page.history else {}
    if parameters := page.tables.get("parameters"):
        yield "parameters", count(parameters)
    if "step" in last:
        yield "steps", f"{int(last['step']):,}"
    if "elapsed_s" in last:
        yield "training time", duration(float(last["elapsed_s"]))
    for key in ("device", "seed"):
        if key in page.tables:
            yield key, str(page.tables[key])


def _name(component: Any) -> str:
    return str(component.get("name", "") if isinstance(component, Mapping) else component or "")


# -- loss --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Loss:
    """A loss curve in a square that is stretched to the page."""

    raw: str
    smooth: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    rows: list[dict[str, Any]]
    log: bool
    summary: str


def _loss(history: Sequence[Mapping[str, float]]) -> _Loss | None:
    whole = loss_curve(history)
    if whole is None:
        return None
    curve = whole.thinned(_POINTS)
    first, last = curve.steps[0], curve.steps[-1]
    return _Loss(
        raw=_line(curve, curve.losses),
        smooth=_line(curve, curve.median),
        x_ticks=[(_percent(whole.across(step)), label) for step, label in curve.step_ticks],
        y_ticks=[(_percent(whole.up(loss)), label) for loss, label in curve.loss_ticks],
        rows=_rows(history, curve),
        log=curve.logarithmic,
        summary=f"Loss from {number(float(curve.median[0]))} at step {first:,.0f} to "
        f"{number(float(curve.median[-1]))} at step {last:,.0f} (running median)",
    )


def _line(curve: LossCurve, values: Any) -> str:
    across, down = curve.across(curve.steps), 1 - curve.up(values)
    return " ".join(f"{_SIDE * x:.1f},{_SIDE * y:.1f}" for x, y in zip(across, down, strict=True))


def _percent(share: Any) -> float:
    return round(100 * float(share), 2)


def _rows(history: Sequence[Mapping[str, float]], curve: LossCurve) -> list[dict[str, Any]]:
    """Return what the read-out of the curve says at each of its points."""
    records = {
        record["step"]: record for record in history if "loss" in record and "step" in record
    }
    across, down = curve.across(curve.steps), 1 - curve.up(curve.losses)
    return [
        {"x": round(float(x), 4), "y": round(float(y), 4), "step": int(step),
         "text": _readout(records[step], float(median))}
        for step, median, x, y in zip(curve.steps, curve.median, across, down, strict=True)
    ]  # fmt: skip


def _readout(record: Mapping[str, float], median: float) -> str:
    parts = [f"step {int(record['step']):,}", f"loss {number(float(record['loss']))}"]
    parts.append(f"median {number(median)}")
    if "lr" in record:
        parts.append(f"learning rate {record['lr']:.2e}")
    if "elapsed_s" in record:
        parts.append(duration(float(record["elapsed_s"])))
    return " · ".join(parts)


# -- pictures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Picture:
    """A picture inside the page; width and height are 0 where they are not known."""

    caption: str
    uri: str
    width: int = 0
    height: int = 0


def _figures(page: Page) -> list[_Picture]:
    return [
        _picture(caption, data)
        for caption, data in page.figures.items()
        if not (caption == "loss" and page.history)
    ]


def _frames(frames: Sequence[Frame]) -> list[dict[str, Any]]:
    return [
        {"t": f"{t:.3g}", "x_t": _picture(f"x_t at t = {t:.3g}", x_t),
         "estimate": _picture(f"estimate of x_0 at t = {t:.3g}", estimate)}
        for t, x_t, estimate in frames
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


def _columns(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns of the table by key: those we know first, then any others."""
    keys = {key for record in records for key, value in record.items() if value is not None}
    known = {key: title for key, title in _COLUMNS.items() if key in keys}
    others = [key for record in records for key in record if key in keys]
    return known | {key: key.replace("_", " ") for key in others if key not in (*_COLUMNS, *_NOTES)}


def _notes(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give what is to be said about single numbers, once each."""
    found = [f"{r.get('name', '')}: {r[key]}" for r in records for key in _NOTES if r.get(key)]
    yield from dict.fromkeys(found)


def _others(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in _flat({k: v for k, v in metrics.items() if k not in ("metrics", "created")}):
        yield key.replace("_", " "), value


def _tables(tables: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Give one table per part of the configuration, what belongs to no part first."""
    plain = {key: value for key, value in tables.items() if not _nested(value)}
    if plain:
        yield "run", list(plain.items())
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield key, list(_flat(value))
        elif _nested(value):
            for i, item in enumerate(value, 1):
                yield f"{key} {i}", list(_flat(item))


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
