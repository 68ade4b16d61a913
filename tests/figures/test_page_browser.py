"""The page in a browser without a network: what it loads, does, and looks like."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genlab.report.figures.samples import Samples
from genlab.report.gallery import figure_files
from genlab.report.page import write_page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH")

WATCH = """<script>
const wrong = [];
addEventListener("error", (event) => wrong.push(event.message || String(event.target.src)), true);
addEventListener("securitypolicyviolation", (event) => wrong.push(event.blockedURI));
</script>"""
"""Put at the beginning of a page: keeps what goes wrong."""

TELL = """<script>
addEventListener("load", () => {
  %s
  setTimeout(tell, 200);
});
function tell() {
  const asked = performance.getEntriesByType("resource").map((entry) => entry.name);
  const shown = (id) => { const e = document.getElementById(id); return e && (e.src || e.textContent); };
  document.documentElement.dataset.told = JSON.stringify({
    wrong, asked, time: shown("time"), x_t: shown("frame-x_t"), estimate: shown("frame-estimate"),
    readout: shown("readout"), theme: document.documentElement.dataset.theme || "",
    wide: document.documentElement.scrollWidth > innerWidth,
    loaded: [...document.images].every((image) => image.complete && image.naturalWidth > 0),
  });
}
</script>"""
"""Put at the end of a page: does something, and tells what is seen then."""

Look = Callable[..., NDArray[np.uint8]]
Tell = Callable[..., dict[str, Any]]


def chromium(page: Path, *options: str) -> str:
    assert CHROMIUM
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=3000",
        f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def html(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    run, page = make_run("digits"), tmp_path_factory.mktemp("page") / "report.html"
    figures = dict(figure_files(run, {"samples": Samples(n=25)}, warn=pytest.fail))
    write_page(
        run, page, title="noise on digits", tables={"seed": 3, "training": {"lr": 1e-3}},
        metrics={"metrics": run.records, "created": "2024-05-06"},
        figures={name: files["png"] for name, files in figures.items()}, warn=pytest.fail,
    )  # fmt: skip
    return page.read_text("utf-8")


@pytest.fixture
def tell(html: str, tmp_path: Path) -> Tell:
    """Open the page, run a script in it, and return what is seen then."""

    def see(script: str = "", *options: str) -> dict[str, Any]:
        changed = html.replace("<head>", f"<head>{WATCH}", 1)
        changed = changed.replace("</body>", f"{TELL % script}</body>", 1)
        assert changed.count("<script>") == html.count("<script>") + 2
        page = tmp_path / "report.html"
        page.write_text(changed, "utf-8")
        told = re.search(r'data-told="([^"]*)"', chromium(page, "--dump-dom", *options))
        assert told, "the page was not loaded"
        found: dict[str, Any] = json.loads(unescape(told[1]))
        return found

    return see


@pytest.fixture
def look(html: str, tmp_path: Path) -> Look:
    """Return a picture of the page as it is, ``(height, width, 3)``."""

    def see(*options: str, size: tuple[int, int] = (1000, 1400)) -> NDArray[np.uint8]:
        page, picture = tmp_path / "report.html", tmp_path / "seen.png"
        page.write_text(html, "utf-8")
        window = f"--window-size={size[0]},{size[1]}"
        chromium(page, f"--screenshot={picture}", window, *options)
        return np.asarray(Image.open(io.BytesIO(picture.read_bytes())).convert("RGB"))

    return see


def states(html: str) -> list[dict[str, str]]:
    found = re.search(
        r'<script type="application/json" id="frames-data">(.*?)</script>', html, re.S
    )
    assert found
    decoded: list[dict[str, str]] = json.loads(found[1])
    return decoded


def slide(to: int) -> str:
    """A script that moves the slider, as a hand would."""
    return (
        f'const slider = document.getElementById("slider"); slider.value = {to};'
        'slider.dispatchEvent(new Event("input"));'
    )


def test_the_page_loads_whole_and_asks_for_nothing(tell: Tell) -> None:
    told = tell()
    assert told["wrong"] == []
    assert told["loaded"]
    assert [url for url in told["asked"] if not url.startswith("data:")] == []


def test_what_goes_wrong_would_be_seen(tell: Tell) -> None:
    """The test above has eyes. The page's own policy refuses the picture."""
    told = tell(
        "const image = new Image(); document.body.append(image);"
        "image.src = 'https://example.org/x.png';"
        "setTimeout(() => nothing_of_this_name);"
    )
    assert not told["loaded"]
    assert any("example.org" in each for each in told["wrong"])
    assert any("nothing_of_this_name" in each for each in told["wrong"])


@pytest.mark.parametrize("end", [0, -1])
def test_the_slider_shows_another_state(tell: Tell, html: str, end: int) -> None:
    frames = states(html)
    before, after = tell(), tell(slide(range(len(frames))[end]))
    assert after["time"] == f"t = {frames[end]['t']}"
    assert (after["x_t"], after["estimate"]) == (frames[end]["x_t"], frames[end]["estimate"])
    assert before["time"] == f"t = {frames[len(frames) // 2]['t']}"
    assert before["x_t"] != after["x_t"]


def test_the_curve_reads_out_where_the_arrows_go(tell: Tell) -> None:
    press = 'document.getElementById("curve").dispatchEvent(new KeyboardEvent("keydown", {key: "Home"}));'
    first, last = tell(press)["readout"], tell()["readout"]
    assert first.startswith("step ")
    assert first != last


def test_a_click_changes_the_theme(tell: Tell) -> None:
    click = 'document.getElementById("theme").click();'
    assert tell(click, "--blink-settings=preferredColorScheme=1")["theme"] == "dark"
    assert tell(click, "--blink-settings=preferredColorScheme=0")["theme"] == "light"


def test_the_page_follows_light_and_dark(look: Look) -> None:
    dark, light = (look(f"--blink-settings=preferredColorScheme={scheme}") for scheme in (0, 1))
    for picture in (dark, light):
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50, "something is to be seen"
    paper = [np.median(picture[:, :8]) for picture in (dark, light)]
    assert paper[0] < 60
    assert paper[1] > 200


def test_nothing_sticks_out_on_a_telephone(tell: Tell) -> None:
    assert not tell("", "--window-size=500,900")["wide"]
