"""The flows as densities: unusual shapes and parameters, extremes, integrals and Bayes' rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import DataSpec, Density, Kind, RequestError
from genlab.testing import check_density
from genlab_plugins.densities.flows.base import GaussianBase
from genlab_plugins.densities.flows.flow import TransformedFlow
from genlab_plugins.densities.flows.images import last_channels
from genlab_plugins.densities.flows.mixture import MixtureBase
from genlab_plugins.densities.glow import Glow
from genlab_plugins.densities.realnvp import RealNVP
from genlab_plugins.densities.spline import Spline
from genlab_plugins.densities.tarflow import TarFlow

FLOWS = {
    "realnvp": partial(RealNVP, width=8),
    "glow": partial(Glow, width=8),
    "spline": partial(Spline, width=8),
    "tarflow": partial(TarFlow, width=8, blocks=2, depth=1),
    "dense realnvp": partial(RealNVP, width=8, dense=3),
    "dense glow": partial(Glow, width=8, dense=3),
}
IMAGES = ["realnvp", "dense realnvp", "dense glow", "tarflow"]
SHAPES = [(3, 4, 6), (1, 7, 5), (2, 14, 14), (1, 2, 2)]
KINDS: dict[int, Kind] = {1: "vector", 2: "series", 3: "image", 4: "volume"}


def spec(shape: tuple[int, ...], classes: int = 0) -> DataSpec:
    return DataSpec(shape, KINDS[len(shape)], classes, tuple("abcdefgh"[:classes]))


def example(shape: tuple[int, ...], n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if len(shape) == 1:
        return torch.randn(n, *shape, generator=generator)
    return torch.rand(n, *shape, generator=generator) * 2 - 1


def build(
    name: str,
    shape: tuple[int, ...],
    classes: int = 0,
    *,
    seed: int = 0,
    noise: float = 0.05,
    **more: Any,
) -> TransformedFlow:
    """Build a flow that is no special case: initialised on data, then with random parameters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = FLOWS[name](spec(shape, classes), **more)
        flow.initialise(example(shape, 64), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for p in flow.parameters():
                p.add_(noise * torch.randn_like(p))
    return flow.eval()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", IMAGES)
@torch.no_grad()
def test_images_come_back(name: str, shape: tuple[int, ...]) -> None:
    """Also with odd sides, which are not squeezed, and with few pixels."""
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-10)):
        flow, x = build(name, shape).to(dtype), example(shape, 4).to(dtype)
        z, ladj = flow.encode(x)
        again, back = flow.decode(z)
        assert z.shape == x.shape
        torch.testing.assert_close(again, x, atol=tolerance, rtol=tolerance)
        torch.testing.assert_close(ladj, -back, atol=10 * tolerance, rtol=tolerance)


@torch.no_grad()
def test_a_density_of_the_line_integrates_to_one() -> None:
    flow = build("spline", (1,)).double()
    side = torch.linspace(-12, 12, 8001, dtype=torch.float64)
    mass = float(flow.log_prob(side[:, None]).exp().sum()) * float(side[1] - side[0])
    assert mass == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", ["realnvp", "glow"])
@torch.no_grad()
def test_dense_couplings_see_the_whole_image(name: str) -> None:
    """Convolutions of two couplings see no corner from the one across."""
    x = example((1, 32, 32), 1)
    other = x.clone()
    other[..., -2:, -2:] *= -1
    for dense in (0, 2):
        flow = build(name, (1, 32, 32), couplings=2, scales=1, dense=dense)
        moved = flow.encode(other)[0] - flow.encode(x)[0]
        assert bool(moved[..., :4, :4].any()) == bool(dense)


@pytest.mark.parametrize(
    ("name", "shape"), [(n, (3,)) for n in FLOWS] + [(n, (1, 8, 8)) for n in IMAGES]
)
@torch.no_grad()
def test_extremes_stay_finite(name: str, shape: tuple[int, ...]) -> None:
    flow = build(name, shape, classes=3)
    values = torch.tensor([-1.0, 1.0, -2.0, 2.0, -1e3, 1e3])
    x = values.reshape(-1, *(1 for _ in shape)).expand(-1, *shape)
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            for direction in (flow.encode, flow.decode):
                out, ladj = direction(x)
                assert out.dtype == ladj.dtype == torch.float32
                assert torch.isfinite(out).all()
                assert torch.isfinite(ladj).all()
            assert torch.isfinite(flow.joint_log_prob(x)).all()


@pytest.mark.parametrize("name", IMAGES)
@torch.no_grad()
def test_bf16_changes_little(name: str) -> None:
    flow, x = build(name, (1, 8, 8), classes=3), example((1, 8, 8), 16)
    exact = flow.joint_log_prob(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = flow.joint_log_prob(x)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=3.0)


