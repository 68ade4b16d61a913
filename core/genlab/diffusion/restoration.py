"""Restoring what is degraded."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.components.degradation import AdditiveDegradation, Degradation, LinearDegradation
from genlab.components.sampler import Sampler
from genlab.diffusion.checks import check_time, checked_data, checked_draw, draws
from genlab.diffusion.model import DiffusionModel, Label
from genlab.diffusion.posterior import consistent
from genlab.diffusion.restorer import jittered
from genlab.diffusion.trajectory import end_of, trajectory
from genlab.errors import RequestError
from genlab.seeds import generator_of

__all__ = ["restore", "restore_by_posterior"]


def restore(
    model: DiffusionModel,
    x_t: Tensor,
    *,
    t: float = 1.0,
    z: Tensor | None = None,
    sampler: Sampler | None = None,
    steps: int | None = None,
    label: Label | None = None,
    seed: int = 0,
) -> Tensor:
    """Restore what the model's own degradation did.

    Args:
        model: The model.
        x_t: Degraded data ``(B, *shape)``.
        t: How far it was degraded, in (0, 1].
        z: What was drawn for it, such as a mask, where the degradation draws something.
        sampler: How to walk back from t to 0; None: not at all, the restorer's own answer.
        steps: Steps of the trajectory; None: the sampler's usual.
        label: Classes to follow; None: none.
        seed: Seed of what is random.

    Returns:
        Estimates of the clean data ``(B, *shape)``, on the CPU.

    Raises:
        RequestError: A wrong time or shape, or a z that is missing.
    """
    x_t = checked_data(x_t, model.spec, "x_t")
    check_time(t)
    steps = model.steps_of(steps, sampler)
    degradation = model.restorer.degradation
    z = checked_draw(z, degradation, model.spec, len(x_t))
    explained = isinstance(degradation, AdditiveDegradation)
    if z is None and sampler is not None and not explained and draws(degradation, model.spec):
        raise RequestError(
            f"{type(degradation).__name__} draws something for each example, such as a mask: give it as z"
        )
    y = None if label is None else model.labels(len(x_t), label)
    y = None if y is None else y.to(model.device)
    x_t, z = x_t.to(model.device), None if z is None else z.to(model.device)
    generator = generator_of(seed, "restoring", device=model.device)
    if sampler is None:
        times = torch.full((len(x_t),), t, device=model.device)
        with torch.no_grad():
            seen = jittered(x_t, model.restorer.jitter, generator)
            return model.estimates(y)(seen, times).cpu()
    walked = model.trajectory_from(
        x_t, z, generator=generator, start=t, steps=steps, sampler=sampler, y=y
    )
    return model.in_range(end_of(walked).cpu())


def restore_by_posterior(
    model: DiffusionModel,
    x_t: Tensor,
    degradation: Degradation,
    *,
    t: float = 1.0,
    z: Tensor | None = None,
    sampler: Sampler | None = None,
    steps: int | None = None,
    label: Label | None = None,
    seed: int = 0,
) -> Tensor:
    """Restore what another, linear degradation did, with a Gaussian model as the prior of clean data.

    The model walks back from its own prior, and every estimate on the way is made consistent with what is
    known (:func:`genlab.diffusion.posterior.consistent`): one model restores what every linear degradation
    did.

    Args:
        model: A model of a Gaussian degradation.
        x_t: Degraded data ``(B, *shape)``.
        degradation: What degraded it: a :class:`~genlab.LinearDegradation`.
        t: How far it was degraded, in (0, 1].
        z: What was drawn for it, where the degradation draws something.
        sampler: How to walk back; None: the model's own sampler.
        steps: Steps of the trajectory; None: those of the model, or the sampler's usual.
        label: Classes to follow; None: none.
        seed: Seed of what is random.

    Returns:
        Estimates of the clean data ``(B, *shape)``, on the CPU.

    Raises:
        RequestError: A wrong time or shape, a z that is missing, a degradation that is not linear, or a model
            whose degradation leaves something at t = 1.
    """
    x_t = checked_data(x_t, model.spec, "x_t")
    check_time(t)
    steps = model.steps_of(steps, sampler)
    if not isinstance(degradation, LinearDegradation):
        raise RequestError(
            f"{degradation!r} is no LinearDegradation: posterior sampling restores what linear ones did"
        )
    if model.prior.density is not None:
        raise RequestError(
            f"posterior sampling walks back from noise alone, and {model.restorer.degradation!r} leaves "
            f"something of the data: take a run of a Gaussian degradation"
        )
    z = checked_draw(z, degradation, model.spec, len(x_t))
    if z is None and draws(degradation, model.spec):
        raise RequestError(
            f"{type(degradation).__name__} draws something for each example, such as a mask: give it as z"
        )
    y = None if label is None else model.labels(len(x_t), label)
    y = None if y is None else y.to(model.device)
    x_t, z = x_t.to(model.device), None if z is None else z.to(model.device)
    generator = generator_of(seed, "samples", device=model.device)
    x_1, own = model.prior.sample(len(x_t), y, generator=generator)
    estimates = consistent(model.estimates(y), degradation, x_t, t, z)
    walked = trajectory(
        estimates, sampler or model.sampler, x_1, z=own, steps=steps,
        generator=generator, jitter=model.restorer.jitter,
    )  # fmt: skip
    return model.in_range(end_of(walked).cpu())
