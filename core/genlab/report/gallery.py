"""Which figures fit a run, and drawing them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from genlab.components.registry import build, registry
from genlab.errors import RequestError, raised, unknown
from genlab.report.figure import Figure, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = [
    "FORMATS",
    "draw",
    "drawn",
    "figure_files",
    "figure_names",
    "fitting",
    "in_order",
    "usual_figures",
]

Warn = Callable[[str], None]
"""Is called with what went wrong, in words."""

FORMATS = ("png", "svg")
"""The formats that figures of a run are kept in."""

_FIRST = (
    "loss", "quality", "samples-over-training", "samples", "best-and-worst", "steps", "trajectory",
    "forward", "progressive", "progressive-x_t", "interpolation", "density", "classification",
    "confusion", "calibration",
)  # fmt: skip


def figure_names() -> list[str]:
    """Return the names of all registered figures, without importing any: genlab's own first, then others."""
    return in_order(registry("figure").names())


def usual_figures(*, warn: Warn = warnings.warn) -> dict[str, Figure]:
    """Return all registered figures, each with its defaults, in the order of :func:`figure_names`.

    Args:
        warn: Is told of a figure that cannot be built; it is left out.
    """
    components = registry("figure")
    figures: dict[str, Figure] = {}
    for name in in_order(components.names()):
        try:
            figures[name] = components.get(name)()
        except Exception as error:
            warn(f"the figure {name!r} is left out: {raised(error)}")
    return figures


def fitting(run: Results, figures: Mapping[str, Figure]) -> dict[str, str | None]:
    """Say which figures fit a run.

    Args:
        run: The run.
        figures: Figures by name.

    Returns:
        For each name None, or the reason why the figure does not fit.
    """
    return {name: _reason(figure, run) for name, figure in figures.items()}


def draw(run: Results, figure: str | Figure | type[Figure], **options: Any) -> Drawing:
    """Draw one figure of a run.

    Args:
        run: The run.
        figure: The figure: a name, a class, or an object, which has its options already.
        options: The options of a name or a class.

    Raises:
        RequestError: There is no such figure or option, or the figure does not fit the run.
    """
    if isinstance(figure, Figure):
        if options:
            raise RequestError(f"{figure!r} has its options already: {', '.join(options)}")
        chosen = figure
    elif isinstance(figure, str):
        if figure not in registry("figure").names():
            raise unknown("figure of this run", figure, _fit(run))
        chosen = build("figure", figure, **options)
    else:
        chosen = figure(**options)
    reason = _reason(chosen, run)
    if reason is None:
        return chosen.draw(run)
    fit = _fit(run)
    raise RequestError(
        f"the figure {_name(chosen)!r} does not fit: {reason}. These do: {', '.join(fit) or 'none'}"
    )


def _fit(run: Results) -> list[str]:
    """Return the names of the figures that fit a run."""
    return [name for name, why in fitting(run, usual_figures()).items() if why is None]


def drawn(
    run: Results, figures: Mapping[str, Figure], *, warn: Warn
) -> Iterator[tuple[str, Drawing]]:
    """Draw the figures that fit a run, one after the other.

    Args:
        run: The run.
        figures: Figures by name.
        warn: Is told of a figure that raised; the others are drawn all the same.

    Yields:
        The name of each figure, and what was drawn.
    """
    for name, figure in figures.items():
        try:
            if figure.fits(run) is not None:
                continue
            drawing = figure.draw(run)
        except Exception as error:
            warn(_not_drawn(name, error))
            continue
        yield name, drawing


def figure_files(
    run: Results,
    figures: Mapping[str, Figure],
    *,
    warn: Warn,
    formats: tuple[str, ...] = FORMATS,
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Draw the figures that fit a run, as files.

    Much of a figure, such as its formulas, is first read when it becomes a file: one that cannot become one
    is reported and left out, too.

    Args:
        run: The run.
        figures: Figures by name.
        warn: Is told of a figure that raised; the others are drawn all the same.
        formats: The formats, of ``"png"``, ``"svg"`` and ``"pdf"``.

    Yields:
        The name of each figure, and the file in each format.
    """
    from genlab.report.figures.files import figure_bytes

    for name, drawing in drawn(run, figures, warn=warn):
        try:
            files = {}
            for format in formats:
                files[format] = figure_bytes(drawing, format)
                drawing.set_layout_engine("none")  # everything has its place now, in all formats
        except Exception as error:
            warn(_not_drawn(name, error))
            continue
        yield name, files


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of figures in the order of :func:`figure_names`."""
    names = list(names)
    return [*(n for n in _FIRST if n in names), *(n for n in names if n not in _FIRST)]


def _reason(figure: Figure, run: Results) -> str | None:
    """Say why a figure does not fit a run; one that cannot say so does not."""
    try:
        return figure.fits(run)
    except Exception as error:
        return raised(error)


def _name(figure: Figure) -> str:
    return registry("figure").name_of(type(figure)) or type(figure).__name__


def _not_drawn(name: str, error: Exception) -> str:
    return f"the figure {name!r} was not drawn: {raised(error)}"
