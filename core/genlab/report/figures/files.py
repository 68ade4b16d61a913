"""Writing figures: a file appears whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from genlab.files import write_bytes
from genlab.report.figures.style import style

__all__ = ["figure_bytes", "save_figure"]

_METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def figure_bytes(figure: Drawing, format: str = "png") -> bytes:
    """Draw a figure into memory. The same figure gives the same bytes.

    Args:
        figure: The figure.
        format: ``"png"``, ``"svg"`` or ``"pdf"``.
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=format, metadata=_METADATA.get(format))
    return buffer.getvalue()


def save_figure(figure: Drawing, path: str | Path) -> Path:
    """Write a figure to a file, in the format that its suffix names.

    Args:
        figure: The figure.
        path: Where to, such as ``figures/loss.svg``.

    Returns:
        The path.
    """
    path = Path(path)
    write_bytes(path, figure_bytes(figure, path.suffix.lstrip(".").lower()))
    return path
