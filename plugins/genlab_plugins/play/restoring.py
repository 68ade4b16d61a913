"""What an example becomes when it is degraded, and what a model makes of that."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab import AdditiveDegradation, Degradation, RequestError, Run, registry, sub_seed

__all__ = ["Restored", "fitting_samplers", "restored"]


@dataclass(frozen=True)
class Restored:
    """An example, what was left of it, and what a model makes of that.

    Args:
        x_0: The example ``(*shape)``.
        x_t: What was left.
        restored: What the model makes of it.
    """

    x_0: Tensor
    x_t: Tensor
    restored: Tensor


def fitting_samplers(degradation: Degradation) -> list[str]:
    """Return the names of the samplers that walk a degradation back."""
    found = []
    for name in registry("sampler").names():
        try:
            requires = registry("sampler").get(name).requires
        except RequestError:  # a foreign one that cannot be imported
            continue
        if isinstance(degradation, requires):
            found.append(name)
    return found


def restored(
    run: Run,
    x_0: Tensor,
    *,
    t: float,
    method: str = "direct",
    steps: int | None = None,
    seed: int = 0,
) -> Restored:
    """Degrade an example and restore it.

    Args:
        run: The run.
        x_0: The example ``(*shape)``.
        t: How far it is degraded, in [0, 1]; at 0 nothing happens.
        method: ``"direct"`` for the restorer's own answer, or the name of a sampler.
        steps: Steps of the sampler; None: as many as it usually takes.
        seed: Seed of what is drawn.
    """
    if t <= 0:
        return Restored(x_0, x_0, x_0)
    degradation, x = run.degradation, x_0[None]
    z = degradation.draw(x, generator=torch.Generator().manual_seed(sub_seed(seed, "play")))
    x_t = degradation.degrade(x, torch.full((1,), t), z)
    known = (
        None if isinstance(degradation, AdditiveDegradation) else z
    )  # noise is what is looked for
    found = run.restore(x_t, t=t, z=known, method=method, steps=steps, seed=seed)
    return Restored(x_0, x_t[0], found[0])
