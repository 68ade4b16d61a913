"""What all pages have: a bar above, colours, messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from nicegui import ui

__all__ = ["Message", "address", "framed", "message", "titled"]

_STYLE = (Path(__file__).parent / "play.css").read_text("utf-8")
_LOOKS: tuple[tuple[bool | None, str, str], ...] = (
    (None, "brightness_auto", "as the system: switch to light"),
    (False, "light_mode", "light: switch to dark"),
    (True, "dark_mode", "dark: switch to that of the system"),
)


class _Look:
    """Whether pages are light or dark; they are served to one person."""

    place = 0


@contextmanager
def framed(title: str, names: Sequence[str] = ()) -> Iterator[None]:
    """Lay out a page.

    Args:
        title: What it is about.
        names: Other runs that the bar leads to.
    """
    ui.add_css(_STYLE)
    ui.page_title(f"{title} – genlab play")
    ui.colors(primary="#2f6fa8", secondary="#5b6470", accent="#e07b39")
    dark = ui.dark_mode(_LOOKS[_Look.place][0])
    with ui.element("header").classes("play-bar"), ui.element("div").classes("play-bar-inside"):
        ui.link("genlab play", "/").classes("play-brand")
        ui.label(title).classes("play-title").props("role=heading aria-level=1")
        ui.space()
        look = ui.button(icon=_LOOKS[_Look.place][1]).props("flat round dense")
        look.props["aria-label"] = _LOOKS[_Look.place][2]

    def switch() -> None:
        _Look.place = (_Look.place + 1) % len(_LOOKS)
        value, icon, said = _LOOKS[_Look.place]
        dark.value = value
        look.props["aria-label"] = said
        look.icon = icon

    look.on_click(switch)
    with ui.element("main").classes("play-main"):
        yield


def address(page: str, *names: str) -> str:
    """Return the address of a page about runs."""
    return f"/{page}?{urlencode([('run', name) for name in names])}"


def titled(text: str, more: str = "") -> None:
    """Write a heading, and a line that explains."""
    ui.label(text).classes("play-heading").props("role=heading aria-level=2")
    if more:
        ui.label(more).classes("play-quiet")


def message(text: str, *, kind: str = "problem") -> ui.element:
    """Write a message in a box: a ``problem``, or a ``note``."""
    with ui.element("div").classes(f"play-message play-{kind}").props("role=status") as box:
        ui.icon("error_outline" if kind == "problem" else "info")
        ui.label(text)
    return box


class Message:
    """A place for a message, which takes no room where there is none."""

    def __init__(self) -> None:
        self.box = message("")
        self.box.set_visibility(False)
        self.label = next(each for each in self.box.descendants() if isinstance(each, ui.label))

    def __call__(self, text: str) -> None:
        """Show a message, or none."""
        self.label.text = text
        self.box.set_visibility(bool(text))
