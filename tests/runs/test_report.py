"""The report: parsed as HTML, and searched for every number that went in."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from genlab.figures.images import png_bytes
from genlab.runs.report import Report, duration, number, render

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """Reads a page, and insists that its tags nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += " " + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def by_id(self, id: str) -> dict[str, str | None]:
        (found,) = [attrs for _, attrs in self.tags if attrs.get("id") == id]
        return found


def png(level: int, side: int = 6) -> bytes:
    return png_bytes(np.full((side, side + 2), level, np.uint8))


def record(**changes: Any) -> dict[str, Any]:
    base = {
        "name": "frechet",
        "value": 3.87123,
        "n": 1234,
        "features": "judge",
        "reference": "test",
        "reference_n": 987,
        "seed": 77,
        "ema": True,
        "floor": 0.59234,
        "floor_n": 986,
    }
    return base | changes


def report(**changes: Any) -> Report:
    parts: dict[str, Any] = {
        "title": "blur on mnist",
        "config": {
            "seed": 11,
            "device": "cuda",
            "parameters": 391_233,
            "dataset": {"name": "mnist"},
            "degradation": {"name": "blur", "sigma_max": 3.25, "deep": {"er": 0.125}},
            "metrics": [{"name": "judge-confidence"}, {"name": "sliced-wasserstein"}],
            "training": {"lr": 0.00075, "warmup": 0.05, "flags": [1, 2], "bf16": False},
        },
        "history": [
            {"step": 20 * (i + 1), "loss": 1 / (i + 1), "lr": 1e-3, "elapsed_s": 1.5 * i}
            for i in range(50)
        ],
        "metrics": {
            "created": "2024-05-06",
            "metrics": [record(), record(name="other", ema=False)],
        },
        "figures": {"samples": png(30), "curve": b"<?xml version='1.0'?><svg></svg>"},
        "walk": [(1.0, png(1), png(2)), (0.5, png(3), png(4)), (0.0, png(5), png(6))],
    }
    return Report(**parts | changes)


def embedded(page: Page) -> list[bytes]:
    return [base64.b64decode((image["src"] or "").split(",", 1)[1]) for image in page.all("img")]


def data(html: str, id: str) -> Any:
    match = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', html, re.S)
    assert match
    return json.loads(match[1])


def test_the_headline_has_the_facts() -> None:
    text = " ".join(Page(render(report())).text.split())
    for fact in ("blur on mnist", "dataset mnist", "degradation blur", "parameters 391 k",
                 "steps 1,000", "training time 1 min 14 s", "device cuda", "seed 11"):  # fmt: skip
        assert fact in text, fact


def test_every_number_is_there() -> None:
    html = render(report())
    text = Page(html).text
    for shown in ("3.871", "0.5923", "1234", "987", "986", "77", "judge", "test", "yes", "no",
                  "3.25", "0.125", "0.00075", "1, 2", "391,233"):  # fmt: skip
        assert re.search(rf"(?<![\d.]){re.escape(shown)}(?![\d.])", text), shown
    assert "on 2024-05-06." in text
    assert 'title="3.87123"' in html, "four digits are shown and all are kept"


def test_metrics_with_other_keys_get_a_column() -> None:
    page = Page(
        render(report(metrics={"metrics": [record(spread=0.25), record()], "speed_s": 4.5}))
    )
    assert " spread" in page.text
    assert "0.25" in page.text
    assert "–" in page.text, "what a record lacks is a dash"
    assert "speed s: 4.5" in page.text


def test_the_page_asks_the_network_for_nothing() -> None:
    html = render(report())
    page = Page(html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"data:[^\"]*", "", html))
    for _, attrs in page.tags:
        for key in ("src", "href", "action", "srcset", "poster", "data"):
            assert (attrs.get(key) or "data:").startswith("data:")
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("where", ["title", "config", "figures", "metrics"])
def test_strings_are_escaped(where: str) -> None:
    evil = "</script><script>alert('x')</script>\"onload=\"y"
    changes = {
        "title": evil,
        "config": {evil: {evil: evil}, "dataset": evil},
        "figures": {evil: png(0)},
        "metrics": {"created": evil, "metrics": [record(name=evil, features=evil)], evil: evil},
    }
    html = render(report(**{where: changes[where]}))
    scripts = len(Page(render(report())).all("script"))
    page = Page(html)
    assert len(page.all("script")) == scripts
    assert "alert('x')" not in html
    assert not any("onload" in attrs for _, attrs in page.tags)
    assert "alert('x')" in page.text or where == "title"