@pytest.mark.parametrize("name", FLOWS)
@torch.no_grad()
def test_classes_follow_bayes_rule(name: str) -> None:
    flow, x = build(name, (3,), classes=3), example((3,), 40)
    each = torch.stack([flow.log_prob(x, torch.full((40,), k)) for k in range(3)], 1)
    joint = each - math.log(3)
    torch.testing.assert_close(flow.joint_log_prob(x), joint, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(flow(x), joint, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(flow.log_prob(x), joint.logsumexp(1), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(flow.classify(x), joint.log_softmax(1), atol=1e-4, rtol=1e-4)
    mixed = torch.tensor([0, -1, 2, 1]).repeat(10)
    truth = torch.where(
        mixed < 0, joint.logsumexp(1), each.gather(1, mixed.clamp_min(0)[:, None])[:, 0]
    )
    torch.testing.assert_close(flow.log_prob(x, mixed), truth, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", FLOWS)
def test_samples_of_a_class_are_recognised(name: str) -> None:
    flow = build(name, (2,), classes=3, components=1, base="fixed")
    y = torch.arange(300) % 3
    x = flow.sample(300, y, generator=torch.Generator().manual_seed(0))
    guess = flow.classify(x).argmax(1)
    assert float((guess == y).float().mean()) > 0.98
    drawn = flow.sample(900, torch.full((900,), -1), generator=torch.Generator().manual_seed(0))
    shares = flow.classify(drawn).argmax(1).bincount(minlength=3) / 900
    assert float((shares - 1 / 3).abs().max()) < 0.08


@pytest.mark.parametrize("means", ["fixed", "learned"])
def test_means_are_learned_only_on_request(means: str) -> None:
    flow = RealNVP(spec((2,), 3), base=means)  # type: ignore[arg-type]
    names = [name for name, _ in flow.named_parameters()]
    assert ("base.mu" in names) == (means == "learned")
    assert "base.mu" in flow.state_dict()


@pytest.mark.parametrize(("features", "classes"), [(1, 10), (2, 8), (784, 10), (3, 1)])
def test_means_are_apart(features: int, classes: int) -> None:
    base = GaussianBase(features, classes, "fixed")
    assert base.mu.shape == (classes, features)
    if classes > 1:
        nearest = float(torch.nn.functional.pdist(base.mu).min())
        assert nearest == pytest.approx(min(max(nearest, 6), 8), rel=1e-4)


@torch.no_grad()
def test_the_base_is_torchs_normal() -> None:
    z = torch.randn(6, 4, dtype=torch.float64)
    plain = GaussianBase(4, 0, "fixed").joint_log_prob(z)[:, 0]
    torch.testing.assert_close(plain, torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1))
    base = GaussianBase(4, 3, "fixed").double()
    truth = torch.distributions.Normal(base.mu, 1.0).log_prob(z[:, None]).sum(2) - math.log(3)
    torch.testing.assert_close(base.joint_log_prob(z), truth, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_a_mixture_is_torchs_mixture() -> None:
    for classes in (0, 3):
        base = MixtureBase(2, classes, 5, "learned").double()
        for p in base.parameters():
            p.add_(0.3 * torch.randn_like(p))
        parts = torch.distributions.Independent(
            torch.distributions.Normal(base.mu, base.log_sigma.exp()), 1
        )
        weights = torch.distributions.Categorical(logits=base.logits)
        truth = torch.distributions.MixtureSameFamily(weights, parts)
        z = 2 * torch.randn(7, 2, dtype=torch.float64)
        each = truth.log_prob(z[:, None]) - math.log(max(classes, 1))
        torch.testing.assert_close(base.joint_log_prob(z), each)
        y = torch.full((40_000,), classes - 1) if classes else None
        like = torch.zeros(40_000, 2, dtype=torch.float64)
        generator = torch.Generator().manual_seed(0)
        drawn = base.sample(like, y, temperature=1.0, generator=generator)
        torch.testing.assert_close(drawn.mean(0), truth.mean[-1], atol=0.03, rtol=0)
        torch.testing.assert_close(drawn.var(0), truth.variance[-1], atol=0.06, rtol=0)


@pytest.mark.parametrize("factor", [True, False])
def test_means_of_images_are_constant_over_the_last_scale(factor: bool) -> None:
    """Squeezed as a flow squeezes them, they have one number in each channel of the last scale."""
    numbers = last_channels((3, 16, 16), 3, factor)
    squeezed = torch.nn.functional.pixel_unshuffle(numbers[None].float(), 2)[0]
    for _ in range(2):
        out = len(squeezed) // 2 if factor else 0
        assert (squeezed[:out] == -1).all()
        squeezed = torch.nn.functional.pixel_unshuffle(squeezed[None, out:], 2)[0]
    assert torch.equal(squeezed[:, 0, 0], torch.arange(float(len(squeezed))))
    assert (squeezed == squeezed[:, :1, :1]).all()
    base = RealNVP(spec((3, 16, 16), 3), width=4, couplings=1, scales=3, factor=factor).base
    assert isinstance(base, GaussianBase)
    zero = base.place(torch.zeros(3, 768), torch.arange(3), generator=torch.Generator())
    assert ((zero == 0) == (numbers.flatten() == -1)).all()
    assert 5.99 <= float(torch.nn.functional.pdist(zero).min()) <= 8.01


def test_a_low_temperature_draws_near_the_means() -> None:
    flow = RealNVP(spec((2,), 3), width=8, components=1, base="fixed")
    y, generator = torch.arange(60) % 3, torch.Generator().manual_seed(0)
    x = flow.sample(60, y, generator=generator, temperature=1e-4)
    assert float(x.unflatten(0, (20, 3)).std(0).max()) < 1e-2


@torch.no_grad()
def test_a_patch_is_changed_as_those_before_it_say() -> None:
    flow = build("tarflow", (1, 8, 8), noise=0.3)
    blocks = [m for m in flow.modules() if type(m).__name__ == "AutoregressiveBlock"]
    x = torch.randn(1, 4, 16)
    for block, order in zip(blocks, ([0, 1, 2, 3], [3, 2, 1, 0]), strict=True):
        for place, token in enumerate(order):
            moved = x.clone()
            moved[:, token] += 1
            unlike = (block(moved)[0] - block(x)[0])[0].abs().amax(1)
            assert (unlike[order[:place]] == 0).all()
            assert (unlike[order[place:]] > 0).all()


def test_odd_sides_stop_the_squeezing() -> None:
    flow = RealNVP(spec((1, 14, 14)), width=8, scales=5)
    shapes = [m.s.shape[0] for m in flow.modules() if type(m).__name__ == "ActNorm"]
    assert shapes == [4]
    for factor, channels in ((True, [4, 8, 16]), (False, [4, 16, 64])):
        deep = RealNVP(spec((1, 32, 32)), width=4, couplings=1, scales=3, factor=factor)
        shapes = [m.s.shape[0] for m in deep.modules() if type(m).__name__ == "ActNorm"]
        assert shapes == channels


def test_what_does_not_fit_is_refused() -> None:
    any_kind = "'normal', 'gmm', 'kde' and 'empirical' fit data of any kind"
    for flow in (RealNVP, Glow):
        with pytest.raises(RequestError, match="'spline' and 'kde' fit a single feature"):
            flow(spec((1,)))
    with pytest.raises(
        RequestError, match=r"patch = 5 does not divide images of 8 x 12; .*1, 2, 4"
    ):
        TarFlow(spec((1, 8, 12)), patch=5)
    for flow in (RealNVP, Glow, TarFlow):
        for shape, kind in (((2, 8), "series"), ((1, 4, 4, 4), "volume")):
            with pytest.raises(
                RequestError, match=rf"vectors and images.* kind '{kind}'.*{any_kind}"
            ):
                flow(spec(shape))
    with pytest.raises(RequestError, match=r"kind 'image'.*'realnvp' and 'glow' fit images"):
        Spline(spec((1, 8, 8)))
    with pytest.raises(RequestError, match=rf"kind 'series'.*{any_kind}"):
        Spline(spec((2, 8)))


@torch.no_grad()
def test_images_with_continuous_values_are_taken_for_those_of_256_levels() -> None:
    flows = []
    for levels in (0, 256):
        torch.manual_seed(0)
        flows.append(RealNVP(DataSpec((1, 4, 4), "image", levels=levels), width=4))
    x = example((1, 4, 4), 5)
    assert torch.equal(flows[0].log_prob(x), flows[1].log_prob(x))


@pytest.mark.parametrize(
    "build",
    [
        partial(RealNVP, width=8, base="learned", couplings=3, scales=1),
        partial(
            Glow, width=8, depth=2, couplings=2, alpha=0.05, pixels="logit", norm=True, dense=1
        ),
        partial(RealNVP, width=8, couplings=2, scales=2, factor=False, components=1, norm=True),
        partial(TarFlow, width=8, blocks=2, depth=1),
        partial(Spline, width=8, bins=5, base="learned", bound=3.0),
    ],
    ids=["realnvp", "glow", "realnvp, all channels", "tarflow", "spline"],
)
def test_contract(build: Callable[[DataSpec], Density]) -> None:
    check_density(build)
