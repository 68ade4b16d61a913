"""Interpolation: the way from one example to another, through a model."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.panels import image_strip
from genlab.figures.style import style
from genlab.protocols import DataSpec

__all__ = ["interpolation"]


@style()
def interpolation(a: Tensor, b: Tensor, between: Tensor, spec: DataSpec) -> Figure:
    """Show ways between pairs of images: source, what the model made of the way, source.

    One row per pair. The columns beside the sources are their reconstructions, at lambda = 0 and 1.

    Source: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), fig. 8.

    Args:
        a: Where the ways begin, ``(B, C, H, W)``.
        b: Where they end, ``(B, C, H, W)``.
        between: Points of the ways, ``(points, B, C, H, W)``.
        spec: What the data is.
    """
    if spec.kind != "image":
        raise RequestError("the figure of an interpolation shows images; this data is vectors")
    count = len(between)
    shares = [f"{i / (count - 1):.2g}" if count > 1 else "0" for i in range(count)]
    shares[0] = f"λ = {shares[0]}"
    columns = torch.stack([a.cpu(), *between.cpu(), b.cpu()], 1)
    return image_strip(columns, ["source", *shares, "source"])
