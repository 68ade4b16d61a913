"""Checks of what is asked of a model, before any work: the same for Python and for the command line."""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.degradation import Degradation
from genlab.components.sampler import Sampler
from genlab.errors import RequestError

__all__ = ["check_time", "checked_count", "checked_data", "checked_draw", "checked_guidance",
           "checked_sampler", "checked_temperature", "draws"]  # fmt: skip


def checked_count(name: str, value: Any, why: str) -> int:
    """Return a count.

    Args:
        name: What is counted.
        value: What was given.
        why: What the message says where it is no whole number from 1 on.

    Raises:
        RequestError: It is none.
    """
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise RequestError(f"{name} = {value!r}: {why}")
    return count


def check_time(t: Any, what: str = "a time of degraded data is in (0, 1]") -> None:
    """Check a time of degraded data.

    Raises:
        RequestError: It is no number in (0, 1].
    """
    if not _is_number(t) or not 0 < t <= 1:
        raise RequestError(f"t = {t!r}: {what}")


def checked_guidance(guidance: Any) -> float:
    """Return a scale of guidance.

    Raises:
        RequestError: It is no finite number of at least 0.
    """
    if not _is_number(guidance) or not (math.isfinite(guidance) and guidance >= 0):
        raise RequestError(f"guidance = {guidance!r}: it is a finite number of at least 0")
    return float(guidance)


def checked_temperature(temperature: Any) -> float:
    """Return a factor of noise.

    Raises:
        RequestError: It is no finite number above 0.
    """
    if not _is_number(temperature) or not (math.isfinite(temperature) and temperature > 0):
        raise RequestError(f"temperature = {temperature!r}: it is a finite number above 0")
    return float(temperature)


def checked_sampler(sampler: Any) -> Sampler | None:
    """Return a sampler, or None where none was given.

    Raises:
        RequestError: It is something else.
    """
    if sampler is None or isinstance(sampler, Sampler):
        return sampler
    raise RequestError(
        f"sampler = {sampler!r}: it is an object of a class of samplers, as in Cold()"
    )


def checked_data(x: Any, spec: DataSpec, name: str = "x") -> Tensor:
    """Return data in the convention of a model, float32 ``(B, *shape)``.

    Args:
        x: What was given: a tensor or an array of floats.
        spec: What the model's data is.
        name: What it is called.

    Raises:
        RequestError: It is no tensor of floats, has another shape, or has no example.
    """
    if not isinstance(x, Tensor | np.ndarray):
        raise RequestError(
            f"{name} is {type(x).__name__}, and should be a tensor (B, *{spec.shape})"
        )
    found = torch.as_tensor(x)
    if tuple(found.shape) == spec.shape:
        raise RequestError(
            f"the data has the shape {spec.shape}, which is that of one example of the model's: give a "
            f"batch, as in {name}[None]"
        )
    if tuple(found.shape[1:]) != spec.shape:
        given = tuple(found.shape[1:]) if found.ndim == len(spec.shape) + 1 else tuple(found.shape)
        raise RequestError(f"the data has the shape {given}, the model's {spec.shape}")
    if not found.is_floating_point():
        raise RequestError(
            f"{name} is {str(found.dtype).removeprefix('torch.')}: give floats in the convention of the "
            f"data{', in [-1, 1]' if spec.bounded else ''}"
        )
    if not len(found):
        raise RequestError(f"{name} has no example")
    return found.float()


def checked_draw(
    z: Tensor | None, degradation: Degradation, spec: DataSpec, n: int
) -> Tensor | None:
    """Return what was drawn for ``n`` examples.

    Raises:
        RequestError: It is not of the shape that the degradation draws.
    """
    if z is None:
        return None
    drawn = draws(degradation, spec)
    wanted = None if drawn is None else (n, *drawn)
    found = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
    if found != wanted:
        raise RequestError(
            f"z is {found}, and {type(degradation).__name__} draws "
            f"{'nothing' if wanted is None else f'{wanted} for {n} examples'}"
        )
    return z


def draws(degradation: Degradation, spec: DataSpec) -> tuple[int, ...] | None:
    """Return the shape of what a degradation draws for one example, or None where it draws nothing."""
    generator = torch.Generator().manual_seed(0)
    drawn = degradation.draw(torch.zeros(1, *spec.shape), generator=generator)
    return None if drawn is None else tuple(drawn.shape[1:])


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
