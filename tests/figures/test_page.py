"""The page: parsed as HTML, and searched for every number that went in."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

import genlab
from genlab.report.cards import run_card
from genlab.report.figures.images import png_bytes
from genlab.report.html import Frame, Page, render
from genlab.report.output import state_pixels
from genlab.report.page import page_steps, write_page
from genlab.report.text import count, duration, number

WRITTEN = Path(__file__).parent / "looks" / "page.html"
VOID = {"meta", "img", "input", "br", "link"}


class Parsed(HTMLParser):
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
        "features": "classifier",
        "reference": "test",
        "reference_n": 987,
        "seed": 77,
        "ema": True,
        "baseline": 0.59234,
        "baseline_n": 986,
    }
    return base | changes


def report(**changes: Any) -> Page:
    parts: dict[str, Any] = {
        "title": "blur on mnist",
        "tables": {
            "seed": 11,
            "device": "cuda",
            "parameters": 391_233,
            "dataset": {"name": "mnist"},
            "degradation": {"name": "blur", "sigma_max": 3.25, "deep": {"er": 0.125}},
            "metrics": [{"name": "classifier-confidence"}, {"name": "sliced-wasserstein"}],
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
        "frames": [
            Frame(1.0, png(1), png(2)),
            Frame(0.5, png(3), png(4)),
            Frame(0.0, png(5), png(6)),
        ],
    }
    return Page(**parts | changes)


def embedded(page: Parsed) -> list[bytes]:
    return [base64.b64decode((image["src"] or "").split(",", 1)[1]) for image in page.all("img")]


def json_in(html: str, id: str) -> Any:
    match = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', html, re.S)
    assert match
    return json.loads(match[1])


def test_the_headline_has_the_facts() -> None:
    text = " ".join(Parsed(render(report())).text.split())
    for fact in ("blur on mnist", "dataset mnist", "degradation blur", "parameters 391 k",
                 "steps 1,000", "training time 1 min 14 s", "device cuda", "seed 11"):  # fmt: skip
        assert fact in text, fact


def test_the_page_is_that_which_is_written_down(written: Callable[[Path, str], str]) -> None:
    """But for pictures, style and scripts; GENLAB_RENEW=1 writes it down anew."""
    html = render(
        report(metrics={"metrics": [record(interval=[3.1, 4.2]), record()], "speed_s": 4.5})
    )
    html = re.sub(r"(base64,)[\w+/=]+", r"\1...", html)
    html = re.sub(r"(<style>|<script>).*?(</style>|</script>)", r"\1\2", html, flags=re.S)
    assert html == written(WRITTEN, html)


def test_every_number_is_there() -> None:
    html = render(report())
    text = Parsed(html).text
    for shown in ("3.871", "0.5923", "1234", "987", "986", "77", "classifier", "test", "yes", "no",
                  "3.25", "0.125", "0.00075", "1, 2", "391,233"):  # fmt: skip
        assert re.search(rf"(?<![\d.]){re.escape(shown)}(?![\d.])", text), shown
    assert "on 2024-05-06." in text
    assert "metrics 1 name classifier-confidence metrics 2 name sliced-wasserstein" in " ".join(
        text.split()
    )
    assert "value real vs real N features" in " ".join(text.split())
    assert 'title="3.87123"' in html, "four digits are shown and all are kept"


def test_metrics_with_other_keys_get_a_column() -> None:
    records = [record(spread_of_it=0.25, interval=[3.1, 4.2]), record()]
    page = Parsed(render(report(metrics={"metrics": records, "speed_s": 4.5})))
    assert " spread of it" in page.text
    assert "0.25" in page.text
    assert "95 % interval" in page.text
    assert "3.1 to 4.2" in page.text
    assert "–" in page.text, "what a record lacks is a dash"
    assert "speed s: 4.5" in page.text


def test_the_page_asks_the_network_for_nothing() -> None:
    html = render(report())
    page = Parsed(html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"data:[^\"]*", "", html))
    for _, attrs in page.tags:
        for key in ("src", "href", "action", "srcset", "poster", "data"):
            assert (attrs.get(key) or "data:").startswith("data:")
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("where", ["title", "tables", "figures", "metrics"])
def test_strings_are_escaped(where: str) -> None:
    evil = "</script><script>alert('x')</script>\"onload=\"y"
    changes = {
        "title": evil,
        "tables": {evil: {evil: evil}, "dataset": evil},
        "figures": {evil: png(0)},
        "metrics": {"created": evil, "metrics": [record(name=evil, features=evil)], evil: evil},
    }
    html = render(report(**{where: changes[where]}))
    scripts = len(Parsed(render(report())).all("script"))
    page = Parsed(html)
    assert len(page.all("script")) == scripts
    assert "alert('x')" not in html
    assert not any("onload" in attrs for _, attrs in page.tags)
    assert "alert('x')" in page.text or where == "title"


@pytest.mark.parametrize(
    "parts",
    [
        {"history": []},
        {"frames": []},
        {"metrics": {}},
        {"metrics": {"metrics": []}},
        {"figures": {}},
        {"tables": {}},
        {"history": [], "frames": [], "metrics": {}, "figures": {}, "tables": {}},
        {"history": [{"step": 1, "loss": 0.5}]},
        {"history": [{"step": 1, "loss": float("nan")}, {"step": 2, "lr": 1.0}]},
        {"history": [{"step": i, "loss": -2.0} for i in range(9)]},
        {"frames": [Frame(1.0, png(1), png(2))]},
    ],
)
def test_parts_may_be_missing(parts: dict[str, Any]) -> None:
    Parsed(render(report(**parts)))


def test_missing_parts_are_said() -> None:
    text = Parsed(render(Page("bare"))).text
    assert "No step was logged." in text
    assert "Nothing was measured." in text
    assert "Configuration" not in text
    assert "Trajectory" not in text


def test_the_pictures_are_inside() -> None:
    page = Parsed(render(report()))
    assert embedded(page)[:2] == [png(30), b"<?xml version='1.0'?><svg></svg>"]
    first = page.all("img")[0]
    assert (first["alt"], first["width"], first["height"]) == ("samples", "8", "6")


def test_the_loss_is_drawn_once() -> None:
    with_both = Parsed(render(report(figures={"loss": png(1)}, frames=[])))
    assert not with_both.all("img")
    assert (
        len(Parsed(render(report(figures={"loss": png(1)}, history=[], frames=[]))).all("img")) == 1
    )


def test_a_picture_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'noise' is neither PNG"):
        render(report(figures={"noise": b"abc"}))


def test_the_trajectory_is_on_a_slider() -> None:
    html = render(report())
    page = Parsed(html)
    slider = page.by_id("slider")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "2", "1")
    assert slider["aria-label"]
    assert slider["aria-valuetext"] == "t = 0.5, state 2 of 3"
    states = json_in(html, "frames-data")
    assert [state["t"] for state in states] == ["1", "0.5", "0"]
    decoded = [base64.b64decode(s[k].split(",")[1]) for s in states for k in ("x_t", "estimate")]
    assert decoded == [png(level) for level in range(1, 7)]
    assert embedded(page)[-2:] == [png(3), png(4)]


def test_the_curve_reads_out_every_step() -> None:
    html = render(report())
    rows = json_in(html, "loss-data")
    assert [row["step"] for row in rows] == list(range(20, 1001, 20))
    assert (rows[0]["x"], rows[-1]["x"]) == (0, 1)
    heights = [row["y"] for row in rows]
    assert heights == sorted(heights), "a falling loss falls on the page"
    assert rows[9]["text"].startswith("step 200 · loss 0.1 · median")
    assert "logarithmic" in Parsed(html).text
    label = Parsed(html).by_id("curve")["aria-label"]
    assert label is not None
    assert label.startswith("Loss from 1 at step 20 to")


def test_a_long_history_stays_small() -> None:
    history = [{"step": i, "loss": 1.0 + i % 7, "lr": 1e-3} for i in range(20_000)]
    rows = json_in(render(report(history=history)), "loss-data")
    assert len(rows) == 600
    assert (rows[0]["step"], rows[-1]["step"]) == (0, 19_999)


def test_everything_that_acts_has_a_name() -> None:
    page = Parsed(render(report()))
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


@pytest.mark.parametrize(
    ("value", "text"), [(9_999, "9999"), (391_233, "391 k"), (35_700_000, "35.7 M"), ("", "–")]
)
def test_sizes_are_written_for_reading(value: Any, text: str) -> None:
    assert count(value) == text


def test_warnings_stand_below_the_table_once() -> None:
    few = "from 60 samples, and 2048 are few"
    page = Parsed(render(report(metrics={"metrics": [record(warning=few), record(warning=few)]})))
    assert page.text.count(f"frechet: {few}") == 1
    assert "warning" not in page.text
    assert "Real vs real is the same number" in page.text


# -- of a run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "steps"), [("digits", 50), ("moons", 3), ("series", 3), ("volumes", 20)]
)
def test_the_page_of_a_run_has_its_trajectory(
    make_run: Any, tmp_path: Path, data: str, steps: int
) -> None:
    run, wrong = make_run(data, seed=7), []
    run.model.steps = steps
    write_page(
        run, tmp_path / "report.html", title="noise on " + data, tables={"seed": 3},
        metrics={"metrics": run.records, "device": "cpu"}, figures={"samples": png(3)},
        animation=tmp_path / "trajectory.gif", warn=wrong.append,
    )  # fmt: skip
    assert wrong == []
    html = (tmp_path / "report.html").read_text("utf-8")
    states = json_in(html, "frames-data")
    assert len(states) == min(steps + 1, 21)
    assert (states[0]["t"], states[-1]["t"]) == ("1", "0")
    with Image.open(tmp_path / "trajectory.gif") as animation:
        assert animation.n_frames == len(states)
        first = np.asarray(animation.convert("L"), dtype=float)
    with Image.open(io.BytesIO(base64.b64decode(states[0]["x_t"].split(",")[1]))) as picture:
        still = np.asarray(picture.convert("L"), dtype=float)
    wanted = list(
        run.model.trajectory({"digits": 16, "volumes": 16, "series": 9}.get(data, 2000), seed=7)
    )
    drawn = state_pixels(wanted[0].estimate, run.spec)
    assert states[0]["estimate"].endswith(base64.b64encode(png_bytes(drawn)).decode())
    assert first.shape == still.shape
    assert np.abs(first - still).mean() < 3, "a GIF has 256 colours"
    text = Parsed(html).text
    assert "device cpu" in " ".join(text.split())
    assert "steps 2,000" in " ".join(text.split())


def test_a_density_has_no_trajectory(make_run: Any, tmp_path: Path) -> None:
    run = make_run("moons", "flow")
    assert page_steps(run) == []
    write_page(
        run, tmp_path / "report.html", title="flow", tables={}, metrics={}, figures={},
        animation=tmp_path / "trajectory.gif", warn=lambda message: None,
    )  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert "Trajectory" not in Parsed((tmp_path / "report.html").read_text("utf-8")).text


def test_a_trajectory_that_fails_does_not_cost_the_page(make_run: Any, tmp_path: Path) -> None:
    class Stuck(genlab.Sampler):
        def grid(self, steps: int, degradation: genlab.Degradation) -> Tensor:
            raise ArithmeticError("no times")

        def init(self, *args: Any, **options: Any) -> None:
            raise NotImplementedError

        def step(self, *args: Any) -> Any:
            raise NotImplementedError

    run, wrong = make_run("digits"), []
    run.model.sampler = Stuck()
    write_page(
        run, tmp_path / "report.html", title="stuck", tables={}, metrics={}, figures={},
        warn=wrong.append,
    )  # fmt: skip
    (line,) = wrong
    assert line.startswith("the page has no trajectory: ArithmeticError: no times (")
    assert "Loss" in Parsed((tmp_path / "report.html").read_text("utf-8")).text


def test_the_card_of_a_run_has_its_numbers_and_its_picture() -> None:
    html = run_card(
        "blur + unet on <mnist>", path=Path("runs/blur"), samples=png(30),
        records=[record(interval=[3.1, 4.2]), record()],
        history=[{"step": 100, "elapsed_s": 1.0}, {"step": 12_000, "elapsed_s": 95.0}],
    )  # fmt: skip
    page = Parsed(html)
    text = " ".join(page.text.split())
    for shown in ("blur + unet on <mnist>", "runs/blur", "12,000", "1 min 35 s", "real vs real",
                  "frechet", "3.871", "3.1 to 4.2", "0.5923", "1234"):  # fmt: skip
        assert shown in text
    assert embedded(page) == [png(30)]
    bare = run_card("nothing yet", path=Path("runs/a"))
    assert "metric" not in bare
    assert not Parsed(bare).all("img")
