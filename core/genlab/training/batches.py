"""The batches of a training, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from genlab.components.dataset import Examples, LazyImages
from genlab.processes import Group
from genlab.training.order import Order

__all__ = ["Batch", "Batches", "moved"]

Batch = tuple[Tensor, Tensor | None]
"""Examples in the data convention ``(B, *shape)``, and their labels ``(B,)`` or None."""


class Batches:
    """Gives the batch of every step from one on; lazy examples are decoded ahead.

    Of several processes, each decodes its share of the lazy examples of a batch, and has them all.

    Args:
        examples: The training split; lazy, or on the device.
        order: Which examples are those of a step.
        device: Where the batches are needed.
        group: The processes; None: there is one.
    """

    def __init__(
        self, examples: Examples, order: Order, device: torch.device, group: Group | None
    ) -> None:
        self.examples, self.order, self.device, self.group = examples, order, device, group

    @contextmanager
    def beginning(self, step: int) -> Iterator[Iterator[Batch]]:
        """Give the batches from a step on, counted from 0."""
        if not self.examples.lazy:
            yield self._resident(step)
            return
        ahead = self.examples.x.ahead if isinstance(self.examples.x, LazyImages) else 1
        with ThreadPoolExecutor(ahead) as pool:
            yield self._ahead(pool, step, ahead)

    def _resident(self, step: int) -> Iterator[Batch]:
        while True:
            yield self.examples.take(moved(self.order.indices(step), self.examples.device))
            step += 1

    def _ahead(self, pool: ThreadPoolExecutor, step: int, ahead: int) -> Iterator[Batch]:
        coming = deque[Future[Batch]]()
        while True:
            while len(coming) <= ahead:
                coming.append(pool.submit(self.examples.take, self._indices(step)))
                step += 1
            x, y = coming.popleft().result()
            yield self._whole(x), None if y is None else self._whole(y)

    def _indices(self, step: int) -> Tensor:
        indices = self.order.indices(step)
        return indices if self.group is None else indices[self.group.own(len(indices))]

    def _whole(self, rows: Tensor) -> Tensor:
        rows = moved(rows, self.device)
        return rows if self.group is None else self.group.whole(rows, self.order.batch)


def moved(x: Tensor, device: torch.device) -> Tensor:
    """Move to a device; a CUDA device copies from pinned memory by itself, and is not waited for."""
    if device.type != "cuda" or x.is_cuda:
        return x.to(device)
    return x.pin_memory().to(device, non_blocking=True)
