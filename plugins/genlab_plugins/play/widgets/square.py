"""A square of the plane with points, arrows, lines and pictures on it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import torch
from nicegui import ui
from torch import Tensor

from genlab_plugins.play.plane import COLOURS, REACH

__all__ = ["Square", "packed"]

_UNITS = 16000  # of the whole numbers that places are sent as, from the middle to the edge


class Square(ui.element, component="square.js"):
    """A square of the plane, on which layers lie one above the other.

    Args:
        label: What it shows, in words.
        on_pick: Is called with a place (x, y) that was clicked, or chosen with arrow keys and Enter.
        layers: Names of the layers, from below.
    """

    def __init__(
        self,
        label: str,
        *,
        layers: Sequence[str],
        on_pick: Callable[[float, float], Any] | None = None,
    ) -> None:
        super().__init__()
        self._layers: dict[str, Any] = dict.fromkeys(layers)
        self.props["label"] = label
        self.reaching(REACH)
        self.props["layers"] = dict(self._layers)
        if on_pick is not None:
            self.on("pick", lambda event: on_pick(float(event.args["x"]), float(event.args["y"])))

    def reaching(self, reach: float) -> None:
        """Show what lies within a distance of the middle; layers are to be laid anew."""
        self.reach = reach
        self.props["reach"] = reach

    def points(
        self, layer: str, x: Tensor, kinds: Tensor | None = None, *, colour: str = COLOURS[0],
        size: float = 2.0, alpha: float = 0.8, outlined: bool = False,
    ) -> None:  # fmt: skip
        """Lay points ``(N, 2)``, of the colours of their kinds ``(N,)`` or all of one."""
        colours = [colour] if kinds is None else list(COLOURS)
        self._lay(layer, kind="points", xy=packed(x, self.reach), colours=colours, size=size, alpha=alpha,
                  outlined=outlined, kinds=None if kinds is None else kinds.tolist())  # fmt: skip

    def lines(self, layer: str, lines: Tensor, *, colour: str, alpha: float = 0.6) -> None:
        """Lay lines ``(L, N, 2)``."""
        each = lines.shape[1]
        self._lay(
            layer,
            kind="lines",
            xy=packed(lines, self.reach),
            colours=[colour],
            each=each,
            alpha=alpha,
        )

    def arrows(self, layer: str, points: Tensor, ends: Tensor, *, colour: str) -> None:
        """Lay arrows from points ``(N, 2)`` to ends ``(N, 2)``."""
        xy = packed(torch.stack([points, ends], 1), self.reach)
        self._lay(layer, kind="arrows", xy=xy, colours=[colour], alpha=0.75)

    def picture(self, layer: str, uri: str) -> None:
        """Lay a picture over the whole square."""
        self._lay(layer, kind="picture", uri=uri)

    def bare(self, layer: str) -> None:
        """Take a layer away."""
        self._lay(layer)

    def _lay(self, layer: str, **what: Any) -> None:
        self._layers[layer] = what or None
        self.props["layers"] = dict(self._layers)  # the page sees a change of the whole alone


def packed(x: Tensor, reach: float = REACH) -> str:
    """Return places as 16-bit whole numbers in base64: the edge of the square is 16,000."""
    units = (x.detach().float().cpu() / reach * _UNITS).nan_to_num(0).clamp(-32767, 32767)
    return base64.b64encode(units.round().to(torch.int16).numpy().tobytes()).decode()
