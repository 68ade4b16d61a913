"""The page of a run as a file, and its trajectory as an animation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genlab.diffusion.model import DiffusionModel
from genlab.diffusion.trajectory import Step
from genlab.errors import raised
from genlab.files import write_text
from genlab.report.figure import Results
from genlab.report.figures.images import png_bytes, save_gif
from genlab.report.figures.panels import spread
from genlab.report.html import Frame, Page, render
from genlab.report.output import state_pixels

__all__ = ["page_steps", "write_page"]

_FRAMES = 21  # states of a trajectory
_SHOWN = {"image": 16, "volume": 16, "series": 9, "vector": 2000}  # examples in a frame


def write_page(
    run: Results,
    path: Path,
    *,
    title: str,
    tables: Mapping[str, Any],
    metrics: Mapping[str, Any],
    figures: Mapping[str, bytes],
    animation: Path | None = None,
    warn: Callable[[str], None],
) -> None:
    """Write the page of a run, and its trajectory as an animation where it has one.

    Args:
        run: The run: its history, and the model that trajectories are drawn from.
        path: Where the page goes, such as ``report.html``.
        title: Title of the run, such as ``"blur on mnist"``.
        tables: What it is made of, as it stands in ``run.toml``.
        metrics: Its numbers and what else was found out, as they stand in ``metrics.json``.
        figures: Its figures by name, each a PNG, GIF or SVG file.
        animation: Where the animation goes, a .gif; None: nowhere.
        warn: Is told where no trajectory can be drawn; the page is written all the same.
    """
    frames: list[Frame] = []
    try:
        steps = page_steps(run)
        states = [state_pixels(step.x_t, run.spec) for step in steps]
        if states and animation is not None:
            save_gif(animation, states)
        frames = [
            Frame(step.t, png_bytes(x_t), png_bytes(state_pixels(step.estimate, run.spec)))
            for step, x_t in zip(steps, states, strict=True)
        ]
    except Exception as error:
        warn(f"the page has no trajectory: {raised(error)}")
    known = {key: metrics[key] for key in ("parameters", "device") if key in metrics}
    write_text(
        path,
        render(
            Page(
                title=title,
                tables={**tables, **known},
                history=run.history,
                metrics=metrics,
                figures=figures,
                frames=frames,
            )
        ),
    )


def page_steps(run: Results) -> list[Step]:
    """Return up to 21 states of trajectories, evenly spread; none for a model that does not walk back."""
    model = run.model
    if not isinstance(model, DiffusionModel):
        return []
    steps = list(model.trajectory(_SHOWN[run.spec.kind], seed=run.seed))
    return [steps[i] for i in spread(len(steps), _FRAMES)]
