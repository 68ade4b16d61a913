"""The diffusion transformer against its formulas, and the sizes and parameters that it takes."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from genlab import DataSpec, Kind, RequestError
from genlab.testing import check_backbone
from genlab.testing.check import example_data, seeded
from genlab_plugins.backbones.attention import attend
from genlab_plugins.backbones.dit import DiT

SMALL: dict[str, Any] = {"width": 24, "depth": 2, "heads": 3}
KINDS: dict[int, Kind] = {1: "vector", 2: "series", 3: "image", 4: "volume"}


def randomised(shape: tuple[int, ...], **params: Any) -> DiT:
    """Build with no weight at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DiT(DataSpec(shape, "image"), **{**SMALL, **params})
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.1 * torch.randn(p.shape))
    return network.eval()


def test_contract() -> None:
    """With patches that no side is a multiple of."""
    check_backbone(partial(DiT, **SMALL, patch=5, ratio=1.5))


def test_output_and_blocks_begin_at_zero_and_identity() -> None:
    network = DiT(DataSpec((1, 8, 8), "image"), **SMALL)
    x, t = example_data((1, 8, 8), 3), torch.tensor([0.0, 0.5, 1.0])
    assert torch.equal(network(x, t), torch.zeros_like(x))
    h, c = torch.randn(3, 16, 24, generator=seeded(0)), torch.randn(3, 1, 24, generator=seeded(1))
    for block in network.blocks:
        assert torch.equal(block(h, c), h)


def test_block_is_the_paper_s() -> None:
    """Peebles & Xie 2023, figure 3, right: adaLN-Zero, written out in float64."""
    block = randomised((1, 8, 8)).blocks[0].double()
    h = torch.randn(2, 5, 24, generator=seeded(0), dtype=torch.float64)
    c = torch.randn(2, 1, 24, generator=seeded(1), dtype=torch.float64)
    weights = dict(block.named_parameters())

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normed(x: Tensor) -> Tensor:
        return (x - x.mean(-1, keepdim=True)) / (
            x.var(-1, keepdim=True, correction=0) + 1e-6
        ).sqrt()

    beta_1, gamma_1, alpha_1, beta_2, gamma_2, alpha_2 = linear("condition", c).split(24, -1)
    q, k, v = linear("attention.qkv", normed(h) * (1 + gamma_1) + beta_1).split(24, -1)
    heads = []
    for i in range(0, 24, 8):  # three heads of eight features
        part = slice(i, i + 8)
        weight = (q[..., part] @ k[..., part].mT / math.sqrt(8)).softmax(-1)
        heads.append(weight @ v[..., part])
    want = h + alpha_1 * linear("attention.out", torch.cat(heads, -1))
    hidden = linear("mlp.0", normed(want) * (1 + gamma_2) + beta_2)
    gelu = functional.gelu(hidden, approximate="tanh")
    want = want + alpha_2 * linear("mlp.2", gelu)
    torch.testing.assert_close(block(h, c), want, rtol=0, atol=1e-12)


def test_positions_are_sines_and_cosines_of_row_and_column() -> None:
    positions = DiT(DataSpec((1, 6, 8), "image"), patch=2, **SMALL).positions.numpy()
    omega = 10000.0 ** (-np.arange(6) / 6)
    rows, columns = np.divmod(np.arange(3 * 4), 4)
    for n, parts in ((rows, positions[:, :12]), (columns, positions[:, 12:])):
        angle = n[:, None] * omega
        want = np.concatenate([np.sin(angle), np.cos(angle)], 1)
        np.testing.assert_allclose(parts, want, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "patch", "tokens"),
    [((1, 8, 8), 2, 16), ((1, 12, 12), 2, 36), ((1, 28, 28), 4, 49), ((3, 32, 32), 4, 64),
     ((3, 48, 48), 6, 64), ((3, 64, 64), 8, 64), ((1, 7, 7), 2, 16), ((2, 28, 20), 4, 35),
     ((1, 1, 1), 2, 1)],
)  # fmt: skip
def test_usual_patch(shape: tuple[int, ...], patch: int, tokens: int) -> None:
    network = DiT(DataSpec(shape, "image"))
    assert (network.patch, len(network.positions)) == (patch, tokens)


@pytest.mark.parametrize(("channels", "side"), [(1, 1), (2, 7), (1, 12), (3, 33), (1, 64)])
def test_sizes(channels: int, side: int) -> None:
    """Forward and backward stay finite for constant images."""
    network = randomised((channels, side, side))
    x = torch.tensor([-1.0, 0.0, 1.0])[:, None, None, None].expand(3, channels, side, side)
    t = torch.ones(3)
    for bf16 in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = network(x, t)
        assert out.shape == x.shape
        out.float().square().mean().backward()
        assert out.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_padding_repeats_the_edge() -> None:
    """A side that the patch does not divide is the same as an image that was padded before."""
    small, large = randomised((2, 7, 6), patch=4), randomised((2, 8, 8), patch=4)
    x, t = example_data((2, 7, 6), 3), torch.tensor([0.1, 0.5, 1.0])
    padded = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (0, 1), (0, 2)), mode="edge"))
    torch.testing.assert_close(small(x, t), large(padded, t)[..., :7, :6])


def test_every_patch_sees_every_other() -> None:
    network = randomised((1, 8, 8))
    x = example_data((1, 8, 8), 1).requires_grad_()
    network(x, torch.full((1,), 0.5))[0, 0, 0, 0].backward()
    assert x.grad is not None
    assert bool((x.grad != 0).all())


@pytest.mark.parametrize(
    ("shape", "params", "says"),
    [((5,), {}, "'dit' needs images; .* kind 'vector'.* 'mlp' fits data of any kind"),
     ((2, 9), {}, "needs images; .* kind 'series'"), ((1, 4, 4, 4), {}, "needs images; .* 'volume'"),
     ((1, 8, 8), {"width": 50}, "multiple of 4"),
     ((1, 8, 8), {"width": 96, "heads": 5}, "multiple of 20")],
)  # fmt: skip
def test_refusals(shape: tuple[int, ...], params: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        DiT(DataSpec(shape, KINDS[len(shape)]), **params)


def test_attention_in_any_arithmetic() -> None:
    q, k, v = (torch.randn(2, 3, 5, 8, generator=seeded(i), dtype=torch.float64) for i in range(3))
    want = (q @ k.mT / math.sqrt(8)).softmax(-1) @ v
    torch.testing.assert_close(attend(q, k, v), want)
    torch.testing.assert_close(attend(q.float(), k.float(), v.float()), want.float())
    with torch.autocast("cpu", torch.bfloat16):
        got = attend(q.bfloat16(), k.bfloat16(), v.bfloat16())
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), want.float(), rtol=0, atol=0.05)
