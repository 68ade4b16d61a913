"""The UNet: the sizes it takes, what it refuses, and that it stays what runs were trained with."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import DataSpec, Kind, RequestError
from genlab_plugins.backbones.unet import UNet

SHAPES = [(1, 8, 8), (3, 7, 7), (1, 12, 12), (2, 28, 20), (1, 4, 9), (3, 33, 48), (1, 64, 64)]
KINDS: dict[int, Kind] = {1: "vector", 2: "series", 3: "image", 4: "volume"}


def randomised(shape: tuple[int, ...]) -> UNet:
    """Build with no weight at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = UNet(DataSpec(shape, "image"))
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.05 * torch.randn(p.shape))
    return network


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sizes(shape: tuple[int, ...], bf16: bool) -> None:
    """Forward and backward stay finite for constant images, in a batch and alone."""
    network = randomised(shape)
    constants = torch.tensor([-1.0, 0.0, 1.0])[:, None, None, None].expand(3, *shape)
    for x in (constants, constants[:1]):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = network(x, torch.linspace(0, 1, len(x)))
        assert out.shape == x.shape
        out.float().square().mean().backward()
        assert out.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(("side", "count"), [(8, 440_992), (28, 442_720)])
def test_parameter_count_of_the_usual_runs(side: int, count: int) -> None:
    network = UNet(DataSpec((1, side, side), "image"))
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(
    ("side", "patch"),
    [(4, 1), (12, 1), (15, 1), (16, 2), (28, 2), (32, 2), (33, 4), (64, 4), (65, 8), (256, 16)],
)
def test_usual_patch(side: int, patch: int) -> None:
    assert UNet(DataSpec((1, side, side), "image")).patch == patch
    assert math.ceil(side / patch) <= 16


@pytest.mark.parametrize("channels", [(8,), (40,), (104,), (8, 112), (8, 16, 168)])
def test_any_multiple_of_eight(channels: tuple[int, ...]) -> None:
    network = UNet(DataSpec((1, 8, 8), "image"), channels=channels)
    assert network(torch.zeros(2, 1, 8, 8), torch.ones(2)).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("shape", [(5,), (2, 9), (1, 3, 8), (1, 8, 1), (1, 8, 8, 8)], ids=str)
def test_refuses_what_is_too_small_and_what_is_no_image(shape: tuple[int, ...]) -> None:
    kind = KINDS[len(shape)]
    with pytest.raises(
        RequestError, match=rf"at least 4x4 pixels; .*'{kind}'.* 'mlp' fits data of any"
    ):
        UNet(DataSpec(shape, kind))


@pytest.mark.parametrize("channels", [(), (12,)])
def test_refuses_channels_that_do_not_group(channels: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="multiple of 8"):
        UNet(DataSpec((1, 8, 8), "image"), channels=channels)
