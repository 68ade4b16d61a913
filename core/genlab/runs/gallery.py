"""Which figures a run has, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from genlab.errors import RequestError, unknown
from genlab.evaluation import nearest
from genlab.figures.classification import classification
from genlab.figures.confusion import calibration, confusion
from genlab.figures.density import density, plane
from genlab.figures.drift import Drift, drift
from genlab.figures.forward import forward
from genlab.figures.interpolation import interpolation
from genlab.figures.loss import loss
from genlab.figures.progressive import progressive
from genlab.figures.quality import over_steps, over_training, quality, walked
from genlab.figures.ranked import Ranked, ranked
from genlab.figures.samples import samples
from genlab.generation import DensityModel, DiffusionModel
from genlab.protocols import Examples, Flow, GaussianDegradation, Metric
from genlab.protocols.metric import ScoresEach
from genlab.registries import build
from genlab.runs.ways import example_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genlab.runs.run import Run

__all__ = ["draw", "fitting"]

_ARROWS = 13  # along each side
_RANKED = 1000  # samples that are ranked
_SHOWN = 12  # samples of each end of a ranking
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
    x, y = _drawn(run, n)
    if run.spec.kind == "image":
        return samples(x, run.spec, y=y)
    return samples(x, run.spec, y=y, reference=run.examples("test").first(n)[0])


def _quality(run: Run) -> Figure:
    return quality(run.evaluations)


def _over_training(run: Run) -> Figure:
    states = []
    for line in run.evaluations:
        file = run.folder.evaluated_samples_file(line["step"])
        if file.is_file():
            with np.load(file) as arrays:
                states.append((int(line["step"]), torch.from_numpy(arrays["x"])))
    return over_training(states, run.spec)


def _over_steps(run: Run) -> Figure:
    return over_steps(run.metrics["metrics"])


def _drift(run: Run) -> Figure:
    """Draw the 3x3 figure at t = 0, 1/2 and 1, with the mean of the ancestral step as drift."""
    degradation = cast(GaussianDegradation, run.degradation)
    x_0 = run.examples("test").first(2000)[0].cpu()
    z = degradation.draw(x_0, generator=torch.Generator().manual_seed(0))
    states = {step.t: step.x_t for step in run.walk(2000)}
    times = (0.0, 0.5, 1.0)
    back = [states[min(states, key=lambda t, at=at: abs(t - at))] for at in times]  # type: ignore[misc]
    grid = plane((-2.0, 2.0), _ARROWS)
    steps = cast(DiffusionModel, run.model).steps
    columns = []
    for t, x_t in zip(times, back, strict=True):
        at = max(t, 1 / steps)
        forward = degradation.degrade(x_0, torch.full((len(x_0),), t), z)
        columns.append(Drift(t, forward, x_t, grid, _mean_step(run, grid, at, at - 1 / steps)))
    return drift(
        columns,
        note=f"drift of one of {steps} steps; it is undefined at t = 0, where that of the last "
        f"step is shown",
    )


def _mean_step(run: Run, x_t: Tensor, t: float, s: float) -> Tensor:
    r"""Return the mean of x_s given x_t and the estimate, less x_t (Ho, Jain & Abbeel 2020, eq. 7)."""
    degradation = cast(GaussianDegradation, run.degradation)
    moments = torch.tensor([t, s], dtype=torch.float64)
    (alpha_t, alpha_s), (sigma_t, sigma_s) = degradation.alpha(moments), degradation.sigma(moments)
    with torch.no_grad():
        now = torch.full((len(x_t),), t, device=run.device)
        x_0 = run.restorer(x_t.to(run.device), now).cpu()
    ratio = alpha_t / alpha_s
    forward = sigma_t**2 - (ratio * sigma_s) ** 2
    mean: Tensor = (ratio * sigma_s**2 * x_t + alpha_s * forward * x_0) / sigma_t**2
    return (mean - x_t).float()


def _best_and_worst(run: Run) -> Figure:
    """Rank samples by the metric that scores each, and by the way to the nearest training image."""
    x, train = _drawn(run, _RANKED)[0], run.examples("train")
    distance, where = nearest(x, train)
    real = train.take(where.to(train.device))[0].cpu()
    rankings = {**_scores(run, x, train), ("nearest to data", "farthest from it"): -distance}
    ends = []
    for (best, worst), scores in rankings.items():
        order = scores.argsort(descending=True)
        for title, chosen in ((best, order[:_SHOWN]), (worst, order[-_SHOWN:])):
            ends.append(Ranked(title, x[chosen], real[chosen], scores[chosen].abs()))
    return ranked(ends)


def _scores(run: Run, x: Tensor, train: Examples) -> dict[tuple[str, str], Tensor]:
    for component in run.config.metrics or ():
        metric: Metric = build("metric", component.name, **component.params)
        if isinstance(metric, ScoresEach):
            fitted = metric.fit(train, run.spec, seed=run.config.seed)
            name = component.name
            return {(f"best by {name}", f"worst by {name}"): metric.score_each(fitted, x)}
    return {}


def _drawn(run: Run, n: int) -> tuple[Tensor, Tensor | None]:
    """Return the first of the stored samples with their labels, or fresh ones where there are none."""
    if not run.folder.samples_file.is_file():
        return run.sample(n), run.labels(n)
    with np.load(run.folder.samples_file) as file:
        y = torch.from_numpy(file["y"][:n]) if "y" in file else None
        return torch.from_numpy(file["x"][:n]), y


def _forward(run: Run) -> Figure:
    n = 6 if run.spec.kind == "image" else 2000
    x_0 = run.examples("test").first(n)[0].cpu()
    z = run.degradation.draw(x_0, generator=torch.Generator().manual_seed(0))
    states = [run.degradation.degrade(x_0, torch.full((len(x_0),), t), z) for t in _FORWARD_TIMES]
    return forward(states, _FORWARD_TIMES, run.spec)


def _progressive(run: Run) -> Figure:
    n = 8 if run.spec.kind == "image" else 2000
    return progressive(list(run.walk(n)), run.spec)


def _states(run: Run) -> Figure:
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
    "quality": _Entry(_quality, lambda run: bool(run.evaluations)),
    "samples-over-training": _Entry(_over_training, lambda run: bool(run.evaluations)),
    "samples": _Entry(_samples, lambda run: True),
    "best-and-worst": _Entry(_best_and_worst, lambda run: run.spec.kind == "image"),
    "steps": _Entry(_over_steps, lambda run: bool(walked(run.metrics.get("metrics", ())))),
    "trajectory": _Entry(
        _drift,
        lambda run: run.spec.shape == (2,) and _walks(run) and run.degradation.tags.gaussian,
    ),
    "forward": _Entry(_forward, _walks),
    "progressive": _Entry(_progressive, _walks),
    "progressive-x_t": _Entry(_states, _walks),
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
