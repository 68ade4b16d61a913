"""The one style of every figure: readable in print, by the colour-blind, and at its final size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath

__all__ = ["PALETTE", "STYLE", "lean", "style", "text_width"]

# Okabe & Ito 2002, "Color Universal Design": distinguishable with every common colour blindness.
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
"""Colours of classes and curves, in the order in which they are used."""

GREY = "#555555"
DPI = 200
SMALL = 7.0

STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": False,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8.0,
    "axes.titlepad": 4.0,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "mathtext.fontset": "dejavusans",
    "path.simplify": True,
    "savefig.dpi": "figure",
    "savefig.facecolor": "white",
    "svg.hashsalt": "genlab",  # the same figure is the same bytes
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
}
"""The style sheet, as matplotlib's rcParams."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in genlab's style, as a context or as a decorator; the caller's settings come back."""
    with matplotlib.rc_context(rc=STYLE):
        yield


def lean(ax: Axes) -> None:
    """Give axes their ticks now: matplotlib makes ticks late, when the style is no longer set."""
    ax.tick_params(which="both", color=GREY, labelsize=SMALL, labelcolor="black", length=2.5)
    ax.tick_params(which="both", width=0.6)
    ax.tick_params(which="minor", length=1.5)


@cache
def text_width(text: str, size: float = SMALL) -> float:
    """Return the width of a line of text in inches.

    Args:
        text: The text, or a formula between dollar signs.
        size: Font size in points.
    """
    if not text.strip():
        return 0.0
    with style():
        return float(TextPath((0, 0), text, size=size).get_extents().width) / 72
