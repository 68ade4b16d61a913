"""Interpolation: what is mixed, with which randomness, and from where it is walked back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import (
    DataSpec,
    Degradation,
    DegradationTags,
    DensityModel,
    DiffusionModel,
    Prior,
    RequestError,
    Restorer,
    build,
    interpolate,
)
from genlab.diffusion import Model, latent_mean
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow, StepDown

OMEGA = 0.99 * math.pi / 2
D = 4000
SPEC = DataSpec((D,), "vector")


class Covers(Fade):
    """Hides a share of the coordinates, which are drawn for each example."""

    tags = DegradationTags(stochastic=True, data=frozenset({"vector"}))

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:  # type: ignore[override]
        return torch.rand(x_0.shape, generator=generator)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        assert z is not None
        return torch.where(z < t[:, None], 0.0, x_0)


class Still(StepDown):
    """Stays where it is, so that what comes out is what was mixed."""

    usual_steps = 1

    def __init__(self) -> None:
        self.began: list[tuple[Tensor, Tensor | None, float]] = []

    def init(
        self, restorer: Any, x_t: Any, t: Tensor, z: Any, *, generator: torch.Generator
    ) -> Any:
        self.began.append((t, z, float(torch.rand(1, generator=generator))))
        return None

    def step(self, restorer: Any, x_t: Tensor, t: Any, s: Any, state: Any) -> tuple[Tensor, Any]:
        return x_t, None


class Zero(nn.Module):
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.zeros_like(x)


def diffusion(degradation: Degradation, spec: DataSpec = SPEC) -> tuple[DiffusionModel, Still]:
    sampler = Still()
    restorer = Restorer(Zero(), degradation, jitter=0.0)
    return DiffusionModel(spec, restorer, Prior(degradation, spec, None), sampler), sampler


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


@pytest.mark.parametrize("path", [None, "linear", "slerp"])
def test_the_two_ends_get_noise_of_their_own(path: Any) -> None:
    """Half-way, a straight line has half of the noise's variance, and slerp stays on the great circle."""
    made, sampler = diffusion(CosineNoise())
    a, b = torch.full((D,), 2.0), torch.full((D,), -1.0)
    t = 0.5
    found = interpolate(made, a, b, points=3, t=t, path=path)
    alpha, sigma = math.cos(OMEGA * t), math.sin(OMEGA * t)
    z_a, z_b = (found[0] - alpha * a) / sigma, (found[-1] - alpha * b) / sigma
    for z in (z_a, z_b):
        assert float(z.std()) == pytest.approx(1, rel=0.05)
        assert float(z.mean()) == pytest.approx(0, abs=0.1)
    assert abs(correlation(z_a, z_b)) < 5 / math.sqrt(D)
    if path != "slerp":
        torch.testing.assert_close(found[1], (found[0] + found[2]) / 2)
        assert float(found[1].var()) == pytest.approx(sigma**2 / 2, rel=0.1)
    else:
        cosine = found[0] @ found[2] / (found[0].norm() * found[2].norm())
        half = math.acos(float(cosine)) / 2
        torch.testing.assert_close(
            found[1], (found[0] + found[2]) * math.sin(half) / math.sin(2 * half)
        )
    assert all(z is None for _, z, _ in sampler.began), "noise is found again from where one is"


def test_what_is_hidden_is_hidden_at_both_ends() -> None:
    made, sampler = diffusion(Covers())
    a, b = torch.ones(2, D), torch.full((2, D), 3.0)
    found = interpolate(made, a, b, points=3, t=0.4)
    assert torch.equal(found[0] == 0, found[-1] == 0)
    assert float((found[0] == 0).float().mean()) == pytest.approx(0.4, abs=0.04)
    assert not torch.equal(found[0, 0] == 0, found[0, 1] == 0), "each pair has a draw of its own"
    torch.testing.assert_close(found[1], torch.where(found[0] == 0, 0.0, 2.0))
    draws = [z for _, z, _ in sampler.began]
    assert draws[0] is not None
    assert len(draws) == 3
    assert all(z is not None and torch.equal(z, draws[0]) for z in draws)
    assert torch.equal(draws[0] < 0.4, found[0] == 0)


