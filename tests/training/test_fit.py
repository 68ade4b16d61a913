"""Training as a library: own networks, own degradations, series, volumes, and priors, without a run."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab import (
    AdamW,
    ArrayDataset,
    DataSpec,
    Degradation,
    DegradationTags,
    Denoising,
    Examples,
    Prior,
    RequestError,
    Restorer,
    build,
    fit,
    fit_prior,
    trajectory,
)
from genlab.diffusion import end_of
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow, StepDown
from genlab.training import fit_density


class Sink(Degradation):
    """A degradation of a stranger: values sink to -1."""

    tags = DegradationTags(data=frozenset({"vector", "image"}))

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        return

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        t = t.reshape(-1, *[1] * (x_0.ndim - 1))
        return (1 - 0.7 * t) * x_0 - 0.7 * t

    def summarize(self, x_1: Tensor) -> Tensor:
        return x_1.flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return c.reshape(-1, *shape)


class Own(nn.Module):
    """A network of a stranger."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(side + 1, 32), nn.Tanh(), nn.Linear(32, side))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.layers(torch.cat([x.flatten(1), t[:, None]], 1))
        return out.reshape(x.shape)


def test_an_own_network_learns_to_undo_an_own_degradation() -> None:
    """From data to samples without a folder: two values become two values."""
    torch.manual_seed(0)
    x = torch.where(torch.arange(400) % 2 == 0, 0.9, -0.9)[:, None, None, None].expand(-1, 1, 1, 2)
    data = genlab.load(x)
    sink = Sink()
    restorer = Restorer(Own(2), sink, jitter=0.0)
    fitted = fit(
        Denoising(restorer), data.train, optimiser=AdamW(lr=5e-3), steps=300, batch=64, seed=1
    )
    first, last = fitted.history[0]["loss"], fitted.history[-1]["loss"]
    assert last < 0.25 * first
    prior = fit_prior(sink, data.train, density="empirical")
    generator = torch.Generator().manual_seed(0)
    x_1, z = prior.sample(50, generator=generator)
    walked = trajectory(restorer, StepDown(), x_1, z=z, steps=4, generator=generator)
    found = end_of(walked)
    assert float((found.abs() - 0.9).abs().mean()) < 0.15
    assert bool((found.sign()[..., 0] == found.sign()[..., 1]).all())
    assert 0.2 < float((found > 0).float().mean()) < 0.8


@pytest.mark.parametrize("shape", [(1, 16), (2, 9), (1, 4, 4, 4), (2, 3, 5, 2)])
def test_series_and_volumes_are_learned(shape: tuple[int, ...]) -> None:
    """Smooth data of two levels, by the small convolutional network and Gaussian noise."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    level = torch.randint(2, (128, *[1] * len(shape)), generator=generator) - 0.5
    data = ArrayDataset(x=level.expand(-1, *shape).contiguous())
    assert data.spec.kind == {2: "series", 4: "volume"}[len(shape)]
    backbone = build("backbone", "conv", data.spec, width=8, depth=2)
    objective = Denoising(Restorer(backbone, build("degradation", "gaussian")))
    fitted = fit(
        objective, data.load("train"), optimiser=AdamW(lr=1e-2), steps=40, batch=32, log_every=1
    )
    losses = [line["loss"] for line in fitted.history]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_the_seed_decides_and_the_global_generator_does_not() -> None:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    ends = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        module = Own(2)
        torch.rand(len(ends))
        fit(Denoising(Restorer(module, CosineNoise())), Examples(x), steps=5, batch=8, seed=seed)
        ends.append(module.layers[0].weight.detach().clone())
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({}, "a budget is needed"), ({"steps": 3, "lr": 1}, r"unknown parameter training\.lr")],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        fit(Denoising(Restorer(Own(2), CosineNoise())), Examples(torch.zeros(4, 2)), **settings)


# --- priors


def faded(n: int = 400) -> Examples:
    """Images of two channels, whose means are what is left of them."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(n, 2, generator=generator) @ torch.tensor([[0.3, 0.1], [0.0, 0.2]])
    noise = torch.randn(n, 2, 3, 3, generator=generator) / 10
    x = means[:, :, None, None] + noise - noise.mean((-2, -1), keepdim=True)
    return Examples(x, torch.arange(n) % 2)


def test_a_prior_that_is_fitted_has_the_moments_of_what_is_left() -> None:
    examples = faded()
    prior = fit_prior(Fade(), examples, density="normal")
    assert prior.density is not None
    assert not prior.density.training
    c = examples.x.mean((-2, -1)).double()  # type: ignore[union-attr]
    exact = torch.distributions.MultivariateNormal(c.mean(0), torch.cov(c.T, correction=0))
    at = torch.randn(50, 2, generator=torch.Generator().manual_seed(1)) / 5
    got = prior.density.log_prob(at).double()
    torch.testing.assert_close(got, exact.log_prob(at.double()), rtol=1e-2, atol=2e-2)
    x_1, z = prior.sample(5, generator=torch.Generator().manual_seed(0))
    assert x_1.shape == (5, 2, 3, 3)
    assert z is None
    assert prior.spec == DataSpec((2, 3, 3), "image")


