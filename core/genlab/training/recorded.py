"""CUDA graphs: what a function launches on a GPU is recorded once, and replayed from then on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Recorded"]

_BEFORE = 3  # calls before the recording, in which PyTorch's libraries make what they keep

Function = Callable[..., Sequence[Tensor]]
"""Takes tensors, or None, and returns tensors."""


class Recorded:
    """A function on a CUDA device that is recorded at its fourth call, and replayed from then on.

    A small network's kernels are over sooner than they can be launched one by one; of a recording all are
    launched at once. A recording is of kernels alone: the function may change tensors in their place, and
    must launch the same kernels each time for inputs of the same shapes. Inputs of other shapes are computed
    as if there were no recording, and so is everything if the function cannot be recorded, of which a warning
    tells: one that waits for the device, as ``.item()`` and ``.cpu()`` do, is such a function.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.

    Args:
        function: Takes tensors, or None, and returns tensors.
        device: The CUDA device.
    """

    def __init__(self, function: Function, device: torch.device) -> None:
        self._function = function
        self._stream = torch.cuda.Stream(device)
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._given: list[Tensor | None] = []
        self._found: Sequence[Tensor] = ()

    def __call__(self, *inputs: Tensor | None) -> list[Tensor]:
        """Return what the function returns, in tensors that the next call does not change."""
        self._calls += 1
        if self._calls == _BEFORE + 1:
            self._record(inputs)
        if self._graph is None or not self._fits(inputs):
            return self._computed(inputs)
        for own, given in zip(self._given, inputs, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        self._graph.replay()
        return [found.clone() for found in self._found]

    def _computed(self, inputs: Sequence[Tensor | None]) -> list[Tensor]:
        """Compute on the stream that is recorded: what autograd keeps belongs to a stream."""
        ours = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(ours)
        with torch.cuda.stream(self._stream):
            found = list(self._function(*inputs))
        ours.wait_stream(self._stream)
        for x in (*inputs, *found):
            if x is not None:
                x.record_stream(self._stream)
        return found

    def _record(self, inputs: Sequence[Tensor | None]) -> None:
        given = [None if x is None else x.clone() for x in inputs]
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                found = self._function(*given)
        except Exception as error:  # of the function, or of the end of a recording that it broke
            cause = error.__context__ or error
            reason = str(cause).strip().partition("\n")[0] or type(cause).__name__
            warnings.warn(f"training goes on without CUDA graphs: {reason}", stacklevel=3)
            return
        self._graph, self._given, self._found = graph, given, found

    def _fits(self, inputs: Sequence[Tensor | None]) -> bool:
        return [_kind(x) for x in inputs] == [_kind(x) for x in self._given]


def _kind(x: Tensor | None) -> tuple[torch.Size, torch.dtype] | None:
    return None if x is None else (x.shape, x.dtype)
