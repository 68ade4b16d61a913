"""A residual multilayer perceptron."""

from __future__ import annotations

import math
from typing import get_args

from pydantic import PositiveInt
from torch import Tensor, nn

from genlab import Backbone, BackboneTags, DataSpec, Kind
from genlab_plugins.backbones.embedding import Condition

__all__ = ["MLP"]


class MLP(Backbone):
    r"""A residual multilayer perceptron with sinusoidal time features.

    .. math:: h \leftarrow h + W_2 \operatorname{SiLU}(W_1 \operatorname{LN}(h) + W_c c(t, y))

    Args:
        spec: The data, of any kind: what is no vector is flattened.
        width: Features of every layer.
        depth: Number of residual blocks.
    """

    tags = BackboneTags(data=frozenset(get_args(Kind)), replayable=True)

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 256, depth: PositiveInt = 4) -> None:
        super().__init__()
        inputs = math.prod(spec.shape)
        self.condition = Condition(width, spec.classes)
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        last = nn.Linear(width, inputs)
        nn.init.zeros_(last.weight)
        self.last = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``(B, *shape)`` to the same shape."""
        c = self.condition(t, y)
        h = self.first(x.flatten(1))
        for block in self.blocks:
            h = block(h, c)
        out: Tensor = self.last(h)
        return out.reshape(x.shape)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.condition = nn.Linear(width, width, bias=False)
        self.outer = nn.Linear(width, width)

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        inner = nn.functional.silu(self.inner(self.norm(h)) + self.condition(c))
        out: Tensor = h + self.outer(inner)
        return out
