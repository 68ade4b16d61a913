"""The convolutional backbone: what it computes, what it takes, and that it learns series and volumes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab import DataSpec, Examples, Kind, RequestError
from genlab.testing import check_backbone
from genlab_plugins.backbones.conv import Conv
from genlab_plugins.degradations.gaussian import Gaussian

KINDS: dict[int, Kind] = {2: "series", 3: "image", 4: "volume"}


def built(shape: tuple[int, ...], *, width: int = 8, depth: int = 2, classes: int = 0) -> Conv:
    """Build with no weight at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        spec = DataSpec(shape, KINDS[len(shape)], classes, tuple(map(str, range(classes))))
        network = Conv(spec, width=width, depth=depth)
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.1 * torch.randn(p.shape))
    return network.eval()


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (1, 2),
        (3, 7),
        (2, 64),
        (1, 1, 1),
        (2, 5, 9),
        (1, 28, 28),
        (1, 1, 2, 3),
        (2, 7, 4, 5),
    ],
    ids=str,
)
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_any_sides(shape: tuple[int, ...], bf16: bool) -> None:
    """Forward and backward stay finite for constant data, in a batch and alone."""
    network = built(shape, depth=3)
    constants = torch.tensor([-1.0, 0.0, 1.0]).reshape(3, *(1 for _ in shape)).expand(3, *shape)
    for x in (constants, *constants.split(1)):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = network(x, torch.linspace(0, 1, len(x)))
        assert out.shape == x.shape
        out.float().square().mean().backward()
        assert out.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_it_begins_at_zero(generator: torch.Generator) -> None:
    network = Conv(DataSpec((2, 9), "series"))
    x = torch.randn(3, 2, 9, generator=generator)
    assert (network(x, torch.linspace(0, 1, 3)) == 0).all()


@torch.no_grad()
def test_what_moves_in_moves_out(generator: torch.Generator) -> None:
    """A shift by any number of places, far from both ends."""
    network = built((1, 200), depth=4)
    bump = torch.randn(1, 1, 20, generator=generator)
    t = torch.tensor([0.3])

    def response(begin: int) -> Tensor:
        x = torch.zeros(1, 1, 200)
        x[..., begin : begin + 20] = bump
        out: Tensor = network(x, t)[..., begin - 40 : begin + 60]
        return out

    assert response(90).std() > 0.01
    torch.testing.assert_close(response(90), response(97), atol=1e-5, rtol=0)


@torch.no_grad()
def test_axes_are_treated_alike(generator: torch.Generator) -> None:
    """A volume with its axes exchanged, through kernels with theirs exchanged."""
    network, turned = built((1, 4, 6, 9), depth=3), built((1, 9, 4, 6), depth=3)
    turned.load_state_dict(
        {k: v.permute(0, 1, 4, 2, 3) if v.ndim == 5 else v for k, v in network.state_dict().items()}
    )
    x, t = torch.randn(2, 1, 4, 6, 9, generator=generator), torch.tensor([0.2, 0.8])
    out = turned(x.permute(0, 1, 4, 2, 3), t).permute(0, 1, 3, 4, 2)
    torch.testing.assert_close(out, network(x, t), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_series_is_an_image_of_one_row(generator: torch.Generator) -> None:
    series, image = built((2, 30), depth=4, classes=3), built((2, 1, 30), depth=4, classes=3)
    state = image.state_dict()
    series.load_state_dict({k: v[:, :, 1] if v.ndim == 4 else v for k, v in state.items()})
    x = torch.randn(4, 2, 30, generator=generator)
    t, y = torch.linspace(0, 1, 4), torch.tensor([0, 1, 2, -1])
    want = image(x[:, :, None], t, y)[:, :, 0]
    torch.testing.assert_close(series(x, t, y), want, atol=1e-5, rtol=0)


def reach(side: int, depth: int) -> int:
    """Return how far to the left an output looks, read from gradients."""
    network = built((1, side), depth=depth)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.GroupNorm):  # which looks everywhere
                setattr(module, name, nn.Identity())
    x = torch.ones(1, 1, side, requires_grad=True)
    network(x, torch.tensor([0.4]))[0, 0, -1].backward()
    assert x.grad is not None
    return side - 1 - int((x.grad[0, 0] != 0).nonzero()[0])


@pytest.mark.parametrize(
    ("side", "depth", "places"),
    [
        (100, 1, 2 + 1 + 1),
        (100, 4, 2 + 4 + 1 + 2 + 4 + 8),
        (100, 7, 2 + 7 + 1 + 2 + 4 + 8 + 16 + 32 + 1),
        (200, 7, 2 + 7 + 1 + 2 + 4 + 8 + 16 + 32 + 64),
    ],
)
def test_how_far_it_looks(side: int, depth: int, places: int) -> None:
    """One place for each plain convolution, and 1, 2, 4, ... up to half of a side for the dilated ones."""
    assert reach(side, depth) == places


@pytest.mark.parametrize(
    ("spec", "parameters", "message"),
    [(DataSpec((3,), "vector"), {}, "needs series, images or volumes"),
     (DataSpec((1, 8), "series"), {"width": 12}, "backbone.width = 12: it must be a multiple of 8"),
     (DataSpec((1, 8), "series"), {"depth": 0}, "Conv.depth")],
)  # fmt: skip
def test_what_it_refuses(spec: DataSpec, parameters: dict[str, int], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Conv(spec, **parameters)


def sines(n: int, generator: torch.Generator) -> Tensor:
    """Sums of two sines ``(n, 1, 48)`` of one to four periods and any phase."""
    frequency = torch.randint(1, 5, (n, 2, 1), generator=generator)
    phase = torch.rand((n, 2, 1), generator=generator)
    place = torch.arange(48) / 48
    return 0.4 * torch.sin(2 * math.pi * (frequency * place + phase)).sum(1, keepdim=True)


def blobs(n: int, generator: torch.Generator) -> Tensor:
    """Gaussian blobs ``(n, 1, 6, 6, 6)`` of any place and width."""
    axis = torch.linspace(-1, 1, 6)
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    centre = torch.rand((n, 3, 1, 1, 1), generator=generator) - 0.5
    width = 0.2 + 0.4 * torch.rand((n, 1, 1, 1, 1), generator=generator)
    square = (places - centre).square().sum(1, keepdim=True)
    return 2 * torch.exp(-square / (2 * width**2)) - 1


@pytest.mark.parametrize(("draw", "depth"), [(sines, 3), (blobs, 2)])
def test_gaussian_diffusion_learns(
    draw: Callable[[int, torch.Generator], Tensor], depth: int, generator: torch.Generator
) -> None:
    """The loss falls to less than half of what it is for a network that knows nothing."""
    x = draw(512, generator)
    spec = DataSpec(tuple(x.shape[1:]), KINDS[x.ndim - 1], levels=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        restorer = genlab.Restorer(Conv(spec, width=16, depth=depth), Gaussian())
    objective, optimiser = genlab.Denoising(restorer), genlab.Muon(lr=4e-3)
    fitted = genlab.fit(
        objective, Examples(x), optimiser=optimiser, steps=60, batch=32, log_every=1
    )
    losses = [line["loss"] for line in fitted.history]
    assert sum(losses[-10:]) / 10 < 0.5 * losses[0]


def test_contract() -> None:
    check_backbone(partial(Conv, width=8, depth=2))
