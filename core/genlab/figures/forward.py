"""The forward process: how a degradation destroys data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.panels import columns_room, image_strip, scatter_strip, time_labels
from genlab.figures.style import style
from genlab.protocols import DataSpec

__all__ = ["forward"]


@style()
def forward(
    x_t: Sequence[Tensor], times: Sequence[float], spec: DataSpec, *, rows: int = 8
) -> Figure:
    """Show examples on their way from clean to fully degraded.

    Images make a strip: one row per example, one column per time. Vectors make one scatter plot per
    time.

    Source: Sohl-Dickstein et al. 2015 (arXiv:1503.03585), fig. 1.

    Args:
        x_t: The same examples at each time, each ``(B, *shape)`` in the data convention.
        times: The times, in the order of ``x_t``.
        spec: What the data is.
        rows: How many examples are shown at most; vectors are all shown.
    """
    if not len(x_t) or len(x_t) != len(times):
        raise RequestError(f"one state per time is needed: {len(x_t)} states, {len(times)} times")
    if spec.kind == "vector":
        return scatter_strip(x_t, time_labels(times), side="$x_t$")
    labels = time_labels(times, columns_room(x_t[0].shape, len(times)))
    strip = torch.stack([x[:rows].detach().cpu() for x in x_t], dim=1)
    return image_strip(strip, labels, side="$x_t$")
