"""The figures and the page of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genlab.config import Objects, Resolved, made
from genlab.errors import raised
from genlab.report.figure import Figure
from genlab.report.gallery import in_order
from genlab.runs.run import Run

__all__ = ["figures_of", "write_run_page"]


def figures_of(
    config: Resolved, objects: Objects, *, warn: Callable[[str], None]
) -> dict[str, Figure]:
    """Return the figures of a run by name, in the order in which they are drawn.

    Args:
        config: The configuration.
        objects: What was handed in as an object.
        warn: Is told of a figure that cannot be built; it is left out.
    """
    given = objects.get("figures", {})
    figures: dict[str, Figure] = {}
    for chosen in config.figures:
        try:
            figures[chosen.name] = given.get(chosen.name) or made("figure", chosen, {})
        except Exception as error:  # a foreign figure must not cost the run its others
            warn(f"the figure {chosen.name!r} is left out: {raised(error)}")
    return figures


def write_run_page(run: Run, *, warn: Callable[[str], None]) -> Path:
    """Write ``report.html`` of a run, with the figures that its folder holds, and return its path.

    Args:
        run: The run.
        warn: Is told what the page has to do without.
    """
    from genlab.report.page import write_page  # which imports Matplotlib

    folder, path = run.folder, run.path / "report.html"
    names = in_order(chosen.name for chosen in run.config.figures)
    files = {name: folder.figure_file(name, ".png") for name in names}
    write_page(
        run,
        path,
        title=run.config.title,
        tables=folder.tables(),
        metrics=run.metrics,
        figures={name: file.read_bytes() for name, file in files.items() if file.is_file()},
        animation=folder.figure_file("trajectory", ".gif"),
        warn=warn,
    )
    return path
