"""From one example to another, where the model finds it easy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.degradation import AdditiveDegradation
from genlab.components.sampler import Sampler
from genlab.diffusion.checks import check_time, checked_count, checked_data
from genlab.diffusion.model import DensityModel, DiffusionModel, Model
from genlab.diffusion.paths import Path, between, check_path
from genlab.diffusion.trajectory import end_of
from genlab.errors import RequestError
from genlab.seeds import generator_of

__all__ = ["interpolate", "latent_mean"]

_AT_ONCE = 256  # examples that are walked back together


def interpolate(
    model: Model,
    a: Tensor,
    b: Tensor,
    points: int = 11,
    t: float = 0.5,
    *,
    path: Path | None = None,
    steps: int | None = None,
    sampler: Sampler | None = None,
    seed: int = 0,
    even: bool = False,
) -> Tensor:
    r"""Interpolate between examples.

    A diffusion degrades both to the time t, mixes them there and walks back, with the same randomness at
    every point of the path (Ho, Jain & Abbeel 2020, arXiv:2006.11239, fig. 8). A flow mixes in its latent
    space, and t means nothing.

    Args:
        model: The model.
        a: Where the path begins, one example of the shape ``shape`` or several ``(B, *shape)``.
        b: Where it ends, likewise.
        points: Points of the path, both ends included.
        t: How far both are degraded, in (0, 1]; more is coarser, and 1 forgets them.
        path: ``"linear"``, or ``"slerp"``, which keeps the variance of Gaussian noise. None: slerp in the
            latent space of a flow, half-way between whose points a straight line has half of their variance,
            and linear in degraded states.
        steps: Steps of a trajectory from t to 0; None: those of the model.
        sampler: How to walk back; None: the model's own sampler.
        seed: Seed of everything random.
        even: Whether the points stand where neighbours differ alike, instead of at even :math:`\lambda`, at
            which a path may stand still for long and change at once. It takes three times as many walks.

    Returns:
        ``(points, *shape)`` for one example, and ``(points, B, *shape)`` for several, on the CPU.

    Raises:
        RequestError: A wrong time, shape or path, or a density without a latent space.
    """
    a, b, one = _pair(a, b, model.spec)
    points = checked_count("points", points, "a path has at least one")
    if path is not None:
        check_path(path)
    if isinstance(model, DensityModel):
        at = _mixed_latents(model, a, b, path or "slerp")
    elif isinstance(model, DiffusionModel):
        check_time(t)
        steps = model.steps_of(steps, sampler)
        at = _mixed_states(
            model, a, b, path or "linear", t=t, steps=steps, sampler=sampler, seed=seed
        )
    else:
        raise RequestError(f"{type(model).__name__} has nothing to interpolate in")
    shares = torch.linspace(0, 1, points)[:, None].expand(-1, len(a))
    x = at(shares)
    if even:
        x = _evened(at, shares, x)
    return x[:, 0] if one else x


_At = Callable[[Tensor], Tensor]
"""From the shares ``(points, B)`` of the way of every path to the points there ``(points, B, *shape)``."""


def _mixed_states(
    model: DiffusionModel,
    a: Tensor,
    b: Tensor,
    path: Path,
    *,
    t: float,
    steps: int | None,
    sampler: Sampler | None,
    seed: int,
) -> _At:
    """Mix two degraded states and walk back from every point.

    Where noise is added, the two states get noise of their own; where something else is drawn, such as a
    mask, both share it.
    """
    degradation = model.restorer.degradation
    a, b = a.to(model.device), b.to(model.device)
    generator = generator_of(seed, "ends", device=model.device)
    z = degradation.draw(a, generator=generator)
    additive = isinstance(degradation, AdditiveDegradation)
    z_b = degradation.draw(b, generator=generator) if additive else z
    times = torch.full((len(a),), t, device=model.device)
    begin, end = degradation.degrade(a, times, z), degradation.degrade(b, times, z_b)
    generator = generator_of(seed, "restoring", device=model.device)
    untouched = generator.get_state()

    def at(shares: Tensor) -> Tensor:
        states, ends, at_once = between(begin, end, shares, path), [], 1
        while len(states):
            some, states = states[:at_once], states[at_once:]
            shared = None if additive or z is None else z.repeat(len(some), *[1] * (z.ndim - 1))
            generator.set_state(untouched)
            walked = model.trajectory_from(
                some.flatten(0, 1),
                shared,
                generator=generator,
                start=t,
                steps=steps,
                sampler=sampler,
            )
            ends.append(model.in_range(end_of(walked).cpu()).reshape(some.shape))
            # a walk that draws nothing is the same for many
            if torch.equal(generator.get_state(), untouched):
                at_once = max(_AT_ONCE // max(len(a), 1), 1)
        return torch.cat(ends)

    return at


def _mixed_latents(model: DensityModel, a: Tensor, b: Tensor, path: Path) -> _At:
    """Mix the latents of two examples and decode every point."""
    flow, device = model.flow, model.device

    @torch.no_grad()
    def at(shares: Tensor) -> Tensor:
        latents = between(begin, end, shares, path)
        return model.in_range(torch.stack([flow.decode(z)[0].cpu() for z in latents]))

    with torch.no_grad():
        begin, end = (flow.encode(x.to(device))[0] for x in (a, b))
    return at


def _evened(at: _At, shares: Tensor, x: Tensor) -> Tensor:
    """Return as many points of every path, of which the squares of the steps sum up to the least.

    Twice as many points as there are come in before, each half-way between two neighbours that are farthest
    apart, and the ends stay.
    """
    points, place = len(shares), [1] * (x.ndim - 2)
    for _ in range(2 * points if points > 2 else 0):
        widest = (x[1:] - x[:-1]).flatten(2).norm(dim=2).argmax(0, keepdim=True)
        middle = (shares.gather(0, widest) + shares.gather(0, widest + 1)) / 2
        shares, order = torch.cat([shares, middle]).sort(dim=0, stable=True)
        x = torch.cat([x, at(middle)])
        x = x.gather(0, order.reshape(*order.shape, *place).expand_as(x))
    chosen = torch.stack([_least_squares(path, points) for path in x.flatten(2).unbind(1)], 1)
    return x.gather(0, chosen.reshape(*chosen.shape, *place).expand(-1, *x.shape[1:]))


def _least_squares(path: Tensor, points: int) -> Tensor:
    """Return which points of a path ``(n, D)`` go from end to end in the least squared steps."""
    square = torch.cdist(path, path).square()
    later = torch.ones_like(square, dtype=torch.bool).triu(1)
    square = square.masked_fill(~later, torch.inf)
    best, came = square[0], []  # to every point, in one step
    for _ in range(points - 2):
        best, before = (best[:, None] + square).min(0)
        came.append(before)
    chosen = [len(path) - 1]
    for before in reversed(came):
        chosen.append(int(before[chosen[-1]]))
    return torch.tensor([0, *reversed(chosen)][:points])


@torch.no_grad()
def latent_mean(model: DensityModel, x: Tensor) -> Tensor:
    """Return the example at the mean of the latents of ``x`` ``(B, *shape)``, on the CPU.

    Raises:
        RequestError: The density has no latent space.
    """
    x = checked_data(x, model.spec)
    flow = model.flow
    latents = [flow.encode(part.to(model.device))[0].sum(0) for part in x.split(500)]
    mean = flow.decode(torch.stack(latents).sum(0, keepdim=True) / len(x))[0][0].cpu()
    return model.in_range(mean)


def _pair(a: Tensor, b: Tensor, spec: DataSpec) -> tuple[Tensor, Tensor, bool]:
    """Return both ends ``(B, *shape)``, and whether each was a single example."""
    single = [tuple(np.shape(x)) == spec.shape for x in (a, b)]
    a, b = (
        checked_data(x[None] if one else x, spec, name)
        for x, one, name in zip((a, b), single, "ab", strict=True)
    )
    if len(a) != len(b):
        raise RequestError(f"there are {len(a)} examples to begin with and {len(b)} to end with")
    return a, b, all(single)
