"""The UNet: the sizes it takes, what it refuses, and that it stays what runs were trained with."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import DataSpec, RequestError
from genlab_plugins.backbones.unet import UNet

SIZES = [
    (8, 8),
    (12, 12),
    (16, 16),
    (28, 28),
    (32, 32),
    (48, 48),
    (64, 64),
    (7, 7),
    (28, 20),
    (4, 9),
]


def randomised(shape: tuple[int, ...]) -> UNet:
    """Build with no weight at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = UNet(DataSpec(shape, "image"))
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.05 * torch.randn(p.shape))
    return network


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_sizes(size: tuple[int, int], channels: int, bf16: bool) -> None:
    """Forward and backward stay finite for constant images, in a batch and alone."""
    network = randomised((channels, *size))
    constants = torch.tensor([-1.0, 0.0, 1.0])[:, None, None, None].expand(3, channels, *size)
    for x in (constants, *constants.split(1)):
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


@pytest.mark.parametrize("shape", [(5,), (1, 3, 8), (1, 8, 1)])
def test_refuses_what_is_too_small(shape: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="at least 4x4 pixels"):
        UNet(DataSpec(shape, "image" if len(shape) == 3 else "vector"))


@pytest.mark.parametrize("channels", [(), (12,)])
def test_refuses_channels_that_do_not_group(channels: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="multiple of 8"):
        UNet(DataSpec((1, 8, 8), "image"), channels=channels)
