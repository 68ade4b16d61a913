"""Which figures a run has, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from genlab.errors import RequestError, unknown
from genlab.figures.classification import classification
from genlab.figures.confusion import calibration, confusion
from genlab.figures.density import density
from genlab.figures.forward import forward
from genlab.figures.interpolation import interpolation
from genlab.figures.loss import loss
from genlab.figures.progressive import progressive
from genlab.figures.samples import samples
from genlab.generation import DensityModel, DiffusionModel
from genlab.protocols import Flow
from genlab.runs.ways import example_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genlab.runs.run import Run

__all__ = ["draw", "fitting"]

_FORWARD_TIMES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class _Entry:
    draw: Callable[[Run], Figure]
    fits: Callable[[Run], bool]


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
    return [name for name, entry in _FIGURES.items() if entry.fits(run)]


def _walks(run: Run) -> bool:
    return isinstance(run.model, DiffusionModel)


def _on_the_plane(run: Run) -> bool:
    return isinstance(run.model, DensityModel) and run.spec.shape == (2,)


def _classifies(run: Run) -> bool:
    return isinstance(run.model, DensityModel) and run.model.conditional


def _flows(run: Run) -> bool:
    return isinstance(run.model, DensityModel) and run.model.density.tags.flow


def _loss(run: Run) -> Figure:
    return loss(run.history)


def _samples(run: Run) -> Figure:
    n = 100 if run.spec.kind == "image" else 5000
    y = None
    if run.folder.samples_file.is_file():
        with np.load(run.folder.samples_file) as file:
            x = torch.from_numpy(file["x"][:n])
            y = torch.from_numpy(file["y"][:n]) if "y" in file else None
    else:
        x, y = run.sample(n), run.labels(n)
    if run.spec.kind == "image":
        return samples(x, run.spec, y=y)
    return samples(x, run.spec, y=y, reference=run.examples("test").first(n)[0])


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


def _interpolation(run: Run) -> Figure:
    a, b = example_pairs(run, 4)
    return interpolation(a, b, run.interpolate(a, b), run.spec)


def _density(run: Run) -> Figure:
    return density(run.log_prob, run.examples("test").first(5000)[0].cpu(), run.sample(5000))


def _classification(run: Run) -> Figure:
    x, y = run.examples("test").first(3000)
    assert y is not None  # the run knows classes
    labels = run.labels(3000)
    assert labels is not None
    flow = cast(Flow, run.density)
    with torch.no_grad():
        return classification(
            x.cpu(), y.cpu(), run.sample(3000), labels, spec=run.spec, classify=run.classify,
            encode=lambda points: flow.encode(points.to(run.device))[0].cpu(),
            decode=lambda points: flow.decode(points.to(run.device))[0].cpu(),
        )  # fmt: skip


def _confusion(run: Run) -> Figure:
    return confusion(*run.test_posteriors, run.spec)


def _calibration(run: Run) -> Figure:
    return calibration(*run.test_posteriors)


_FIGURES = {
    "loss": _Entry(_loss, lambda run: bool(run.history)),
    "samples": _Entry(_samples, lambda run: True),
    "forward": _Entry(_forward, _walks),
    "progressive": _Entry(_progressive, _walks),
    "progressive-x_t": _Entry(_trajectory, _walks),
    "interpolation": _Entry(
        _interpolation, lambda run: run.spec.kind == "image" and (_walks(run) or _flows(run))
    ),
    "density": _Entry(_density, _on_the_plane),
    "classification": _Entry(
        _classification, lambda run: _on_the_plane(run) and _classifies(run) and _flows(run)
    ),
    "confusion": _Entry(_confusion, _classifies),
    "calibration": _Entry(_calibration, _classifies),
}