def test_every_point_is_walked_back_from_there_with_the_same_randomness() -> None:
    made, sampler = diffusion(CosineNoise())
    interpolate(made, torch.zeros(D), torch.zeros(D), points=4, t=0.3, seed=5)
    assert len(sampler.began) == 4
    assert [float(t) for t, *_ in sampler.began] == pytest.approx([0.3] * 4)
    assert len({number for *_, number in sampler.began}) == 1


class Unmoved(StepDown):
    """Draws nothing, and remembers how many examples it was given."""

    usual_steps = 1

    def __init__(self) -> None:
        self.given: list[tuple[Tensor, Tensor]] = []

    def init(
        self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: torch.Generator
    ) -> Any:
        self.given.append((x_t, z))
        return None

    def step(self, restorer: Any, x_t: Tensor, t: Any, s: Any, state: Any) -> tuple[Tensor, Any]:
        return x_t, None


def test_points_of_a_walk_that_draws_nothing_are_walked_back_together() -> None:
    made, _ = diffusion(Covers())
    a, b = torch.ones(2, D), torch.full((2, D), 3.0)
    walk, apart = Unmoved(), Still()
    found = interpolate(made, a, b, points=5, t=0.4, sampler=walk)
    assert [len(x_t) for x_t, _ in walk.given] == [2, 8]
    assert torch.equal(found, interpolate(made, a, b, points=5, t=0.4, sampler=apart))
    (_, z), (_, rest) = walk.given
    assert torch.equal(rest.unflatten(0, (4, 2)), z.expand(4, 2, D))
    many = Unmoved()
    interpolate(made, a[0].expand(100, D), b[0].expand(100, D), points=5, sampler=many)
    assert [len(x_t) for x_t, _ in many.given] == [100, 200, 200]


def test_the_seed_decides_and_steps_and_sampler_can_be_said() -> None:
    made, _ = diffusion(CosineNoise())
    a, b = torch.zeros(D), torch.ones(D)
    assert torch.equal(interpolate(made, a, b, 2), interpolate(made, a, b, 2))
    assert not torch.equal(interpolate(made, a, b, 2), interpolate(made, a, b, 2, seed=1))
    asked: list[float] = []

    class Counts(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            asked.append(float(t[0]))
            return torch.zeros_like(x)

    made.restorer = Restorer(Counts(), CosineNoise())
    interpolate(made, a, b, 2, t=0.5, steps=3, sampler=build("sampler", "ddim"))
    assert asked == pytest.approx([0.5, 1 / 3, 1 / 6] * 2)


def test_one_example_or_several() -> None:
    made, _ = diffusion(Fade())
    a, b = torch.randn(2, 3, D)
    assert interpolate(made, a[0], b[0], points=4).shape == (4, D)
    assert interpolate(made, a, b, points=4).shape == (4, 3, D)


def test_images_end_in_their_range() -> None:
    spec = DataSpec((1, 2, 2), "image")
    made, _ = diffusion(Fade(), spec)
    found = interpolate(made, torch.full((1, 2, 2), 1.5), torch.full((1, 2, 2), -1.5), points=3)
    assert found[:, 0, 0, 0].tolist() == [1.0, 0.0, -1.0]


class Steep(Unmoved):
    """Ends on one of two levels, with a short way between them."""

    def step(self, restorer: Any, x_t: Tensor, t: Any, s: Any, state: Any) -> tuple[Tensor, Any]:
        return (40 * (x_t - 0.2)).tanh(), None


def steps_of(x: Tensor) -> Tensor:
    return (x[1:] - x[:-1]).flatten(2).norm(dim=2)


def test_even_points_of_a_path_that_jumps_differ_alike() -> None:
    """In the order of the path and between the same ends, each path by itself."""
    made, _ = diffusion(Fade())
    a, b = torch.full((2, D), -1.0), torch.full((2, D), 1.0)
    b[1] = 0.5
    jumping = interpolate(made, a, b, 9, sampler=Steep())
    even = interpolate(made, a, b, 9, sampler=Steep(), even=True)
    assert float((steps_of(jumping).amax(0) / steps_of(jumping).mean(0)).min()) > 5
    assert float((steps_of(even).amax(0) / steps_of(even).mean(0)).max()) < 1.5
    assert torch.equal(even[[0, -1]], jumping[[0, -1]])
    assert bool((even[1:] >= even[:-1]).all())
    alone = interpolate(made, a[1], b[1], 9, sampler=Steep(), even=True)
    torch.testing.assert_close(alone, even[:, 1])
    for points in (1, 2):
        few = interpolate(made, a, b, points, sampler=Steep(), even=True)
        assert torch.equal(few, interpolate(made, a, b, points, sampler=Steep()))


def test_points_that_differ_alike_stay_where_they_are() -> None:
    made, _ = diffusion(Fade())
    a, b = torch.zeros(1, D), torch.ones(1, D)
    even = interpolate(made, a, b, 6, sampler=Unmoved(), even=True)
    torch.testing.assert_close(even, interpolate(made, a, b, 6, sampler=Unmoved()))


# --- flows


def flow(spec: DataSpec) -> DensityModel:
    """An affine flow with random weights."""
    made = AffineFlow(spec)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=generator))
    return DensityModel(spec, made)


