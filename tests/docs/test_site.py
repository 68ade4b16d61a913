"""The built site in a browser: whom its pages ask, what they complain of, and how wide and heavy they are.

``nox -s docs site`` builds the site and runs this. Without it, or without a browser, these tests are skipped.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from .conftest import DOCS

SITE = DOCS / "_build" / "html"
PAGES = [
    page.relative_to(SITE).as_posix()
    for page in sorted(SITE.rglob("*.html"))
    if "_static" not in page.parts
]
WIDTHS = (1280, 390)
SETTLED = """async () => {
  for (const image of document.images) image.loading = "eager"
  await Promise.all([...document.images].map(image => image.decode().catch(() => {})))
  return [...document.images].filter(image => !image.naturalWidth).map(image => image.src)
}"""
"""Loads all pictures of a page, and returns those that cannot be shown."""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

pytestmark = pytest.mark.skipif(not PAGES, reason="the site is not built: nox -s docs builds it")


def test_every_result_has_a_page() -> None:
    """Other seeds stand on the page of the first."""
    found = {
        file.parent.name for file in (DOCS.parent / "report" / "results").glob("*/results.json")
    }
    assert {name for name in found if f"gallery/{name}.html" not in PAGES} == {
        name for name in found if "-seed-" in name
    }


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of the site on a server of its own."""
    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@dataclass
class Look:
    """A page in a browser, whom it asked, what it complained of, and the bytes that it received."""

    page: Any
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)

    def watch(self) -> None:
        """Keep what happens."""
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", self.hear)
        self.page.on("requestfinished", self.weigh)

    def hear(self, line: Any) -> None:
        """Keep what is no mere remark."""
        if line.type in ("error", "warning"):
            self.said.append(line.text)

    def weigh(self, request: Any) -> None:
        """Add the size of an answer."""
        self.received[request.url] = request.sizes()["responseBodySize"]


@pytest.fixture(params=WIDTHS)
def look(request: pytest.FixtureRequest, browser: Any) -> Iterator[Look]:
    """An empty page, as wide as a screen and as a phone."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    found = Look(context.new_page())
    found.watch()
    yield found
    context.close()


def test_pages_ask_nobody_else_complain_of_nothing_and_fit(look: Look, address: str) -> None:
    wrong = []
    for page in PAGES:
        look.asked.clear()
        look.said.clear()
        look.page.goto(address + page, wait_until="load")
        missing = look.page.evaluate(SETTLED)
        others = [url for url in look.asked if not url.startswith((address, "data:", "blob:"))]
        wide = look.page.evaluate(TOO_WIDE)
        if others or look.said or wide > 0 or missing:
            wrong.append((page, others, list(look.said), wide, missing))
    assert wrong == []


def test_the_gallery_is_light_before_it_is_scrolled(look: Look, address: str) -> None:
    look.page.goto(address + "gallery.html", wait_until="networkidle")
    before = sum(look.received.values())
    assert look.page.locator("img[loading=lazy]").count() > 10
    assert before < 1_500_000, sorted(look.received.items(), key=lambda item: -item[1])[:5]
    print(f"gallery before scrolling: {before} bytes in {len(look.received)} answers")