@pytest.mark.parametrize(
    "parts",
    [
        {"history": []},
        {"walk": []},
        {"metrics": {}},
        {"metrics": {"metrics": []}},
        {"figures": {}},
        {"config": {}},
        {"history": [], "walk": [], "metrics": {}, "figures": {}, "config": {}},
        {"history": [{"step": 1, "loss": 0.5}]},
        {"history": [{"step": 1, "loss": float("nan")}, {"step": 2, "lr": 1.0}]},
        {"history": [{"step": i, "loss": -2.0} for i in range(9)]},
        {"walk": [(1.0, png(1), png(2))]},
    ],
)
def test_parts_may_be_missing(parts: dict[str, Any]) -> None:
    Page(render(report(**parts)))


def test_missing_parts_are_said() -> None:
    text = Page(render(Report("bare"))).text
    assert "No step was logged." in text
    assert "Nothing was measured." in text
    assert "Configuration" not in text
    assert "walk" not in text


def test_the_pictures_are_inside() -> None:
    page = Page(render(report()))
    assert embedded(page)[:2] == [png(30), b"<?xml version='1.0'?><svg></svg>"]
    first = page.all("img")[0]
    assert (first["alt"], first["width"], first["height"]) == ("samples", "8", "6")


def test_the_loss_is_drawn_once() -> None:
    with_both = Page(render(report(figures={"loss": png(1)}, walk=[])))
    assert not with_both.all("img")
    assert len(Page(render(report(figures={"loss": png(1)}, history=[], walk=[]))).all("img")) == 1


def test_a_picture_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'noise' is neither PNG"):
        render(report(figures={"noise": b"abc"}))


def test_the_walk_is_on_a_slider() -> None:
    html = render(report())
    page = Page(html)
    slider = page.by_id("slider")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "2", "1")
    assert slider["aria-label"]
    assert slider["aria-valuetext"] == "t = 0.5, state 2 of 3"
    states = data(html, "walk-data")
    assert [state["t"] for state in states] == ["1", "0.5", "0"]
    decoded = [base64.b64decode(s[k].split(",")[1]) for s in states for k in ("x_t", "x_0")]
    assert decoded == [png(level) for level in range(1, 7)]
    assert embedded(page)[-2:] == [png(3), png(4)]


def test_the_curve_reads_out_every_step() -> None:
    html = render(report())
    rows = data(html, "loss-data")
    assert [row["step"] for row in rows] == list(range(20, 1001, 20))
    assert (rows[0]["x"], rows[-1]["x"]) == (0, 1)
    heights = [row["y"] for row in rows]
    assert heights == sorted(heights), "a falling loss falls on the page"
    assert rows[9]["text"].startswith("step 200 · loss 0.1 · median")
    assert "logarithmic" in Page(html).text
    label = Page(html).by_id("curve")["aria-label"]
    assert label is not None
    assert label.startswith("Loss from 1 at step 20 to")


def test_a_long_history_stays_small() -> None:
    history = [{"step": i, "loss": 1.0 + i % 7, "lr": 1e-3} for i in range(20_000)]
    rows = data(render(report(history=history)), "loss-data")
    assert len(rows) == 600
    assert (rows[0]["step"], rows[-1]["step"]) == (0, 19_999)


def test_everything_that_acts_has_a_name() -> None:
    page = Page(render(report()))
    assert page.by_id("curve")["tabindex"] == "0"
    assert all(image["alt"] for image in page.all("img"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for section in page.all("section"):
        assert section.get("aria-label") or section["aria-labelledby"] in ids


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (False, "no"), (1234, "1234"), (60000, "60,000"), (0.0, "0"),
     (1e-7, "1e-07"), (3.14159, "3.142"), ([1, 2.5], "1, 2.5"), ("a", "a")],
)  # fmt: skip
def test_numbers_are_written_for_reading(value: Any, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.51, "8.51 s"), (60, "1 min 00 s"), (119.7, "2 min 00 s"), (3725, "1 h 02 min")],
)
def test_durations_are_written_for_reading(seconds: float, text: str) -> None:
    assert duration(seconds) == text
