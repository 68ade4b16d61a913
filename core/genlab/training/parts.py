r"""The gradient of a batch, computed part by part: by several processes, and by each in several pieces.

What is random is drawn for the whole batch in every process, from generators in the same state, and each
process keeps the rows of its examples. So the loss is that of one process that computes the batch at once,

.. math:: L = \sum_k \frac{b_k}{B} L_k

with the mean losses :math:`L_k` of parts of :math:`b_k` of the B examples, whatever their sizes; PyTorch's
:class:`~torch.nn.parallel.DistributedDataParallel` adds up the gradients of the processes while they are
computed.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager as Context
from contextlib import nullcontext
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from genlab.components.dataset import Examples
from genlab.components.objective import MeanObjective, Network, Objective
from genlab.errors import RequestError
from genlab.processes import Group
from genlab.training.settings import TrainingSettings

__all__ = ["Parts", "distributed", "mean_of_parts"]


def mean_of_parts(
    objective: Objective, settings: TrainingSettings, size: int
) -> MeanObjective | None:
    """Return an objective as one whose batches are computed part by part; None where they are not.

    Args:
        objective: The objective.
        settings: Of the training.
        size: How many processes there are.

    Raises:
        RequestError: Its loss is no mean over examples, or there are more parts than examples.
    """
    pieces, batch, name = settings.accumulate, settings.batch, type(objective).__name__
    cut = [f"{size} processes"] * (size > 1) + [f"training.accumulate = {pieces}"] * (pieces > 1)
    if not cut:
        return None
    if pieces * size > batch:
        raise RequestError(
            f"training.batch = {batch}: {' and '.join(cut)} cut it into {pieces * size} parts, each of an "
            f"example at least: give training.batch = {pieces * size} or more"
        )
    if not isinstance(objective, MeanObjective):
        raise RequestError(
            f"{' and '.join(cut)}: the objective {name} computes a batch at once; a genlab.MeanObjective, "
            f"with draw() and mean_loss(), is computed in parts"
        )
    if type(objective).__call__ is not MeanObjective.__call__:
        raise RequestError(
            f"{' and '.join(cut)}: the objective {name} has a __call__ of its own, which computes a batch at "
            f"once: override draw() and mean_loss()"
        )
    return objective


def distributed(
    objective: Objective, examples: Examples, device: torch.device
) -> DistributedDataParallel:
    """Wrap the module of an objective for several processes: all begin with the weights of the first.

    Buffers that a module changes as it trains, such as the statistics of a batch normalisation, are those of
    the first process in all of them.

    Args:
        objective: The objective.
        examples: The training split.
        device: Where it is trained.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # what a network says of two examples, it says in training, too
        some_unused = _leaves_weights_alone(objective, examples, device)
    return DistributedDataParallel(
        objective.module,
        device_ids=None if device.type == "cpu" else [device],
        find_unused_parameters=some_unused,
    )


def _leaves_weights_alone(objective: Objective, examples: Examples, device: torch.device) -> bool:
    """Say whether the loss does not depend on some weights, which PyTorch then has to look for."""
    x, y = examples.first(2)
    module = objective.module.eval()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        loss = objective(
            module, x.to(device), None if y is None else y.to(device),
            generator=torch.Generator(device).manual_seed(0),
        )  # fmt: skip
        loss.backward()
    found = any(p.grad is None for p in module.parameters() if p.requires_grad)
    module.zero_grad(set_to_none=True)
    return found


class Parts:
    """Computes the gradient of a batch part by part.

    Args:
        objective: What is minimised.
        network: What the objective calls.
        wrapped: The module as it is wrapped for several processes; None: there is one.
        pieces: Pieces that each process computes its examples in, one after the other.
        group: The processes; None: there is one.
    """

    def __init__(
        self,
        objective: MeanObjective,
        network: Network,
        wrapped: DistributedDataParallel | None,
        *,
        pieces: int,
        group: Group | None,
    ) -> None:
        self.objective, self.network, self.wrapped = objective, network, wrapped
        self.pieces, self.group = pieces, group

    def backward(self, x: Tensor, y: Tensor | None, *, generator: torch.Generator) -> Tensor:
        """Add the gradient of a batch's loss to that of the weights.

        Args:
            x: The whole batch ``(B, *shape)``.
            y: Its labels ``(B,)``, or None.
            generator: Source of randomness, in the same state in all processes.

        Returns:
            What this process adds to the loss of the batch.
        """
        drawn = self.objective.draw(x, y, generator=generator)
        size = 1 if self.group is None else self.group.size
        share = torch.zeros((), device=x.device)
        for piece, rows in enumerate(self._rows(len(x))):
            with nullcontext() if self.group is None else self.group.told(), self._apart(piece):
                loss = self.objective.mean_loss(
                    self.network, x[rows], None if y is None else y[rows],
                    [None if each is None else each[rows] for each in drawn],
                )  # fmt: skip
                loss = loss * ((rows.stop - rows.start) / len(x))
                (loss * size).backward()  # the gradients of all processes are averaged
            share += loss.detach()
        return share

    def _rows(self, n: int) -> list[slice]:
        """Return the rows of this process's pieces."""
        own = slice(0, n) if self.group is None else self.group.own(n)
        count = own.stop - own.start
        ends = [own.start + piece * count // self.pieces for piece in range(self.pieces + 1)]
        return [slice(*between) for between in pairwise(ends)]

    def _apart(self, piece: int) -> Context[None]:
        """Return what keeps the gradients of all pieces but the last in this process."""
        if self.wrapped is None or piece == self.pieces - 1:
            return nullcontext()
        return self.wrapped.no_sync()
