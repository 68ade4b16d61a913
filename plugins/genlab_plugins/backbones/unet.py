"""A small UNet for images, shaped for speed on few cores."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from genlab import Backbone, BackboneTags, DataSpec, RequestError
from genlab_plugins.backbones.attention import attend
from genlab_plugins.backbones.embedding import Condition
from genlab_plugins.backbones.kinds import require_images

__all__ = ["UNet"]


class UNet(Backbone):
    """A UNet with a patch stem, scale-and-shift conditioning and attention at the lowest level.

    The stem folds patches of pixels into channels, so that the network works on a grid of at most
    16 x 16 places. Every level has residual blocks of two 3x3 convolutions; the time enters each as a
    scale and a shift. Sides that do not divide are padded at the edge and cropped at the end.

    Sources: Ronneberger, Fischer & Brox 2015 (arXiv:1505.04597); Ho, Jain & Abbeel 2020
    (arXiv:2006.11239); Dhariwal & Nichol 2021 (arXiv:2105.05233) for scale and shift.

    Args:
        spec: The data: images of at least 4 x 4 pixels with any number of channels.
        channels: Channels of each level, from fine to coarse, each a multiple of 8.
        blocks: Residual blocks per level on each side.
        patch: Side of the stem's patches in pixels. None: 1 below 16 pixels, and otherwise the smallest of
            2, 4, 8, ... that leaves a grid of at most 16 x 16.
        attention: Whether the coarsest level has self-attention.

    Raises:
        RequestError: The data is not images, or an argument does not fit it.
    """

    tags = BackboneTags(data=frozenset({"image"}), mixed_precision=True, replayable=True)

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: tuple[PositiveInt, ...] = (32, 64),
        blocks: PositiveInt = 1,
        patch: PositiveInt | None = None,
        attention: bool = True,
    ) -> None:
        super().__init__()
        require_images(spec, "unet", smallest=4)
        if not channels or any(c % _GROUP for c in channels):
            raise RequestError(
                f"backbone.channels = {list(channels)}: every entry must be a multiple of {_GROUP}"
            )
        self.patch = patch or _usual_patch(max(spec.shape[1:]))
        self.multiple = self.patch * 2 ** (len(channels) - 1)
        if self.multiple >= 2 * max(spec.shape[1:]):
            raise RequestError(
                f"backbone.channels: {len(channels)} levels halve images of {spec.shape[1]} x "
                f"{spec.shape[2]} pixels more often than they can be"
            )
        features = 4 * channels[0]
        self.embedding = Condition(features, spec.classes)
        pixels = spec.shape[0] * self.patch**2
        self.stem = nn.Conv2d(pixels, channels[0], 3, padding=1)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for level, c in enumerate(channels):
            before = channels[max(level - 1, 0)]
            self.down.append(_Down(before, c, features, blocks, halve=level > 0))
            self.up.insert(0, _Up(c, before, features, blocks, double=level > 0))
        self.middle = _Middle(channels[-1], features, attention)
        last = nn.Conv2d(channels[0], pixels, 3, padding=1, bias=False)
        nn.init.zeros_(last.weight)
        self.last = nn.Sequential(_norm(channels[0]), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        height, width = x.shape[-2:]
        c = nn.functional.silu(self.embedding(t, y))
        h = self.stem(nn.functional.pixel_unshuffle(self._padded(x), self.patch))
        skips = []
        for level in self.down:
            h = level(h, c)
            skips.append(h)
        h = self.middle(h, c)
        for level in self.up:
            h = level(h, skips.pop(), c)
        out = nn.functional.pixel_shuffle(self.last(h), self.patch)
        return out[..., :height, :width]

    def _padded(self, x: Tensor) -> Tensor:
        right, bottom = -x.shape[-1] % self.multiple, -x.shape[-2] % self.multiple
        if not right and not bottom:
            return x
        return nn.functional.pad(x, (0, right, 0, bottom), mode="replicate")


_GROUP = 8  # channels per normalised group, where the wider ones do not fit
_WIDE = 16  # channels per normalised group: half of the groups cost .75 of the time, and no quality
_GRID = 16  # places along the longer side that the stem leaves at most
_HEAD = 32  # channels per attention head, or a few more


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // (_GROUP if channels % _WIDE else _WIDE), channels)


def _usual_patch(side: int) -> int:
    patch = 1 if side < _GRID else 2
    while side > _GRID * patch:
        patch *= 2
    return patch


class _Block(nn.Module):
    """Two convolutions beside a shortcut; the condition scales and shifts in between."""

    def __init__(self, inputs: int, outputs: int, features: int) -> None:
        super().__init__()
        self.norm_1 = _norm(inputs)
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.condition = nn.Linear(features, 2 * outputs)
        self.norm_2 = _norm(outputs)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.condition.weight)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        h = self.conv_1(nn.functional.silu(self.norm_1(x)))
        scale, shift = self.condition(c)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm_2(h), 1 + scale)
        out: Tensor = self.shortcut(x) + self.conv_2(nn.functional.silu(h))
        return out


class _Attention(nn.Module):
    """Self-attention over the places of an image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = next(n for n in range(max(channels // _HEAD, 1), 0, -1) if channels % n == 0)
        self.norm = _norm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        tokens = self.norm(x).flatten(2).mT
        split = (batch, height * width, self.heads, channels // self.heads)
        q, k, v = (part.reshape(split).transpose(1, 2) for part in self.qkv(tokens).chunk(3, -1))
        mixed = attend(q, k, v).transpose(1, 2)
        out = self.out(mixed.reshape(batch, height * width, channels))
        mixed_in: Tensor = x + out.mT.reshape(batch, channels, height, width)
        return mixed_in


class _Down(nn.Module):
    def __init__(self, inputs: int, outputs: int, features: int, blocks: int, halve: bool) -> None:
        super().__init__()
        step = nn.Conv2d(inputs, outputs, 2, stride=2) if halve else nn.Identity()
        self.step = step
        self.blocks = nn.ModuleList(_Block(outputs, outputs, features) for _ in range(blocks))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        x = self.step(x)
        for block in self.blocks:
            x = block(x, c)
        return x


class _Middle(nn.Module):
    def __init__(self, channels: int, features: int, attention: bool) -> None:
        super().__init__()
        self.attention = _Attention(channels) if attention else nn.Identity()
        self.block = _Block(channels, channels, features)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        out: Tensor = self.block(self.attention(x), c)
        return out


class _Up(nn.Module):
    def __init__(self, inputs: int, outputs: int, features: int, blocks: int, double: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(2 * inputs if i == 0 else inputs, inputs, features) for i in range(blocks)
        )
        self.step = nn.ConvTranspose2d(inputs, outputs, 2, stride=2) if double else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor, c: Tensor) -> Tensor:
        x = torch.cat([x, skip], dim=1)
        for block in self.blocks:
            x = block(x, c)
        out: Tensor = self.step(x)
        return out
