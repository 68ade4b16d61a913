r"""A transformer for images, whose layers are conditioned on time and class."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from genlab import Backbone, BackboneTags, DataSpec, RequestError
from genlab_plugins.backbones.attention import attend
from genlab_plugins.backbones.embedding import Condition
from genlab_plugins.backbones.kinds import require_images

__all__ = ["DiT"]


class DiT(Backbone):
    r"""A diffusion transformer: patches as tokens, and adaLN-Zero for time and class.

    With tokens h, the condition c and one linear map of c per block for :math:`(\beta, \gamma, \alpha)`,

    .. math:: h \leftarrow h + \alpha_1 \operatorname{Attention}(\gamma_1, \beta_1; h), \qquad
        h \leftarrow h + \alpha_2 \operatorname{MLP}(\gamma_2, \beta_2; h),

    where each layer sees :math:`(1 + \gamma) \operatorname{LN}(h) + \beta`. The gates :math:`\alpha`
    begin at 0, so that every block begins as the identity, and so does the output. Sides that the patch
    does not divide are padded at the edge and cropped at the end.

    Source: Peebles & Xie 2023 (arXiv:2212.09748), section 3.2.

    Args:
        spec: The data: images of any size with any number of channels.
        patch: Side of a patch in pixels. None: the smallest from 2 on that leaves at most 8 x 8.
        width: Features of a token, a multiple of 4 and of ``heads``.
        depth: Number of blocks.
        heads: Number of attention heads.
        ratio: Hidden features of a block's MLP in units of ``width``.

    Raises:
        RequestError: The data is not images, or the width does not fit.
    """

    tags = BackboneTags(data=frozenset({"image"}), mixed_precision=True, replayable=True)
    positions: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        patch: PositiveInt | None = None,
        width: PositiveInt = 64,
        depth: PositiveInt = 4,
        heads: PositiveInt = 4,
        ratio: PositiveFloat = 4.0,
    ) -> None:
        super().__init__()
        require_images(spec, "dit")
        if width % math.lcm(4, heads):
            raise RequestError(
                f"backbone.width = {width}: with {heads} heads it must be a multiple of "
                f"{math.lcm(4, heads)}"
            )
        channels, *sides = spec.shape
        self.patch = patch or max(math.ceil(max(sides) / _MOST_PATCHES), 2)
        rows, columns = (math.ceil(n / self.patch) for n in sides)
        self.condition = Condition(width, spec.classes)
        self.first = nn.Linear(channels * self.patch**2, width)
        self.register_buffer("positions", _positions(rows, columns, width), persistent=False)
        self.blocks = nn.ModuleList(_Block(width, heads, ratio) for _ in range(depth))
        self.last = _Last(width, channels * self.patch**2)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        height, width = x.shape[-2:]
        c = nn.functional.silu(self.condition(t, y))[:, None]
        patches = nn.functional.pixel_unshuffle(self._padded(x), self.patch)
        h = self.first(patches.flatten(2).mT) + self.positions
        for block in self.blocks:
            h = block(h, c)
        out = self.last(h, c).mT.reshape(patches.shape)
        return nn.functional.pixel_shuffle(out, self.patch)[..., :height, :width]

    def _padded(self, x: Tensor) -> Tensor:
        right, bottom = -x.shape[-1] % self.patch, -x.shape[-2] % self.patch
        if not right and not bottom:
            return x
        return nn.functional.pad(x, (0, right, 0, bottom), mode="replicate")


_MOST_PATCHES = 8  # along the longer side


class _Block(nn.Module):
    """Attention and an MLP, each behind a scale and a shift and before a gate."""

    def __init__(self, width: int, heads: int, ratio: float) -> None:
        super().__init__()
        hidden = round(width * ratio)
        self.condition = _zeroed(nn.Linear(width, 6 * width))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attention = _Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width)
        )

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        beta_1, gamma_1, alpha_1, beta_2, gamma_2, alpha_2 = self.condition(c).chunk(6, dim=-1)
        h = torch.addcmul(h, alpha_1, self.attention(_modulated(self.norm(h), gamma_1, beta_1)))
        return torch.addcmul(h, alpha_2, self.mlp(_modulated(self.norm(h), gamma_2, beta_2)))


class _Attention(nn.Module):
    """Self-attention over the tokens of an image."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = attend(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class _Last(nn.Module):
    """From tokens to the pixels of their patches."""

    def __init__(self, width: int, pixels: int) -> None:
        super().__init__()
        self.condition = _zeroed(nn.Linear(width, 2 * width))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.out = _zeroed(nn.Linear(width, pixels))

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        beta, gamma = self.condition(c).chunk(2, dim=-1)
        out: Tensor = self.out(_modulated(self.norm(h), gamma, beta))
        return out


def _modulated(h: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return torch.addcmul(beta, h, 1 + gamma)


def _zeroed(linear: nn.Linear) -> nn.Linear:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def _positions(rows: int, columns: int, width: int) -> Tensor:
    r"""Return sines and cosines of the row and the column of every patch, ``(rows * columns, width)``.

    .. math:: \omega_i = 10000^{-i / n}, \quad i = 0 \dots n - 1, \quad n = \text{width} / 4
    """
    n = width // 4
    omega = 10000.0 ** (-torch.arange(n, dtype=torch.float64) / n)
    row, column = (torch.arange(m, dtype=torch.float64)[:, None] * omega for m in (rows, columns))
    down = torch.cat([row.sin(), row.cos()], dim=1)[:, None].expand(-1, columns, -1)
    across = torch.cat([column.sin(), column.cos()], dim=1)[None].expand(rows, -1, -1)
    return torch.cat([down, across], dim=-1).flatten(0, 1).float()
