"""Embeddings of time and class, shared by the backbones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["Condition", "TimeFeatures"]


class TimeFeatures(nn.Module):
    r"""Sinusoidal features of time.

    .. math:: \phi(t) = \bigl(\cos(\omega_i t), \sin(\omega_i t)\bigr)_i, \qquad
        \omega_i = 1000^{i / n}, \quad i = 0 \dots n

    Source: Vaswani et al. 2017 (arXiv:1706.03762), with frequencies for t in [0, 1].

    Args:
        features: Number of features, an even number.
    """

    frequencies: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        exponents = torch.linspace(0, math.log(1000), features // 2)
        self.register_buffer("frequencies", exponents.exp(), persistent=False)

    def forward(self, t: Tensor) -> Tensor:
        """Return features ``(B, features)`` of times ``(B,)``."""
        angle = t[:, None].float() * self.frequencies
        return torch.cat([angle.cos(), angle.sin()], dim=1)


class Condition(nn.Module):
    """Time, and the class where there are classes, as one vector.

    Args:
        features: Length of the vector.
        classes: Number of classes; 0 for none.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.time = nn.Sequential(
            TimeFeatures(64), nn.Linear(64, features), nn.SiLU(), nn.Linear(features, features)
        )
        self.classes = classes
        self.label = nn.Embedding(classes + 1, features) if classes else None

    def forward(self, t: Tensor, y: Tensor | None) -> Tensor:
        """Return ``(B, features)`` for times ``(B,)`` and labels ``(B,)``; -1 is "no label"."""
        h: Tensor = self.time(t)
        if self.label is None:
            return h
        none = torch.full_like(t, self.classes, dtype=torch.int64)
        label: Tensor = self.label(none if y is None else torch.where(y < 0, none, y))
        return h + label