def test_a_prior_that_is_trained_comes_near_to_it() -> None:
    """An affine flow, by its class, by a function, and as an object."""
    examples = faded()
    c = examples.x.mean((-2, -1)).double()  # type: ignore[union-attr]
    least = 0.5 * (2 * math.log(2 * math.pi * math.e) + torch.logdet(torch.cov(c.T, correction=0)))
    found = []
    left = DataSpec((2,), "vector")
    for density in (AffineFlow, lambda spec: AffineFlow(spec), AffineFlow(left)):
        heard: list[Any] = []
        prior = fit_prior(
            Fade(), examples, density=density, optimiser=AdamW(lr=0.05), steps=150, batch=200,
            log=heard.append,
        )  # fmt: skip
        assert prior.density is not None
        with torch.no_grad():
            found.append(-float(prior.density.log_prob(c.float()).mean()))
        assert heard[-1]["step"] == 150
    assert found == pytest.approx([float(least)] * 3, abs=0.02)
    assert found[0] == found[1]


def test_a_budget_takes_the_place_of_the_usual_one() -> None:
    heard: list[Any] = []
    fit_prior(
        Fade(), faded(100), density=AffineFlow, epochs=3, batch=50, log=heard.append, log_every=1
    )
    assert [line["step"] for line in heard] == [1, 2, 3, 4, 5, 6]


def test_how_a_prior_is_trained_is_refused_where_it_is_fitted_at_once() -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"steps": 3}, "steps"), ({"prior": "kde"}, "prior"), ({"optimiser": AdamW()}, "optimiser"),
    )  # fmt: skip
    for given, told in wrong:
        message = f"^{told}: the prior Normal is fitted at once, and not trained"
        with pytest.raises(RequestError, match=message):
            fit_prior(Fade(), faded(20), density="normal", **given)


def test_the_usual_prior_is_advised() -> None:
    prior = fit_prior(Fade(), faded(100))
    assert type(prior.density).__name__ == "GMM"
    assert fit_prior(CosineNoise(), faded(100)).density is None


def test_a_prior_with_a_spec_knows_the_classes() -> None:
    spec = DataSpec((2, 3, 3), "image", 2, ("a", "b"))
    shifted = faded()
    x = torch.as_tensor(shifted.x) + shifted.y[:, None, None, None]  # type: ignore[index]
    prior = fit_prior(Fade(), Examples(x, shifted.y), spec, density="normal")
    y = torch.arange(400) % 2
    x_1, _ = prior.sample(400, y, generator=torch.Generator().manual_seed(0))
    assert float(x_1[y == 1].mean() - x_1[y == 0].mean()) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("shape", "kind"), [((2,), "vector"), ((1, 4), "series"), ((1, 2, 2, 2), "volume")]
)
def test_the_kind_of_data_follows_from_its_shape(shape: tuple[int, ...], kind: str) -> None:
    x = torch.randn(50, *shape, generator=torch.Generator().manual_seed(0))
    assert fit_prior(CosineNoise(), Examples(x)).spec == DataSpec(shape, kind)  # type: ignore[arg-type]


def test_the_seed_of_a_prior_decides_alone() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    weights = []
    for seed in (0, 0, 1):
        prior = fit_prior(Fade(), faded(50), density=AffineFlow, steps=2, batch=8, seed=seed)
        assert isinstance(prior, Prior)
        assert isinstance(prior.density, AffineFlow)
        assert prior.density.lower is not None
        weights.append(prior.density.lower.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_first_weights_of_a_prior_follow_the_seed() -> None:
    spec = DataSpec((2, 3, 3), "image", 2)
    still, first = AdamW(lr=1e-12), []
    for seed in (0, 0, 1):
        prior = fit_prior(
            Fade(),
            faded(50),
            spec,
            density=AffineFlow,
            optimiser=still,
            steps=1,
            batch=8,
            seed=seed,
        )
        assert isinstance(prior.density, AffineFlow)
        assert prior.density.centres is not None
        first.append(prior.density.centres.detach())
    torch.testing.assert_close(first[0], first[1])
    assert float((first[0] - first[2]).abs().max()) > 0.01


def test_a_density_of_data_is_fitted_at_once() -> None:
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) * 2 + 1
    density = build("density", "normal", DataSpec((2,), "vector"))
    fit_density(density, Examples(x), seed=0)
    samples = density.sample(4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(samples.mean(0), x.mean(0), rtol=0, atol=0.15)
    torch.testing.assert_close(samples.std(0), x.std(0), rtol=0.05, atol=0)
