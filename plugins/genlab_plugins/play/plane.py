"""Points in the plane: how they fall into the data, the drift that carries them, and densities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genlab import (
    AdditiveDegradation,
    DensityModel,
    DiffusionModel,
    GaussianDegradation,
    Restorer,
    Run,
    Step,
    build,
    registry,
    sub_seed,
)
from genlab_plugins.play.pictures import image_uri

__all__ = [
    "REACH",
    "Drift",
    "density_uri",
    "drift",
    "drop",
    "fall",
    "ideal",
    "model_of",
    "points_of",
]

REACH = 2.8
"""Half of the side of the square that is shown; points are standardised."""

_IDEAL = "ideal"  # the backbone in closed form
_KEPT = 4000  # training points of the ideal restorer
_FINE = 50  # steps of a walk from t to 0, of which the first gives the drift
_DENSE = 120  # pixels of a side of a density


@dataclass(frozen=True)
class Drift:
    """The velocity at which points of a grid walk back at one time.

    Args:
        points: ``(N, 2)``.
        arrows: Change of place per unit of time, ``(N, 2)``.
        told: What it is, in words.
    """

    points: Tensor
    arrows: Tensor
    told: str


def points_of(run: Run, n: int = 1000) -> tuple[Tensor, Tensor | None]:
    """Return test points ``(n, 2)`` and their labels."""
    x, y = run.data.test.first(n)
    return x.cpu(), None if y is None else y.cpu()


def fall(
    model: DiffusionModel | DensityModel,
    n: int = 800,
    *,
    steps: int | None = None,
    sampler: str | None = None,
    seed: int = 0,
    label: int | None = None,
    guidance: float | None = None,
) -> Iterator[Step]:
    """Give the states of points on their way from the prior into the data.

    Args:
        model: The model; a density has its samples alone.
        n: How many points.
        steps: Steps of the sampler; None: those of the model, or the usual of another sampler.
        sampler: Its name; None: that of the model.
        seed: The seed.
        label: A class by its number; None: classes at random.
        guidance: Scale of guidance; None: that of the model.
    """
    if isinstance(model, DensityModel):
        x = model.sample(n, seed=seed, label=label)
        return iter([Step(0.0, x, x)])
    chosen = build("sampler", sampler) if sampler else None
    return model.trajectory(
        n, seed=seed, steps=steps, sampler=chosen, label=label, guidance=guidance
    )


def model_of(run: Run) -> DiffusionModel | DensityModel:
    """Return the model of a run as what it is."""
    return run.model if isinstance(run.model, DensityModel) else run.diffusion


def drop(
    model: DiffusionModel,
    at: tuple[float, float],
    *,
    t: float,
    n: int = 60,
    spread: float = 0.12,
    steps: int | None = None,
    sampler: str | None = None,
    seed: int = 0,
) -> Iterator[Step]:
    """Drop points at a place and give their states on their way into the data.

    Args:
        model: The model.
        at: The place (x, y).
        t: The time at which they start, in (0, 1].
        n: How many.
        spread: Their deviation from the place.
        steps: Steps of the sampler; None: those of the model, or the usual of another sampler.
        sampler: Its name; None: that of the model.
        seed: The seed.
    """
    generator = torch.Generator(model.device).manual_seed(sub_seed(seed, "play"))
    noise = torch.randn(n, 2, generator=generator, device=model.device)
    x_t = torch.tensor(at, device=model.device) + spread * noise
    return model.trajectory_from(
        x_t, _drawn(model, x_t, generator), generator=generator, start=t, steps=steps,
        sampler=build("sampler", sampler) if sampler else None,
    )  # fmt: skip


def drift(model: DiffusionModel, t: float, *, side: int = 17, seed: int = 0) -> Drift:
    r"""Return the velocity at which points walk back at a time.

    For Gaussian noise it is that of the probability flow, :math:`-dx_t / dt`, as a small step of DDIM has it
    (Song, Meng & Ermon 2021, arXiv:2010.02502, section 4.3). For any other degradation the arrow leads to
    the restorer's estimate, :math:`\hat x_0(x_t, t) - x_t`.

    Args:
        model: The model.
        t: The time, in (0, 1].
        side: Arrows along a side of the square.
        seed: Seed of what a degradation draws.
    """
    line = torch.linspace(-REACH, REACH, side + 2)[1:-1]
    points = torch.cartesian_prod(line, line)
    x_t = points.to(model.device)
    generator = torch.Generator(model.device).manual_seed(sub_seed(seed, "play"))
    if not isinstance(model.restorer.degradation, GaussianDegradation):
        with torch.no_grad():
            x_0 = model.estimates()(x_t, torch.full((len(x_t),), t, device=model.device))
        return Drift(points, (x_0 - x_t).cpu(), "from each point to what the restorer makes of it")
    steps = model.trajectory_from(
        x_t, None, generator=generator, start=t, steps=_FINE, sampler=build("sampler", "ddim")
    )
    now, then = next(steps), next(steps)
    arrows = (then.x_t - now.x_t) / (now.t - then.t)
    return Drift(points, arrows.cpu(), "the velocity at which points walk back")


def ideal(run: Run) -> DiffusionModel | None:
    """Return the model with the ideal restorer of the training points in the place of the learned one.

    None where there is none: of a density, or of a degradation that it cannot undo.
    """
    model = run.model
    if not isinstance(model, DiffusionModel) or _IDEAL not in registry("backbone").names():
        return None
    own = model.restorer
    if not isinstance(own.degradation, GaussianDegradation):
        return None
    backbone: Any = build("backbone", _IDEAL, run.spec)
    restorer = Restorer(backbone, own.degradation, jitter=own.jitter)
    x, y = run.data.train.first(_KEPT)
    backbone.fit(
        x.cpu(), None if y is None else y.cpu(), generator=torch.Generator().manual_seed(0)
    )
    return model.with_parts(restorer=restorer.eval().to(model.device))


def density_uri(model: DensityModel) -> str:
    """Return the density over the square as a picture: the denser, the stronger the colour."""
    log_prob = model.log_prob(grid(_DENSE)).view(_DENSE, _DENSE)
    share = (log_prob - log_prob.max()).exp().sqrt()  # the root shows tails, too
    return shaded(torch.zeros_like(share), share)


def grid(side: int) -> Tensor:
    """Return the centres of the pixels of a picture of the square, row by row from its top, ``(N, 2)``."""
    line = (torch.arange(side) + 0.5) / side * 2 * REACH - REACH
    y, x = torch.meshgrid(-line, line, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def shaded(kinds: Tensor, strength: Tensor) -> str:
    """Return a picture whose pixels have the colour of a kind, and are the more opaque the stronger it is.

    Args:
        kinds: Numbers of colours ``(H, W)``.
        strength: From 0 to 1, ``(H, W)``.
    """
    colours = np.array([matplotlib.colors.to_rgb(each) for each in COLOURS])
    rgb = colours[kinds.long().numpy() % len(colours)]
    opacity = 0.75 * strength.clamp(0, 1).numpy()[..., None]
    pixels = (np.concatenate([rgb, opacity], 2) * 255).round().astype(np.uint8)
    return image_uri(Image.fromarray(pixels))


COLOURS = (
    "#3b82c4", "#e07b39", "#3f9c5a", "#c2485c", "#8a63b8", "#8c6d4f", "#d16ba5", "#7a7f87", "#a8a032",
    "#2fa6b0",
)  # fmt: skip
"""Colours of classes, which are told apart on white and on black."""


def _drawn(model: DiffusionModel, x_t: Tensor, generator: torch.Generator) -> Tensor | None:
    degradation = model.restorer.degradation
    if isinstance(degradation, AdditiveDegradation):
        return None
    return degradation.draw(x_t, generator=generator)
