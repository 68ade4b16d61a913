"""What the first process of a run calls the others for: steps of the training, and drawing samples.

It carries the run out, alone with its folder; what the others need, they are sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genlab.diffusion import DensityModel, DiffusionModel, Model
from genlab.diffusion.model import Advance
from genlab.processes import Group
from genlab.training import Checkpoint

__all__ = ["Samples", "Steps", "drawn", "modules_of"]


@dataclass(frozen=True)
class Steps:
    """A call for steps of the training.

    Args:
        until: The share of the budget that they end at.
        state: What the training goes back to first; None: it goes on.
    """

    until: float
    state: Checkpoint | None = None


@dataclass(frozen=True)
class Samples:
    """A call for samples.

    Args:
        states: The weights of the model's modules.
        n: How many.
        seed: Their seed.
        steps: Steps of a trajectory; None: the model's own.
    """

    states: Sequence[Mapping[str, Tensor]]
    n: int
    seed: int
    steps: int | None

    def own(self, model: Model, group: Group, advance: Advance | None = None) -> Tensor:
        """Draw the batches of this process: every one of so many as there are processes."""
        batches = slice(group.rank, None, group.size)
        return model.sample(
            self.n, seed=self.seed, steps=self.steps, batches=batches, advance=advance
        )


def drawn(
    model: Model,
    n: int,
    *,
    group: Group | None,
    seed: int,
    steps: int | None = None,
    advance: Advance | None = None,
) -> Tensor:
    """Draw samples, batch by batch in all processes of a run; they are those of one process.

    Args:
        model: The model.
        n: How many.
        group: The processes; None: there is one.
        seed: The same seed gives the same samples.
        steps: Steps of a trajectory; None: the model's own.
        advance: Is called with the number of samples drawn so far.

    Returns:
        Samples ``(n, *shape)`` on the CPU.
    """
    if group is None:
        return model.sample(n, seed=seed, steps=steps, advance=advance)
    states = [
        {key: value.cpu() for key, value in module.state_dict().items()}
        for module in modules_of(model)
    ]
    call = Samples(states, n, seed, steps)
    group.share(call)
    found = group.gather(call.own(model, group, advance))
    batches = [iter(x.split(model.batch)) for x in found]
    return torch.cat([next(batches[i % group.size]) for i in range(math.ceil(n / model.batch))])


def modules_of(model: Model) -> list[nn.Module]:
    """Return the modules of a model that have weights."""
    if isinstance(model, DiffusionModel):
        prior = model.prior.density
        return [model.restorer.backbone] + ([] if prior is None else [prior])
    assert isinstance(model, DensityModel)
    return [model.density]
