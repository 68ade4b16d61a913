"""Progressive generation: what a model believes while it walks back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError, unknown
from genlab.figures.panels import columns_room, image_strip, scatter_strip, spread, time_labels
from genlab.figures.style import style
from genlab.protocols import DataSpec

__all__ = ["Walk", "progressive"]

Walk = Sequence[tuple[float, Tensor, Tensor]]
"""States ``(t, x_t, x_0 estimate)`` of a reverse process, from t = 1 to t = 0."""

_SIDES = {"x_0": r"$\hat{x}_0$", "x_t": "$x_t$"}


@style()
def progressive(
    walk: Walk,
    spec: DataSpec,
    *,
    show: Literal["x_0", "x_t"] = "x_0",
    columns: int = 11,
    rows: int = 8,
) -> Figure:
    """Show samples along the reverse process, from left to right; the last column is the result.

    Images make a strip: one row per sample, one column per time. Vectors make one scatter plot per
    time.

    Source: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), fig. 6.

    Args:
        walk: The states ``(t, x_t, x_0 estimate)`` in walk order, tensors of shape ``(B, *shape)``.
        spec: What the data is.
        show: ``"x_0"`` for the estimates of the clean data, ``"x_t"`` for the states themselves. At
            t = 0, where both should agree, it is the state: what the walk returns.
        columns: How many states are shown, evenly spread, the first and the last among them.
        rows: How many samples are shown at most; vectors are all shown.
    """
    if show not in _SIDES:
        raise unknown("state of a walk", show, _SIDES)
    if not walk:
        raise RequestError("the walk is empty: there is no reverse process to show")
    chosen = [walk[i] for i in spread(len(walk), max(columns, 1))]
    times = [float(t) for t, _, _ in chosen]
    states = [x_0 if show == "x_0" and t > 0 else x_t for t, x_t, x_0 in chosen]
    if spec.kind == "vector":
        return scatter_strip(states, time_labels(times), side=_SIDES[show])
    labels = time_labels(times, columns_room(spec.shape, len(times)))
    strip = torch.stack([x[:rows].detach().cpu() for x in states], dim=1)
    return image_strip(strip, labels, side=_SIDES[show])
