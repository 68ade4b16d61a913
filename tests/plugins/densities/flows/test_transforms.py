"""The layers of the flows: inverses and Jacobians with random parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genlab import DataSpec
from genlab_plugins.densities.flows.actnorm import ActNorm
from genlab_plugins.densities.flows.affine import FixedAffine
from genlab_plugins.densities.flows.autoregressive import AutoregressiveBlock, Tokens
from genlab_plugins.densities.flows.conditioner import ConvNet, Perceptron
from genlab_plugins.densities.flows.coupling import AffineCoupling, Couplings
from genlab_plugins.densities.flows.images import multiscale, to_reals
from genlab_plugins.densities.flows.linear import LULinear
from genlab_plugins.densities.flows.logit import Logit
from genlab_plugins.densities.flows.marginal import Marginal
from genlab_plugins.densities.flows.rational_quadratic import Spline1d
from genlab_plugins.densities.flows.rearrange import Flat, Permute, Rest, Squeezed
from genlab_plugins.densities.flows.spline_coupling import SplineCoupling
from genlab_plugins.densities.flows.transform import Chain, Transform

Shape = tuple[int, ...]


def affine(first: int, second: int, count: int) -> Couplings:
    sizes = [(first, second), (second, first)]
    made = []
    for i in range(count):
        given_, changed = sizes[i % 2 if first else 0]
        made.append(AffineCoupling(Perceptron(given_, 2 * changed, 8, 2), (changed,)))
    return Couplings(first, made)


def splines(first: int, second: int, count: int) -> Couplings:
    sizes = [(first, second), (second, first)]
    made = []
    for i in range(count):
        given_, changed = sizes[i % 2 if first else 0]
        made.append(SplineCoupling(Perceptron(given_, 14 * changed, 8, 2), 5, 3.0))
    return Couplings(first, made)


def convolutional(channels: int, count: int) -> Couplings:
    half = channels // 2
    made = [AffineCoupling(ConvNet(half, channels, 4, 1), (half, 1, 1)) for _ in range(count)]
    return Couplings(half, made)


CASES: dict[str, tuple[Callable[[], Transform], Shape]] = {
    "actnorm": (lambda: ActNorm((3,)), (3,)),
    "actnorm, images": (lambda: ActNorm((2, 2, 3)), (2, 2, 3)),
    "affine": (lambda: FixedAffine(-0.4, 0.3), (2, 2, 2)),
    "logit": (lambda: Logit(0.1), (4,)),
    "LU": (lambda: LULinear(4), (4,)),
    "LU, images": (lambda: LULinear(3), (3, 2, 1)),
    "permute": (lambda: Permute(torch.tensor([2, 0, 1])), (3,)),
    "affine couplings": (lambda: affine(2, 3, 3), (5,)),
    "affine couplings, even": (lambda: affine(1, 1, 4), (2,)),
    "spline couplings": (lambda: splines(1, 2, 3), (3,)),
    "one number": (lambda: splines(0, 1, 2), (1,)),
    "squeezed": (lambda: Squeezed(convolutional(4, 2)), (1, 2, 4)),
    "rest": (lambda: Rest(1, LULinear(2)), (3, 1, 2)),
    "flat": (lambda: Flat(affine(4, 5, 2)), (1, 3, 3)),
    "marginal": (lambda: Marginal(2, 7, -1.5, 4.0), (2, 2, 2)),
    "autoregressive": (lambda: AutoregressiveBlock(3, 2, 8, 2, False), (3, 2)),
    "autoregressive, backwards": (lambda: AutoregressiveBlock(4, 1, 8, 1, True), (4, 1)),
    "tokens": (lambda: Tokens(AutoregressiveBlock(2, 4, 8, 1, False), 2), (1, 2, 4)),
    "range": (lambda: Chain(to_reals(DataSpec((1, 2, 2), "image", levels=17), 0.05)), (1, 2, 2)),
    "scales": (
        lambda: multiscale((1, 4, 4), 2, lambda shape, _: [ActNorm(shape), LULinear(shape[0])]),
        (1, 4, 4),
    ),
}


@torch.no_grad()
def randomise(module: nn.Module, scale: float = 0.3) -> None:
    for p in module.parameters():
        p.add_(scale * torch.randn_like(p))


def build(name: str, seed: int, dtype: torch.dtype) -> tuple[Transform, Tensor]:
    make, shape = CASES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transform = make()
        transform.initialise(torch.randn(20, *shape) * 2 + 1)
        randomise(transform)
        x = torch.randn(3, *shape, dtype=torch.float64)
    return transform.to(dtype), x.to(dtype)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=4)
@given(seed=st.integers(0, 2**16), dtype=st.sampled_from([torch.float32, torch.float64]))
@torch.no_grad()
def test_both_directions_undo_each_other(name: str, seed: int, dtype: torch.dtype) -> None:
    transform, x = build(name, seed, dtype)
    z, ladj = transform(x)
    again, back = transform.inverse(z)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    assert z.shape == x.shape
    torch.testing.assert_close(again, x, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(ladj, -back, atol=10 * tolerance, rtol=tolerance)
    x, _ = transform.inverse(x)
    forth, _ = transform(x)
    torch.testing.assert_close(transform.inverse(forth)[0], x, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2)
@given(seed=st.integers(0, 2**16))
def test_ladj_is_autograds(name: str, seed: int) -> None:
    transform, x = build(name, seed, torch.float64)
    for function in (transform, transform.inverse):
        ladj = function(x)[1].expand(len(x))
        for i in range(len(x)):
            jacobian = torch.autograd.functional.jacobian(
                lambda p, f=function: f(p)[0], x[i : i + 1]
            )
            n = x[0].numel()
            truth = torch.linalg.slogdet(jacobian.reshape(n, n)).logabsdet
            torch.testing.assert_close(ladj[i], truth, atol=1e-8, rtol=1e-4)


def test_actnorm_standardises_the_data_it_starts_from() -> None:
    x = torch.randn(500, 3, 4, 4) * torch.tensor([0.1, 1.0, 9.0])[:, None, None] + 5
    z = ActNorm((3, 4, 4)).initialise(x)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_couplings_standardise_what_they_change() -> None:
    x = torch.randn(500, 5) * 4 + torch.arange(5)
    z = affine(2, 3, 2).initialise(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(5), atol=1e-3, rtol=0)


def off_normal(z: Tensor) -> float:
    """Return how far the distribution function of z is from the normal one."""
    z = z.flatten().sort().values
    normal = torch.distributions.Normal(0.0, 1.0).cdf(z)
    return float((normal - torch.linspace(0, 1, len(z))).abs().max())


def test_pixels_become_normal() -> None:
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(16, (4000, 2, 2, 2), generator=generator)
    levels[torch.rand(levels.shape, generator=generator) < 0.4] = 5
    x = (levels + torch.rand(levels.shape, generator=generator)) / 8 - 1
    assert off_normal(Marginal(2, 16, -1.0, 1.0).initialise(x)) < 0.02


@pytest.mark.parametrize("end", [0, 15])
def test_a_frequent_end_has_a_normal_distribution_of_its_own(end: int) -> None:
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(16, (4000, 1, 2, 2), generator=generator)
    levels[torch.rand(levels.shape, generator=generator) < 0.6] = end
    x = (levels + torch.rand(levels.shape, generator=generator)) / 8 - 1
    layer = Marginal(1, 16, -1.0, 1.0)
    z, _ = layer.initialise(x), layer(x)
    assert off_normal(z[levels == end]) < 0.02
    others = z[levels != end]
    assert float(others.abs().min()) > 3
    torch.testing.assert_close(layer.inverse(z)[0], x, atol=1e-4, rtol=1e-4)
    spread = others.max() - others.min()
    assert float(spread) == pytest.approx(8, abs=0.1)


def test_a_constant_channel_is_no_trouble() -> None:
    z = ActNorm((2,)).initialise(torch.full((10, 2), 3.0))
    assert torch.isfinite(z).all()


@torch.no_grad()
def test_log_scales_are_bounded_for_any_input() -> None:
    coupling = AffineCoupling(Perceptron(1, 2, 8, 2), (1,))
    randomise(coupling, 2.0)
    for size in (0.0, 1e3, 1e9):
        _, s = coupling(torch.full((1, 1), size), torch.ones(1, 1))
        assert float((s - coupling.c).abs()) <= float(coupling.a.abs()) * (1 + 1e-5)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", [(3,), (3, 2, 2)])
def test_fused_couplings_have_the_gradients_of_their_parts(shape: Shape, inverse: bool) -> None:
    """Of everything that goes in, as autograd finds them from finite differences."""
    make = {
        1: lambda: Perceptron(2, 6, 5, 3),
        3: lambda: ConvNet(2, 6, 4, 1),
    }[len(shape)]
    coupling = AffineCoupling(make(), (3, *(1 for _ in shape[1:]))).double()
    randomise(coupling)
    given = torch.randn(4, 2, *shape[1:], dtype=torch.float64, requires_grad=True)
    x = torch.randn(4, *shape, dtype=torch.float64, requires_grad=True)
    parameters = dict(coupling.named_parameters())

    def mapped(given: Tensor, x: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        named = zip(parameters, values, strict=True)
        replaced = {f"coupling.{name}": value for name, value in named}
        return torch.func.functional_call(_Either(coupling, inverse), replaced, (given, x))  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(mapped, (given, x, *parameters.values()), atol=1e-6)
    with torch.no_grad():
        plain = mapped(given, x, *parameters.values())
    for a, b in zip(plain, mapped(given, x, *parameters.values()), strict=True):
        assert torch.equal(a, b)


class _Either(nn.Module):
    """A coupling, or its inverse, as a module that is called."""

    def __init__(self, coupling: AffineCoupling, inverse: bool) -> None:
        super().__init__()
        self.coupling, self.inverse = coupling, inverse

    def forward(self, given: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return (self.coupling.inverse if self.inverse else self.coupling)(given, x)


def test_the_logit_is_the_logit_between_its_ends() -> None:
    x = torch.linspace(0.02, 0.98, 50, dtype=torch.float64)[:, None]
    z, ladj = Logit(0.01)(x)
    torch.testing.assert_close(z, torch.logit(x))
    torch.testing.assert_close(ladj, -(x.log() + (1 - x).log())[:, 0])


def test_a_dequantised_image_falls_inside_the_unit_interval() -> None:
    spec = DataSpec((1, 1, 2), "image", levels=17)
    ends = torch.tensor([-1 - 1 / 16, 1 + 1 / 16])[None, None, None]
    squeezed = Chain(to_reals(spec, 0.05)[:2])(ends)[0]
    torch.testing.assert_close(squeezed.flatten(), torch.tensor([0.05, 0.95]))
    assert float(Chain(to_reals(spec, 0.05))(ends)[0].abs().max()) == pytest.approx(
        math.log(19), abs=1e-4
    )


def test_factored_out_channels_stay() -> None:
    x = torch.randn(2, 4, 2, 2)
    z, _ = Rest(1, LULinear(3))(x)
    assert torch.equal(z[:, :1], x[:, :1])
    assert not torch.allclose(z[:, 1:], x[:, 1:])


def test_zeros_are_the_identity_spline_and_tails_are_linear() -> None:
    x = torch.linspace(-5, 5, 41, dtype=torch.float64)
    identity = Spline1d(torch.zeros(41, 14, dtype=torch.float64), 3.0)
    z, log = identity.forward(x)
    torch.testing.assert_close(z, x)
    torch.testing.assert_close(log, torch.zeros_like(x))
    bent = Spline1d(3 * torch.randn(41, 14, dtype=torch.float64), 3.0)
    outside = x.abs() > 3
    torch.testing.assert_close(bent.forward(x)[0][outside], x[outside])


@settings(max_examples=30)
@given(seed=st.integers(0, 2**16), sharpness=st.floats(0.1, 30.0))
def test_sharp_splines_stay_monotone_and_finite(seed: int, sharpness: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    raw = sharpness * torch.randn(1, 23, generator=generator)
    x = torch.linspace(-4, 4, 201)
    spline = Spline1d(raw.expand(201, -1), 3.0)
    z, log = spline.forward(x)
    assert torch.isfinite(log).all()
    assert float(z.diff().min()) >= -1e-5
    again, back = spline.inverse(z)
    assert torch.isfinite(back).all()
    assert torch.isfinite(again).all()
