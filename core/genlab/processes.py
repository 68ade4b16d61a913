"""The processes of one run: how they find each other, and how they agree.

All of them compute the steps of the training and draw samples; the first one does all the rest, and tells the
others what is to be done. They talk by :mod:`torch.distributed`: gloo between CPUs, NCCL between GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager as Context
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from genlab.errors import GenlabError, RequestError, RunError, brief, raised
from genlab.place import Place, place

__all__ = ["EndedError", "Group", "joined", "together"]

# The others wait while the first one measures and draws; that of a process that has ended is noticed at once.
_PATIENCE = timedelta(days=30)


class EndedError(RunError):
    """Another process of the run has ended."""


class Group:
    """The processes of a run, as one of them sees them.

    Every method that moves something is called by all of them, in the same order.

    Args:
        here: The place of this process.
        asked: Says whether somebody has asked this process to stop.
    """

    def __init__(self, here: Place, asked: Callable[[], bool] = lambda: False) -> None:
        self.rank, self.size, self.local = here.rank, here.size, here.local
        self.asked = asked

    def device(self, device: torch.device) -> torch.device:
        """Return the device of this process: of several of a kind, one for each process of a machine.

        Raises:
            RequestError: There are too few of them, or processes cannot share this kind.
        """
        if device.type == "cpu":
            return device
        if device.type != "cuda":
            raise RequestError(
                f"{self.size} processes compute on CUDA devices or on the CPU: --device cpu"
            )
        count = torch.cuda.device_count()
        if self.local >= count:
            raise RequestError(
                f"there are more processes on this machine than CUDA devices ({count}): start as many, or "
                f"give --device cpu"
            )
        return torch.device("cuda", self.local)

    def own(self, n: int) -> slice:
        """Return which of ``n`` rows are this process's; no two processes differ by more than one row."""
        return slice(*_bounds(n, self.rank, self.size))

    def share(self, thing: Any = None) -> Any:
        """Return in all processes what the first one gives."""
        box = [thing]
        with self.told():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, thing: Any) -> list[Any]:
        """Return what all processes give, in their order; an empty list in all but the first."""
        found: list[Any] | None = [None] * self.size if self.rank == 0 else None
        with self.told():
            dist.gather_object(thing, found, dst=0)
        return found or []

    def add(self, numbers: Tensor) -> Tensor:
        """Return the sum of the numbers of all processes."""
        with self.told():
            dist.all_reduce(numbers)
        return numbers

    def whole(self, rows: Tensor, n: int) -> Tensor:
        """Return all of ``n`` rows, of which each process has its :meth:`own`."""
        bounds = [_bounds(n, rank, self.size) for rank in range(self.size)]
        most = max(end - start for start, end in bounds)
        padded = rows.new_zeros(most, *rows.shape[1:])
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in bounds]
        with self.told():
            dist.all_gather(found, padded)
        return torch.cat(
            [part[: end - start] for part, (start, end) in zip(found, bounds, strict=True)]
        )

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """Do something in every process; where one of them fails, all do.

        Raises:
            GenlabError: It has failed here, or elsewhere.
        """
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            failed = error
        told: list[Any] = [None] * self.size
        with self.told():
            dist.all_gather_object(told, _described(failed))
        if failed is not None:
            raise failed
        for rank, one in enumerate(told):
            if one is not None:
                kind, words = one
                raise kind(f"process {rank}: {words}")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Word what PyTorch raises where another process has ended.

        Raises:
            EndedError: One has.
        """
        try:
            yield
        except RuntimeError as error:
            words = str(error).lower()
            if isinstance(error, GenlabError) or not any(
                word in words for word in ("gloo", "nccl", "connection", "socket", "process group")
            ):
                raise
            raise EndedError("another process of the run has ended") from error


def together(group: Group | None) -> Context[None]:
    """Return what makes a piece of work fail in all processes where it fails in one."""
    return nullcontext() if group is None else group.agreed()


@contextmanager
def joined(asked: Callable[[], bool] = lambda: False) -> Iterator[Group | None]:
    """Join the other processes of a run, where the environment says that there are any.

    The processes stay joined for what they do next; an error parts them, which ends the others, too.

    Args:
        asked: Says whether somebody has asked this process to stop.

    Yields:
        The processes, or None where there is one alone.

    Raises:
        RequestError: The environment does not tell where the others are, or they are not there.
    """
    here = place()
    if here.size == 1:
        yield None
        return
    if not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            dist.init_process_group(backend, timeout=_PATIENCE)
        except (RuntimeError, ValueError) as error:
            raise RequestError(
                f"the {here.size} processes cannot join: {brief(error, 200)}"
            ) from None
    try:
        yield Group(here, asked)
    except BaseException:
        dist.destroy_process_group()
        raise


def _bounds(n: int, rank: int, size: int) -> tuple[int, int]:
    return rank * n // size, (rank + 1) * n // size


def _described(error: Exception | None) -> tuple[type[GenlabError], str] | None:
    """Return an error as it is sent to others; theirs is of genlab's kinds."""
    if error is None:
        return None
    return (RequestError if isinstance(error, RequestError) else RunError), raised(error)
