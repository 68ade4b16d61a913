"""A square to draw on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

__all__ = ["Pad"]


class Pad(ui.element, component="pad.js"):
    """A square to draw on, with a pointer or with arrow keys and the space bar.

    Args:
        pen: Width of the pen, as a share of the side.
        on_drawn: Is called with the grey levels of a square, row by row, after every stroke.
        side: Its side in pixels of the page.
    """

    def __init__(
        self, *, pen: float, on_drawn: Callable[[list[int]], Any], side: int = 224
    ) -> None:
        super().__init__()
        self.props["label"] = "draw here; by keyboard: arrows move, space lowers and lifts the pen"
        self.props["pen"] = pen
        self.props["side"] = side
        self.on("drawn", lambda event: on_drawn(event.args))

    def clear_drawing(self) -> None:
        """Wipe what was drawn."""
        self.run_method("clear")