PLANE = DataSpec((2,), "vector")


@torch.no_grad()
def test_a_flow_mixes_in_its_latent_space() -> None:
    """On great circles unless a straight path is asked for, which is straight in data for an affine flow."""
    made = flow(PLANE)
    a, b = torch.tensor([2.0, 0.5]), torch.tensor([-1.0, 1.5])
    straight = interpolate(made, a, b, points=5, path="linear")
    share = torch.linspace(0, 1, 5)[:, None]
    torch.testing.assert_close(straight, (1 - share) * a + share * b)
    curved = interpolate(made, a, b, points=5)
    torch.testing.assert_close(curved, interpolate(made, a, b, points=5, path="slerp"))
    z = made.flow.encode(curved)[0]
    u, v = z[0] / z[0].norm(), z[-1] / z[-1].norm()
    angle = torch.acos((u * v).sum())
    weights = torch.sin((1 - share) * angle), torch.sin(share * angle)
    torch.testing.assert_close(z, (weights[0] * z[0] + weights[1] * z[-1]) / torch.sin(angle))


def test_the_mean_of_latents_is_the_mean_of_data_for_an_affine_flow() -> None:
    """In more than one batch."""
    x = torch.randn(1203, 2, generator=torch.Generator().manual_seed(0)) + 3
    torch.testing.assert_close(latent_mean(flow(PLANE), x), x.mean(0))


def test_images_of_a_flow_stay_in_their_range() -> None:
    spec = DataSpec((1, 2, 2), "image")
    x = torch.full((2, 1, 2, 2), 4.0)
    assert bool((latent_mean(flow(spec), x) == 1).all())
    assert bool((interpolate(flow(spec), x, x, 2) == 1).all())


# --- refusals


class Nothing(Model):
    """A model that nobody knows how to mix."""

    averaged = False

    def sample(self, n: int, **more: Any) -> Tensor:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("made", "a", "b", "more", "message"),
    [
        ("diffusion", (D,), (D,), {"t": 0.0}, r"t = 0\.0: a time of degraded data is in \(0, 1\]"),
        ("diffusion", (D,), (D,), {"t": 1.5}, r"t = 1\.5"),
        ("diffusion", (D,), (D,), {"path": "curly"}, "unknown path 'curly'"),
        ("diffusion", (2, D), (3, D), {}, "there are 2 examples to begin with and 3 to end with"),
        ("diffusion", (3,), (3,), {}, r"the data has the shape \(3,\)"),
        ("diffusion", (D,), (D,), {"steps": 0}, "at least one step"),
        ("normal", (2,), (2,), {}, "Normal is no flow and has no latent space"),
        ("nothing", (2,), (2,), {}, "Nothing has nothing to interpolate in"),
    ],
)
def test_what_cannot_be_mixed_is_refused(
    made: str, a: tuple[int, ...], b: tuple[int, ...], more: dict[str, Any], message: str
) -> None:
    models: dict[str, Model] = {
        "diffusion": diffusion(CosineNoise())[0],
        "normal": DensityModel(PLANE, build("density", "normal", PLANE)),
        "nothing": Nothing(PLANE, device=torch.device("cpu"), conditional=False, batch=1),
    }
    with pytest.raises(RequestError, match=message):
        interpolate(models[made], torch.zeros(a), torch.zeros(b), **more)


def test_a_density_without_a_latent_space_has_no_mean_there() -> None:
    made = DensityModel(PLANE, build("density", "normal", PLANE))
    with pytest.raises(RequestError, match="has no latent space"):
        latent_mean(made, torch.zeros(3, 2))
