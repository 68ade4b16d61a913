"""A small residual convolutional network for series, images and volumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from genlab import Backbone, BackboneTags, DataSpec, RequestError
from genlab_plugins.backbones.embedding import Condition

__all__ = ["Conv"]

_GROUP = 8  # channels per normalised group

Convolution = Callable[..., nn.Conv1d | nn.Conv2d | nn.Conv3d]

_CONVOLUTIONS: Mapping[int, Convolution] = {2: nn.Conv1d, 3: nn.Conv2d, 4: nn.Conv3d}
"""By the number of dimensions of an example."""


class Conv(Backbone):
    r"""Residual blocks of two convolutions each, which reach further from block to block.

    .. math:: h \leftarrow h + W_2 * \operatorname{SiLU}\bigl((1 + \gamma_c) \operatorname{GN}(
        W_1 *_d \operatorname{SiLU}(\operatorname{GN}(h))) + \beta_c\bigr)

    with kernels of three places along every axis, a scale :math:`\gamma_c` and a shift :math:`\beta_c` from
    time and class, and a dilation d of 1, 2, 4, ... places that begins again at 1 where it would pass half
    of a side. Nothing is folded or pooled, so that sides may be of any length; for images from some 16
    pixels on, ``unet`` takes a fraction of the time.

    Sources: He, Zhang, Ren & Sun 2016 (arXiv:1603.05027) for the blocks; van den Oord et al. 2016
    (arXiv:1609.03499) for the dilations; Dhariwal & Nichol 2021 (arXiv:2105.05233) for scale and shift.

    Args:
        spec: The data: series ``(C, L)``, images ``(C, H, W)`` or volumes ``(C, D, H, W)``.
        width: Features of a place, a multiple of 8.
        depth: Number of residual blocks.

    Raises:
        RequestError: The data is vectors, or the width does not fit.
    """

    tags = BackboneTags(
        data=frozenset({"series", "image", "volume"}), mixed_precision=True, replayable=True
    )

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 32, depth: PositiveInt = 4) -> None:
        super().__init__()
        if len(spec.shape) not in _CONVOLUTIONS:
            raise RequestError(
                f"the backbone 'conv' needs series, images or volumes; this data has the shape {spec.shape}. "
                f"The backbone 'mlp' fits vectors"
            )
        if width % _GROUP:
            raise RequestError(f"backbone.width = {width}: it must be a multiple of {_GROUP}")
        make = _CONVOLUTIONS[len(spec.shape)]
        channels, *sides = spec.shape
        features = 4 * width
        self.condition = Condition(features, spec.classes)
        self.first = make(channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            _Block(make, width, features, tuple(_dilation(i, side) for side in sides))
            for i in range(depth)
        )
        last = make(width, channels, 3, padding=1)
        for p in last.parameters():
            nn.init.zeros_(p)
        self.last = nn.Sequential(nn.GroupNorm(width // _GROUP, width), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``(B, C, *sides)`` to the same shape."""
        c = nn.functional.silu(self.condition(t, y))
        with torch.autocast(x.device.type, enabled=False):
            # on CPUs, bf16 reads past the end of volumes one place deep with an odd number of channels
            h = self.first(x.float())
        for block in self.blocks:
            h = block(h, c)
        out: Tensor = self.last(h)
        return out


class _Block(nn.Module):
    """Two convolutions beside a shortcut; the condition scales and shifts in between."""

    def __init__(
        self, make: Convolution, width: int, features: int, dilation: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.norm_1 = nn.GroupNorm(width // _GROUP, width)
        self.conv_1 = make(width, width, 3, padding=dilation, dilation=dilation)
        self.condition = nn.Linear(features, 2 * width)
        self.norm_2 = nn.GroupNorm(width // _GROUP, width)
        self.conv_2 = make(width, width, 3, padding=1)
        nn.init.zeros_(self.condition.weight)
        nn.init.zeros_(self.conv_2.weight)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        h = self.conv_1(nn.functional.silu(self.norm_1(x)))
        scale, shift = self.condition(c).unflatten(1, (-1, *(1 for _ in x.shape[2:]))).chunk(2, 1)
        h = torch.addcmul(shift, self.norm_2(h), 1 + scale)
        out: Tensor = x + self.conv_2(nn.functional.silu(h))
        return out


def _dilation(block: int, side: int) -> int:
    """Return the dilation of a block along a side: 1, 2, 4, ... up to half of the side, again and again."""
    return 1 << block % max((side // 2).bit_length(), 1)
