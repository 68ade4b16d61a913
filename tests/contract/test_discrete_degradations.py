"""Degradations whose time counts in steps keep the contract: JPEG's quantisation, and a shuffle of pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import pytest
import torch
from pydantic import Field
from torch import Tensor

from genlab import Degradation, DegradationTags, cast_like, right_expand
from genlab.testing import check_degradation, degradation_checks

BLOCK = 8


def level(t: Tensor, steps: int) -> Tensor:
    """Return the step of each time: 0 at t = 0 alone, and ``steps`` at t = 1."""
    return (t.cpu().double() * steps).ceil()


class Quantised(Degradation):
    r"""JPEG's quantisation: the cosines of every block in ever coarser steps, until its mean alone is left.

    .. math:: c_k \leftarrow q_k \operatorname{round}(c_k / q_k), \qquad
        q_k = \frac{2^{i}}{512} (1 + |k|)

    at step i; at the last step all but the mean of each block is 0.

    Source: Wallace 1991, "The JPEG still picture compression standard".

    Args:
        steps: How many.
    """

    tags = DegradationTags(discrete=True)

    def __init__(self, *, steps: Annotated[int, Field(ge=2)] = 10) -> None:
        self.steps = steps

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        return

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_cpu = x_0.cpu()  # where float64 is everywhere
        i = right_expand(level(t, self.steps), x_cpu)[..., None, None].double()
        c = torch.einsum("ki,bcyixj,lj->bcykxl", cosines(), blocks(x_cpu).double(), cosines())
        k = torch.arange(BLOCK, dtype=torch.float64)
        q = 2**i / 512 * (1 + k[:, None, None] + k)
        c = torch.where((i < self.steps) | (q == 2**i / 512), q * (c / q).round(), 0.0)
        x = torch.einsum("ki,bcykxl,lj->bcyixj", cosines(), c, cosines())
        whole = x.flatten(2, 3).flatten(3)[..., : x_0.shape[-2], : x_0.shape[-1]]
        return torch.where(right_expand(t, x_0) > 0, cast_like(whole, x_0), x_0)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return a pixel of each block, which are all alike."""
        return x_1[..., ::BLOCK, ::BLOCK].flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        rows, columns = (-(-side // BLOCK) for side in shape[1:])
        c = c.reshape(len(c), shape[0], rows, columns)
        x = c.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
        return x[..., : shape[1], : shape[2]].clone()


def blocks(x: Tensor) -> Tensor:
    """Cut images into blocks ``(B, C, rows, 8, columns, 8)``; at the edges pixels are repeated."""
    down, right = (-side % BLOCK for side in x.shape[-2:])
    padded = torch.nn.functional.pad(x, (0, right, 0, down), mode="replicate")
    return padded.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK))


def cosines() -> Tensor:
    """Return the orthonormal cosines of a block, one in each row."""
    k, i = torch.meshgrid(*[torch.arange(BLOCK, dtype=torch.float64)] * 2, indexing="ij")
    size = torch.where(k == 0, 1 / BLOCK, 2 / BLOCK).sqrt()
    return size * (math.pi * k * (i + 0.5) / BLOCK).cos()


class Shuffled(Degradation):
    r"""A shuffle of pixels: at step i the first i / K of a random order hand their values on in a circle,
    by a random number of places.

    At the end of a channel only its distribution is left, of which the quantiles at some ranks are kept.

    Args:
        steps: Their number K.
        quantiles: How many quantiles are kept.
    """

    tags = DegradationTags(
        stochastic=True, discrete=True, data=frozenset({"image", "series", "volume"})
    )

    def __init__(
        self,
        *,
        steps: Annotated[int, Field(ge=1)] = 10,
        quantiles: Annotated[int, Field(ge=2)] = 5,
    ) -> None:
        self.steps, self.quantiles = steps, quantiles

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw the order of the pixels of every channel, and how far values go, ``(B, C, N + 1)``."""
        b, c, n = x_0.flatten(2).shape
        return torch.rand(b, c, n + 1, generator=generator, device=x_0.device)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        if z is None:
            raise ValueError("a shuffle needs the order that draw() returns")
        order, share = z[..., :-1].argsort(-1), z[..., -1:]
        n = order.shape[-1]
        moved = (level(t, self.steps) / self.steps * n).long().view(-1, 1, 1).to(z.device)
        rank = torch.arange(n, device=z.device).expand(order.shape)
        giver = (rank + (share * moved).long()) % moved.clamp_min(1)
        giver = torch.where(rank < moved, giver, rank)
        values = x_0.flatten(2).gather(-1, order.gather(-1, giver))
        return torch.empty_like(values).scatter_(-1, order, values).view(x_0.shape)

    def summarize(self, x_1: Tensor) -> Tensor:
        x = x_1.flatten(2).sort(-1).values
        return x[..., self._ranks(x.shape[-1]).to(x.device)].flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        n = math.prod(shape[1:])
        c, ranks = c.reshape(len(c), shape[0], -1), self._ranks(n)
        at, ranks = torch.arange(n, device=c.device), ranks.to(c.device)
        after = torch.searchsorted(ranks, at).clamp(1)
        share = ((at - ranks[after - 1]) / (ranks[after] - ranks[after - 1])).to(c)
        x = torch.lerp(c[..., after - 1], c[..., after], share)
        order = torch.rand(x.shape, generator=generator, device=c.device).argsort(-1)
        return x.gather(-1, order).view(len(c), *shape)

    def _ranks(self, n: int) -> Tensor:
        return torch.linspace(0, n - 1, self.quantiles).round().long()


@pytest.mark.parametrize(
    "degradation", [Quantised(), Quantised(steps=3), Shuffled(), Shuffled(steps=40)]
)
def test_the_contract_is_kept(degradation: Degradation) -> None:
    check_degradation(degradation)


@pytest.mark.parametrize("degradation", [Quantised(), Shuffled()])
def test_only_the_tag_allows_steps(degradation: Degradation, found: Any) -> None:
    degradation.tags = replace(degradation.tags, discrete=False)
    assert found(degradation_checks(degradation)) == ["no_plateau", "continuous_in_time"]
