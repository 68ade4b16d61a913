"""Backbones: the networks. They know neither noise nor schedules."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

from torch import Tensor, nn

from genlab.protocols.dataset import Kind

__all__ = ["Backbone", "BackboneTags"]


@dataclass(frozen=True)
class BackboneTags:
    """What may be relied upon.

    Args:
        data: The kinds of data that fit.
        mixed_precision: Whether bf16 autocast speeds it up on hardware that has it.
    """

    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image"}))
    mixed_precision: bool = False


class Backbone(nn.Module, abc.ABC):
    """A network from ``(x, t, y)`` to the shape of ``x`` (abstract).

    The constructor takes the :class:`~genlab.protocols.DataSpec` first and its own parameters as
    keywords. It raises :class:`~genlab.errors.RequestError` when the data does not fit.
    """

    tags: BackboneTags

    @abc.abstractmethod
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``x`` to a tensor of the same shape.

        Args:
            x: Data ``(B, *shape)``.
            t: Times ``(B,)`` in [0, 1].
            y: Labels ``(B,)``, -1 for "no label", or None. Only a backbone that was built with
                classes looks at them.
        """
