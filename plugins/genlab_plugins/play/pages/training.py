"""Curves, numbers and settings of one run or several, which follow a training that goes on."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from genlab import GenlabError, Run
from genlab_plugins.play.comparing import Curve, compared, curves, numbers
from genlab_plugins.play.pages.frame import titled
from genlab_plugins.play.plane import COLOURS
from genlab_plugins.play.shelf import Opened, Shelf
from genlab_plugins.play.widgets.latest import away

__all__ = ["TrainingView"]

_EVERY = 1.5  # seconds between two looks at the folders
_GREY = "#8a929c"


class TrainingView:
    """Cards of curves, numbers and settings.

    Args:
        shelf: The runs that there are.
        opened: Those that are shown.
    """

    def __init__(self, shelf: Shelf, opened: Sequence[Opened]) -> None:
        self.shelf = shelf
        self.opened = [each for each in opened if each.run is not None]
        self.runs = [each.run for each in self.opened if each.run is not None]
        self.names = [each.place.name for each in self.opened]
        self.seen: dict[str, tuple[str, str, int | None]] | None = None
        self.parts: list[_Part] = []
        self.charts: dict[str, ui.echart] = {}
        with ui.element("section").classes("play-card"):
            titled("Training")
            with ui.element("div").classes("play-row"):
                self.states = [self._state(name) for name in self.names]
            self.curves = ui.element("div").classes("play-columns")
        with ui.element("section").classes("play-card") as self.tables:
            pass
        ui.timer(_EVERY, self._look, immediate=True)

    def _state(self, name: str) -> tuple[ui.label, ui.label]:
        with ui.element("div").classes("play-row").style("gap: 8px"):
            if len(self.names) > 1:
                ui.label(name).classes("play-sub")
            badge = ui.label().classes("play-state")
            steps = ui.label().classes("play-quiet")
        return badge, steps

    async def _look(self) -> None:
        """Look at the folders, and show what has changed."""
        try:
            seen = await away(lambda: _stamps(self.shelf, self.names))
        except GenlabError:  # the folder is gone
            seen = {}
        if seen == self.seen:
            return
        self.seen = seen
        for (badge, steps), name in zip(self.states, self.names, strict=True):
            state, stage, done = seen.get(name, ("gone", "", None))
            badge.text = f"{state}: {stage}" if stage and state == "running" else state
            badge.props["data-state"] = state
            badge.update()
            steps.text = "" if done is None else f"{done:,} steps"
        await self._curves()
        await self._numbers()

    async def _curves(self) -> None:
        found = await away(lambda: curves(self.names, self.runs))
        by_number: dict[str, list[Curve]] = {}
        for curve in found or []:
            by_number.setdefault(curve.number, []).append(curve)
        for number, each in by_number.items():
            options = _options(number, each, self.names)
            if number in self.charts:
                self.charts[number].options.update(options)
                self.charts[number].update()
                continue
            with self.curves, ui.element("div"):
                ui.label(number).classes("play-sub")
                chart = ui.echart(options).classes("play-chart")
                chart.props["aria-label"] = f"{number} over the steps of training"
                self.charts[number] = chart

    async def _numbers(self) -> None:
        try:
            parts = await away(lambda: _parts(self.names, self.runs))
        except GenlabError as error:
            parts = [_Part("Numbers", [str(error)])]
        if parts == self.parts:
            return
        self.parts = parts
        self.tables.clear()
        with self.tables:
            for part in parts:
                part.lay_out()


@dataclass(frozen=True)
class _Part:
    """A heading, what is said below it, and a table; further rows can be opened."""

    heading: str
    said: Sequence[str]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    more: str = ""
    further: Sequence[Sequence[str]] = ()

    def lay_out(self) -> None:
        """Put it on the page."""
        titled(self.heading)
        for each in self.said:
            ui.label(each).classes("play-quiet")
        if self.rows:
            self._table(self.rows)
        if self.further:
            with ui.expansion(self.more).props("dense").classes("play-more"):
                self._table(self.further)

    def _table(self, rows: Sequence[Sequence[str]]) -> None:
        with ui.element("div").classes("play-wide"):
            ui.html(_table(self.header, rows), sanitize=False)


def _stamps(shelf: Shelf, names: Sequence[str]) -> dict[str, tuple[str, str, int | None]]:
    """Return state, stage and steps of runs."""
    found = {}
    for place in shelf.places():
        if place.name in names and place.summary is not None:
            found[place.name] = (place.summary.state, place.summary.stage, place.summary.steps)
    return found


def _parts(names: Sequence[str], runs: Sequence[Run]) -> list[_Part]:
    """Return the numbers of runs, and where they differ."""
    if len(runs) > 1:
        table = compared(runs)
        shared = [(key, *values) for key, values in table.settings if "–" not in values]
        single = [(key, *values) for key, values in table.settings if "–" in values]
        said = ["In brackets: 95 % intervals."] if table.numbers else []
        return [
            _Part("Numbers", [*said, *(f"Note: {each}." for each in table.warnings)], ("", *names),
                  [(key, *values) for key, values in table.numbers]),
            _Part("Where they differ", [], ("", *names), shared,
                  "settings that not all of them have", single),
        ]  # fmt: skip
    rows = [row for run in runs for row in numbers(run)]
    said = [
        "In brackets: 95 % intervals." if rows else "None yet: genlab evaluate RUN measures a run."
    ]
    return [_Part("Numbers", said, ("", "value", "real against real", "N"), rows)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(each)}</th>' for each in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(each))}</td>' for each in row)}</tr>" for row in rows
    )
    return f'<table class="play-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _options(number: str, found: Sequence[Curve], names: Sequence[str]) -> dict[str, Any]:
    """Return a chart of curves over steps, readable on light and on dark."""
    logarithmic = number == "loss" and all(value > 0 for each in found for _, value in each.points)
    axis = {
        "axisLabel": {"color": _GREY, "hideOverlap": True}, "axisLine": {"lineStyle": {"color": _GREY}},
        "splitLine": {"lineStyle": {"color": "rgba(128,128,128,0.18)"}},
        "nameTextStyle": {"color": _GREY},
    }  # fmt: skip
    series = [
        {
            "type": "line", "name": each.run, "data": [list(point) for point in each.points],
            "showSymbol": len(each.points) < 30, "symbolSize": 5, "lineStyle": {"width": 2},
            "itemStyle": {"color": COLOURS[names.index(each.run) % len(COLOURS)]},
        }
        for each in found
    ]  # fmt: skip
    return {
        "animation": False, "tooltip": {"trigger": "axis", "confine": True},
        "legend": {"show": len(names) > 1, "top": 0, "textStyle": {"color": _GREY}, "type": "scroll"},
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 24, "containLabel": True},
        "xAxis": {"type": "value", "name": "steps", "nameLocation": "middle", "nameGap": 24, **axis},
        "yAxis": {"type": "log" if logarithmic else "value", "scale": True, **axis},
        "series": series,
    }  # fmt: skip
