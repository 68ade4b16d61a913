"""Restoration: degraded images and what each method makes of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from genlab.report.figures.strips import image_strip
from genlab.report.figures.style import style

__all__ = ["restoration"]


@style()
def restoration(
    x_t: Tensor, restored: Mapping[str, Tensor], x_0: Tensor | None = None, *, rows: int = 8
) -> Drawing:
    """Show degraded images and what became of them, one row per image.

    Args:
        x_t: Degraded images ``(B, C, H, W)``.
        restored: Restored images by method, each ``(B, C, H, W)``.
        x_0: The images before, where they are known.
        rows: How many are shown at most.
    """
    columns = {"degraded": x_t, **restored}
    if x_0 is not None:
        columns = {"original": x_0, **columns}
    return image_strip(torch.stack([x[:rows].cpu() for x in columns.values()], 1), list(columns))
