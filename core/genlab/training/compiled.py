"""PyTorch's compiler in training: where it pays, and what happens where it fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from genlab.training.settings import Budget

__all__ = ["Compiled", "is_compiled"]

_REPAID = {"steps": 20_000, "minutes": 5.0}  # compiling takes some 15 s


def is_compiled(
    asked: Literal["auto", "on", "off"], budget: Budget, shape: tuple[int, ...], gains: bool
) -> bool:
    """Say whether a network is compiled for training.

    Args:
        asked: What the settings of the training say.
        budget: How long the training is, in steps or minutes.
        shape: Shape of one example.
        gains: Whether the network's class says that the compiler makes it faster for vectors.
    """
    if asked == "auto":
        return gains and len(shape) == 1 and budget.total >= _REPAID[budget.unit]
    return asked == "on"


class Compiled:
    """A network that is compiled at its first call, and called as it is where that fails.

    Args:
        network: A module, or what calls one.
    """

    def __init__(self, network: Callable[..., Tensor]) -> None:
        self._plain = network
        self._called: Callable[..., Tensor] | None = None

    def __call__(self, *inputs: Any) -> Tensor:
        """Return what the network returns."""
        if self._called is None:
            return self._first(*inputs)
        return self._called(*inputs)

    def _first(self, *inputs: Any) -> Tensor:
        """Compile, and fall back to the plain network, with a warning, where that raises."""
        try:
            compiled = torch.compile(self._plain)
            output = compiled(*inputs)
        except Exception as error:  # of the compiler, or of the network, which then raises again
            self._called = self._plain
            output = self._plain(*inputs)
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            warnings.warn(f"training goes on without torch.compile: {reason}", stacklevel=2)
            return output
        self._called = compiled
        return output
