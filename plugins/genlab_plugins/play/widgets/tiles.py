"""Pictures in a grid, which may be picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nicegui import ui
from torch import Tensor

from genlab_plugins.play.pictures import png_uri

__all__ = ["Picture", "Tiles"]

_COARSE = 96  # pixels of a side below which a picture is enlarged without smoothing


class Picture:
    """One image with a line below it.

    Args:
        alt: What it shows, in words.
        side: Its side in pixels of the page; None: as wide as there is room.
    """

    def __init__(self, alt: str, side: int | None = None) -> None:
        self.image = ui.element("img").classes("play-picture").props(f'alt="{alt}"')
        if side is not None:
            self.image.style(f"width: {side}px")
        self.image.props["src"] = _NOTHING

    def show(self, x: Tensor) -> None:
        """Show an image ``(C, H, W)``."""
        self.image.props["src"] = png_uri(x)
        self.image.classes(
            add="play-crisp" if max(x.shape[1:]) <= _COARSE else "",
            remove="" if max(x.shape[1:]) <= _COARSE else "play-crisp",
        )
        self.image.update()

    def wipe(self) -> None:
        """Show nothing."""
        self.image.props["src"] = _NOTHING
        self.image.update()


class Tiles:
    """Pictures in a grid; those that can be picked are buttons.

    Args:
        what: What each is, in a word.
        on_pick: Is called with the number of one that was picked; None: none can be.
    """

    def __init__(self, what: str, on_pick: Callable[[int], Any] | None = None) -> None:
        self.what, self.on_pick = what, on_pick
        self.grid = ui.element("div").classes("play-tiles")
        self.pictures: list[Picture] = []
        self.frames: list[ui.element] = []

    def show(self, x: Sequence[Tensor] | Tensor) -> None:
        """Show images, each ``(C, H, W)``."""
        if len(self.pictures) != len(x):
            self._lay_out(len(x))
        for picture, each in zip(self.pictures, x, strict=True):
            picture.show(each)

    def mark(self, picked: Sequence[int]) -> None:
        """Mark those that are picked."""
        for place, frame in enumerate(self.frames):
            letter = "AB"[picked.index(place)] if place in picked else ""
            frame.props["data-picked"] = letter
            frame.props["aria-pressed"] = "true" if letter else "false"
            frame.update()

    def _lay_out(self, n: int) -> None:
        self.grid.clear()
        self.pictures, self.frames = [], []
        with self.grid:
            for place in range(n):
                tag = "button" if self.on_pick else "div"
                with ui.element(tag).classes("play-tile") as frame:
                    self.pictures.append(Picture(f"{self.what} {place + 1}"))
                if self.on_pick is not None:
                    frame.on("click", partial(self.on_pick, place), [])
                self.frames.append(frame)


_NOTHING = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
