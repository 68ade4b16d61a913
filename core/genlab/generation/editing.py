"""Working on given data: restoring what is degraded, and ways between two examples."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from genlab.errors import RequestError
from genlab.generation.interpolation import Way, between
from genlab.generation.model import DensityModel, DiffusionModel, end_of, in_range
from genlab.protocols import DataSpec, Degradation, Flow, Sampler
from genlab.restorer import jittered

__all__ = ["check_time", "decoded_mean", "mixed_latents", "mixed_states", "restored"]


def restored(
    model: DiffusionModel,
    x_t: Tensor,
    *,
    t: float,
    z: Tensor | None,
    sampler: Sampler | None,
    steps: int,
    seed: int,
    y: Tensor | None = None,
) -> Tensor:
    """Restore degraded data; see :meth:`genlab.Run.restore`.

    Args:
        model: The model.
        x_t: Degraded data ``(B, *shape)``.
        t: How far it was degraded, in (0, 1].
        z: What was drawn for it, where the degradation draws something.
        sampler: How to walk back; None: not at all, the restorer's own answer.
        steps: Steps of the walk.
        seed: Seed of what is random.
        y: Labels to follow, or None.
    """
    _check(x_t, model.spec)
    check_time(t)
    degradation = model.restorer.degradation
    if z is None and sampler is not None and _needs_draw(degradation, model.spec):
        raise RequestError(
            f"{type(degradation).__name__} draws something for each example, such as a mask: give it as z"
        )
    y = None if y is None else y.to(model.device)
    x_t, z = x_t.to(model.device), None if z is None else z.to(model.device)
    generator = torch.Generator(model.device).manual_seed(seed)
    if sampler is None:
        times = torch.full((len(x_t),), t, device=model.device)
        with torch.no_grad():
            return model.estimates(y)(jittered(x_t, model.jitter, generator), times).cpu()
    walked = model.walk_from(
        x_t, z, generator=generator, start=t, steps=steps, sampler=sampler, y=y
    )
    return end_of(walked, model.spec)


def mixed_states(
    model: DiffusionModel,
    a: Tensor,
    b: Tensor,
    *,
    points: int,
    way: Way,
    t: float,
    sampler: Sampler,
    steps: int,
    seed: int,
) -> Tensor:
    """Mix two degraded states and walk back from every point; see :meth:`genlab.Run.interpolate`.

    Where noise is added, the two states get noise of their own; where something else is drawn, such as a
    mask, both share it.

    Args:
        model: The model.
        a: Where the ways begin, ``(B, *shape)``.
        b: Where they end, ``(B, *shape)``.
        points: Points of a way.
        way: ``"linear"`` or ``"slerp"``.
        t: How far both are degraded, in (0, 1].
        sampler: How to walk back.
        steps: Steps of a walk.
        seed: Seed of the noise, and of the walks, which all share theirs.

    Returns:
        ``(points, B, *shape)`` on the CPU.
    """
    _check_pair(a, b, model.spec)
    check_time(t)
    degradation = model.restorer.degradation
    a, b = a.to(model.device), b.to(model.device)
    generator = torch.Generator(model.device).manual_seed(seed)
    z = degradation.draw(a, generator=generator)
    z_b = degradation.draw(b, generator=generator) if degradation.tags.additive else z
    times = torch.full((len(a),), t, device=model.device)
    states = between(
        degradation.degrade(a, times, z), degradation.degrade(b, times, z_b), points, way
    )
    known = None if degradation.tags.additive else z
    walks = (
        model.walk_from(
            x_t, known, generator=torch.Generator(model.device).manual_seed(seed + 1), start=t,
            steps=steps, sampler=sampler,
        )
        for x_t in states
    )  # fmt: skip
    return torch.stack([end_of(walk, model.spec) for walk in walks])


@torch.no_grad()
def mixed_latents(model: DensityModel, a: Tensor, b: Tensor, *, points: int, way: Way) -> Tensor:
    """Mix the latents of a flow; see :meth:`genlab.Run.interpolate`.

    Args:
        model: The model.
        a: Where the ways begin, ``(B, *shape)``.
        b: Where they end, ``(B, *shape)``.
        points: Points of a way.
        way: ``"linear"`` or ``"slerp"``.

    Returns:
        ``(points, B, *shape)`` on the CPU.

    Raises:
        RequestError: The density has no latent space.
    """
    _check_pair(a, b, model.spec)
    flow = _flow_of(model)
    latents = between(
        flow.encode(a.to(model.device))[0], flow.encode(b.to(model.device))[0], points, way
    )
    x = torch.stack([flow.decode(z)[0].cpu() for z in latents])
    return in_range(x, model.spec)


@torch.no_grad()
def decoded_mean(model: DensityModel, x: Tensor) -> Tensor:
    """Return the example at the mean of the latents of ``x`` ``(B, *shape)``, on the CPU.

    Raises:
        RequestError: The density has no latent space.
    """
    _check(x, model.spec)
    flow = _flow_of(model)
    latents = [flow.encode(part.to(model.device))[0].sum(0) for part in x.split(500)]
    mean = flow.decode(torch.stack(latents).sum(0, keepdim=True) / len(x))[0][0].cpu()
    return in_range(mean, model.spec)


def _flow_of(model: DensityModel) -> Flow:
    if not model.density.tags.flow:
        raise RequestError(f"{type(model.density).__name__} is no flow and has no latent space")
    return cast(Flow, model.density)


def _needs_draw(degradation: Degradation, spec: DataSpec) -> bool:
    if degradation.tags.additive:
        return False
    probe = torch.zeros(1, *spec.shape)
    return degradation.draw(probe, generator=torch.Generator().manual_seed(0)) is not None


def _check(x: Tensor, spec: DataSpec) -> None:
    if x.shape[1:] != spec.shape:
        raise RequestError(f"the data has the shape {tuple(x.shape[1:])}, the model's {spec.shape}")


def _check_pair(a: Tensor, b: Tensor, spec: DataSpec) -> None:
    for x in (a, b):
        _check(x, spec)
    if len(a) != len(b):
        raise RequestError(f"there are {len(a)} beginnings and {len(b)} ends")


def check_time(t: float) -> None:
    """Check a time of degraded data.

    Raises:
        RequestError: It is not in (0, 1].
    """
    if not 0 < t <= 1:
        raise RequestError(f"t = {t}: a time of degraded data is in (0, 1]")
