"""Backbones: the networks. They know neither noise nor schedules."""

from __future__ import annotations

import abc
import inspect
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from genlab.components.dataset import KINDS, DataSpec, Kind
from genlab.components.degradation import Degradation
from genlab.components.module import ModuleComponent
from genlab.errors import RequestError

__all__ = ["Backbone", "BackboneTags", "DiffusersBackbone", "FittedBackbone", "as_backbone"]


@dataclass(frozen=True)
class BackboneTags:
    """What no class can say.

    Args:
        data: The kinds of data that fit.
        mixed_precision: Whether bf16 autocast speeds it up on hardware that has it.
        replayable: Whether it launches the same kernels on a GPU for all inputs of the same shapes, so that a
            recording of them, a CUDA graph, can stand for it in training.
    """

    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image"}))
    mixed_precision: bool = False
    replayable: bool = False


class Backbone(ModuleComponent):
    """A network from ``(x, t, y)`` to the shape of ``x`` (abstract).

    The constructor takes the :class:`~genlab.DataSpec` first and its own parameters as keywords. It raises
    :class:`~genlab.RequestError` when the data does not fit.
    """

    role: ClassVar[str] = "backbone"
    tags: BackboneTags

    @property
    def takes_labels(self) -> bool:
        """Whether it looks at labels: it was built for data with classes."""
        return not isinstance(self.built_for, DataSpec) or self.built_for.classes > 0

    @abc.abstractmethod
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``x`` to a tensor of the same shape.

        Args:
            x: Data ``(B, *shape)``.
            t: Times ``(B,)`` in [0, 1].
            y: Labels ``(B,)``, -1 for "no label", or None. Only a backbone that was built with
                classes looks at them.
        """


class FittedBackbone(Backbone):
    """A backbone whose weights follow from the data at once, without gradients (abstract).

    It is told what it has to undo, sees degraded data as it is, and returns the estimate of x_0 itself.
    """

    @abc.abstractmethod
    def undo(self, degradation: Degradation, *, jitter: float) -> None:
        """Be told what is to be undone, before anything else.

        Args:
            degradation: What destroys the data.
            jitter: Deviation of the noise that degraded data is seen under.

        Raises:
            RequestError: It cannot undo that.
        """

    @abc.abstractmethod
    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Set the weights from data.

        Args:
            x: Data ``(N, *shape)``.
            y: Labels ``(N,)`` or None.
            generator: Source of randomness, on the CPU.
        """


class DiffusersBackbone(Backbone):
    """A backbone around a model of diffusers, whose runs can be handed over to it (abstract)."""

    @abc.abstractmethod
    def pipeline_model(self, label: int | None) -> Any:
        """Return a model of diffusers of its own, without classes, for pipelines of 1000 timesteps.

        Args:
            label: The class that the model is to follow; None: "no label", as -1 is.

        Returns:
            What maps ``(x, k)`` to what this backbone makes of ``x`` at the time ``(k + 1) / 1000``.

        Raises:
            RequestError: It would not be the same.
        """


class _Adapted(Backbone):
    """A module of one's own in the place of a backbone."""

    tags = BackboneTags(data=frozenset(KINDS))

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self._takes_labels = _positional(module) > 2

    @property
    def takes_labels(self) -> bool:
        """Whether the module's forward takes labels."""
        return self._takes_labels

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Call the module, with labels where it takes them."""
        out: Tensor = self.module(x, t, y) if self.takes_labels else self.module(x, t)
        return out


def as_backbone(module: nn.Module) -> Backbone:
    """Return a module as a backbone: itself where it is one, wrapped otherwise.

    Args:
        module: Its ``forward`` takes ``(x, t)`` or ``(x, t, y)`` and returns the shape of ``x``.

    Raises:
        RequestError: Its ``forward`` takes fewer arguments.
    """
    if isinstance(module, Backbone):
        return module
    if _positional(module) < 2:
        raise RequestError(
            f"the module {type(module).__name__} is no backbone: its forward takes (x, t), or (x, t, y)"
        )
    return _Adapted(module)


def _positional(module: nn.Module) -> int:
    """Return how many positional arguments the forward of a module takes."""
    count = 0
    for p in inspect.signature(module.forward).parameters.values():
        if p.kind is inspect.Parameter.VAR_POSITIONAL:
            return 3
        count += p.kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
    return count
