"""The pictures of a walk, and ``report.html``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from genlab.figures.files import figure_bytes
from genlab.figures.images import png_bytes, save_gif, tile
from genlab.figures.samples import samples
from genlab.files import draft, write_text
from genlab.generation import DiffusionModel, Step
from genlab.runs.report import Report, render

if TYPE_CHECKING:
    from genlab.runs.run import Run

__all__ = ["walk_frames", "write_gif", "write_page"]

_FRAMES = 21  # frames of a walk
_ROOM = (16, 2000)  # images, points shown in a frame
_LIMITS = (-3.0, 3.0)  # of a frame of points, which are standardised


def write_page(run: Run) -> None:
    """Write the animated walk and ``report.html`` of a run."""
    steps = _walk(run)
    if steps:
        write_gif(run, steps)
    walk = [(step.t, _picture(run, step.x_t), _picture(run, step.x_0)) for step in steps]
    method = run.config.degradation or run.config.density
    report = Report(
        title=f"{method.name if method else 'run'} on {run.config.dataset.name}",
        config={
            "parameters": run.metrics.get("parameters"),
            **run.folder.tables(),
            "device": run.metrics.get("device", run.config.device),
        },
        history=run.history,
        metrics=run.metrics,
        figures={
            name: run.folder.figure_file(name, ".png").read_bytes()
            for name in run.figures()
            if name != "loss" and run.folder.figure_file(name, ".png").is_file()
        },
        walk=walk,
    )
    write_text(run.path / "report.html", render(report))


def write_gif(run: Run, steps: list[Step]) -> None:
    """Write the walk as an animation."""
    file = run.folder.figure_file("walk", ".gif")
    with draft(file) as path:
        save_gif(path, walk_frames(run, steps))


def walk_frames(run: Run, steps: list[Step]) -> list[np.ndarray]:
    """Return the states of a walk as pictures, each uint8 ``(height, width[, 3])``."""
    return [_pixels(run, step.x_t) for step in steps]


def _walk(run: Run) -> list[Step]:
    if not isinstance(run.model, DiffusionModel):
        return []
    steps = list(run.walk(_ROOM[run.spec.kind != "image"]))
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(_FRAMES, len(steps))).round())
    return [steps[int(i)] for i in chosen]


def _picture(run: Run, x: Tensor) -> bytes:
    if run.spec.kind == "image":
        return png_bytes(tile(x))
    return figure_bytes(samples(x, run.spec, limits=_LIMITS), "png")


def _pixels(run: Run, x: Tensor) -> np.ndarray:
    if run.spec.kind == "image":
        return tile(x)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(samples(x, run.spec, limits=_LIMITS))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
