"""Which figures a run has, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from genlab.errors import RequestError, unknown
from genlab.figures.forward import forward
from genlab.figures.loss import loss
from genlab.figures.progressive import progressive
from genlab.figures.samples import samples
from genlab.generation import DiffusionModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genlab.runs.run import Run

__all__ = ["draw", "fitting"]

_FORWARD_TIMES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class _Entry:
    draw: Callable[[Run], Figure]
    walks: bool


def draw(run: Run, name: str) -> Figure:
    """Draw a figure of a run by name.

    Raises:
        RequestError: There is no such figure, or it does not fit the run.
    """
    if name not in _FIGURES:
        raise unknown("figure", name, _FIGURES)
    if name not in fitting(run):
        raise RequestError(
            f"the figure {name!r} does not fit {run.path}. These do: {', '.join(fitting(run))}"
        )
    return _FIGURES[name].draw(run)


def fitting(run: Run) -> list[str]:
    """Return the names of the figures that fit a run."""
    walks = isinstance(run.model, DiffusionModel)
    return [
        name
        for name, entry in _FIGURES.items()
        if (walks or not entry.walks) and (name != "loss" or run.history)
    ]


def _loss(run: Run) -> Figure:
    return loss(run.history)


def _samples(run: Run) -> Figure:
    n = 100 if run.spec.kind == "image" else 5000
    if run.folder.samples_file.is_file():
        with np.load(run.folder.samples_file) as file:
            x = torch.from_numpy(file["x"][:n])
    else:
        x = run.sample(n)
    if run.spec.kind == "image":
        return samples(x, run.spec)
    return samples(x, run.spec, reference=run.examples("test").first(n)[0])


def _forward(run: Run) -> Figure:
    n = 6 if run.spec.kind == "image" else 2000
    x_0 = run.examples("test").first(n)[0].cpu()
    z = run.degradation.draw(x_0, generator=torch.Generator().manual_seed(0))
    states = [run.degradation.degrade(x_0, torch.full((len(x_0),), t), z) for t in _FORWARD_TIMES]
    return forward(states, _FORWARD_TIMES, run.spec)


def _progressive(run: Run) -> Figure:
    n = 8 if run.spec.kind == "image" else 2000
    return progressive(list(run.walk(n)), run.spec)


def _trajectory(run: Run) -> Figure:
    n = 8 if run.spec.kind == "image" else 2000
    return progressive(list(run.walk(n)), run.spec, show="x_t")


_FIGURES = {
    "loss": _Entry(_loss, walks=False),
    "samples": _Entry(_samples, walks=False),
    "forward": _Entry(_forward, walks=True),
    "progressive": _Entry(_progressive, walks=True),
    "progressive-x_t": _Entry(_trajectory, walks=True),
}
