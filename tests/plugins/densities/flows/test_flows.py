"""The flows as densities: against autograd, integrals and Bayes' rule."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab import DataSpec, RequestError
from genlab.testing import check_density
from genlab_plugins.densities.flows.base import GaussianBase
from genlab_plugins.densities.flows.flow import TransformedFlow
from genlab_plugins.densities.glow import Glow
from genlab_plugins.densities.realnvp import RealNVP
from genlab_plugins.densities.spline import Spline

FLOWS = {
    "realnvp": partial(RealNVP, width=8),
    "glow": partial(Glow, width=8),
    "spline": partial(Spline, width=8),
}
IMAGES = ["realnvp", "glow"]
SHAPES = [(1, 8, 8), (3, 4, 6), (1, 7, 5), (2, 14, 14), (1, 2, 2)]


def spec(shape: tuple[int, ...], classes: int = 0) -> DataSpec:
    kind = "vector" if len(shape) == 1 else "image"
    return DataSpec(shape, kind, classes, tuple("abcdefgh"[:classes]))  # type: ignore[arg-type]


def example(shape: tuple[int, ...], n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if len(shape) == 1:
        return torch.randn(n, *shape, generator=generator)
    return torch.rand(n, *shape, generator=generator) * 2 - 1


def build(
    name: str, shape: tuple[int, ...], classes: int = 0, *, seed: int = 0, noise: float = 0.05
) -> TransformedFlow:
    """Build a flow that is no special case: initialised on data, then with random parameters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = FLOWS[name](spec(shape, classes))
        flow.initialise(example(shape, 64), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for p in flow.parameters():
                p.add_(noise * torch.randn_like(p))
    return flow.eval()


@pytest.mark.parametrize("name", FLOWS)
@settings(max_examples=8, deadline=None)
@given(
    features=st.integers(2, 7),
    seed=st.integers(0, 2**16),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@torch.no_grad()
def test_vectors_come_back(name: str, features: int, seed: int, dtype: torch.dtype) -> None:
    flow = build(name, (features,), seed=seed).to(dtype)
    x = example((features,), 16, seed).to(dtype)
    z, ladj = flow.encode(x)
    again, back = flow.decode(z)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(again, x, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(ladj, -back, atol=10 * tolerance, rtol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_images_come_back(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    flow, x = build(name, shape).to(dtype), example(shape, 4).to(dtype)
    z, ladj = flow.encode(x)
    again, back = flow.decode(z)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    assert z.shape == x.shape
    torch.testing.assert_close(again, x, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(ladj, -back, atol=10 * tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("name", "shape"),
    [(n, (4,)) for n in FLOWS] + [(n, s) for n in IMAGES for s in ((1, 4, 4), (3, 2, 2))],
)
def test_ladj_is_autograds(name: str, shape: tuple[int, ...]) -> None:
    flow, x = build(name, shape).double(), example(shape, 2).double()
    for function, points in ((flow.encode, x), (flow.decode, flow.encode(x)[0].detach())):
        ladj = function(points)[1]
        for i in range(2):
            point = points[i : i + 1]
            jacobian = torch.autograd.functional.jacobian(lambda p, f=function: f(p)[0], point)
            n = point.numel()
            truth = torch.linalg.slogdet(jacobian.reshape(n, n)).logabsdet
            torch.testing.assert_close(ladj[i], truth, atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("name", FLOWS)
@torch.no_grad()
def test_densities_of_the_plane_integrate_to_one(name: str) -> None:
    flow = build(name, (2,)).double()
    side = torch.linspace(-9, 9, 301, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    parts = [flow.log_prob(part).exp().sum() for part in grid.split(10_000)]
    mass = float(sum(parts)) * float(side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=0.02)


@torch.no_grad()
def test_a_density_of_the_line_integrates_to_one() -> None:
    flow = build("spline", (1,)).double()
    side = torch.linspace(-12, 12, 8001, dtype=torch.float64)
    mass = float(flow.log_prob(side[:, None]).exp().sum()) * float(side[1] - side[0])
    assert mass == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(
    ("name", "shape"), [(n, (3,)) for n in FLOWS] + [(n, (1, 8, 8)) for n in IMAGES]
)
@torch.no_grad()
def test_extremes_stay_finite(name: str, shape: tuple[int, ...], autocast: bool) -> None:
    flow = build(name, shape, classes=3)
    values = torch.tensor([-1.0, 1.0, -2.0, 2.0, -1e3, 1e3])
    x = values.reshape(-1, *(1 for _ in shape)).expand(-1, *shape)
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


@pytest.mark.parametrize(
    ("name", "shape"), [(n, (3,)) for n in FLOWS] + [(n, (1, 8, 8)) for n in IMAGES]
)
@torch.no_grad()
def test_examples_do_not_see_their_batch(name: str, shape: tuple[int, ...]) -> None:
    flow, x = build(name, shape, classes=3), example(shape, 5)
    alone = torch.cat([flow.joint_log_prob(x[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(flow.joint_log_prob(x), alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "shape"), [(n, (3,)) for n in FLOWS] + [(n, (1, 8, 8)) for n in IMAGES]
)
@torch.no_grad()
def test_state_makes_a_twin(name: str, shape: tuple[int, ...]) -> None:
    flow, x = build(name, shape, classes=3), example(shape, 5)
    twin = build(name, shape, classes=3, seed=9)
    assert not torch.allclose(twin.log_prob(x), flow.log_prob(x))
    twin.load_state_dict(flow.state_dict())
    assert torch.equal(twin.joint_log_prob(x), flow.joint_log_prob(x))
    one, other = (f.sample(3, generator=torch.Generator().manual_seed(1)) for f in (flow, twin))
    assert torch.equal(one, other)


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
    flow = build(name, (2,), classes=3)
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


def test_odd_sides_stop_the_squeezing() -> None:
    flow = RealNVP(spec((1, 14, 14)), width=8, scales=5)
    shapes = [m.s.shape[0] for m in flow.modules() if type(m).__name__ == "ActNorm"]
    assert shapes == [4]
    deep = RealNVP(spec((1, 32, 32)), width=4, couplings=1, scales=3)
    shapes = [m.s.shape[0] for m in deep.modules() if type(m).__name__ == "ActNorm"]
    assert shapes == [4, 8, 16]


def test_what_does_not_fit_is_refused() -> None:
    for flow in (RealNVP, Glow):
        with pytest.raises(RequestError, match="'spline' and 'kde' fit a single feature"):
            flow(spec((1,)))
    with pytest.raises(RequestError, match="'realnvp' and 'glow' fit images"):
        Spline(spec((1, 8, 8)))


@pytest.mark.parametrize("name", FLOWS)
def test_the_contract_holds(name: str) -> None:
    check_density(FLOWS[name])
