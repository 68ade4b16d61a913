"""Components that are networks."""

from __future__ import annotations

from torch import nn

from genlab.components.component import Component

__all__ = ["ModuleComponent"]


class ModuleComponent(nn.Module, Component):
    """A component with weights (abstract): it knows its parameters, and is equal to itself alone."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__
