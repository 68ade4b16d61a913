"""Restoring: from which time, with which draw, by which way; and what another degradation did."""

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
    DiffusionModel,
    Prior,
    RequestError,
    Restorer,
    build,
    restore,
)
from genlab.diffusion import check_time, restore_by_posterior
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow, StepDown

SPEC = DataSpec((1, 4, 4), "image", 3, ("1", "2", "3"))


class Asked(nn.Module):
    """A network that says nothing, or a constant, and remembers what it was asked."""

    def __init__(self, answer: float = 0.0) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[Tensor, float, list[int] | None]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.asked.append((x, float(t[0]), None if y is None else y.tolist()))
        return torch.full_like(x, self.answer)

    @property
    def times(self) -> list[float]:
        return [t for _, t, _ in self.asked]


class Hides(Fade):
    """Hides pixels that are drawn for each example."""

    tags = DegradationTags(stochastic=True)

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:  # type: ignore[override]
        return torch.rand(x_0.shape, generator=generator, dtype=x_0.dtype)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        assert z is not None
        return torch.where(z < t.reshape(-1, 1, 1, 1), 0.0, x_0)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return self.degrade(x, t, z)

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return self.degrade(y, t, z)


def model(
    degradation: Degradation | None = None, network: nn.Module | None = None, **more: Any
) -> DiffusionModel:
    degradation = degradation or CosineNoise()
    gaussian = isinstance(degradation, CosineNoise)
    density = None if gaussian else AffineFlow(DataSpec((1,), "vector"))
    restorer = Restorer(
        network or Asked(), degradation, prediction="x0", jitter=more.pop("jitter", 0.0)
    )
    return DiffusionModel(SPEC, restorer, Prior(degradation, SPEC, density), StepDown(), **more)


def network(made: DiffusionModel) -> Asked:
    found = made.restorer.backbone.module
    assert isinstance(found, Asked)
    return found


X = torch.rand(3, *SPEC.shape, generator=torch.Generator().manual_seed(0)) - 0.5


# --- what the model's own degradation did


@pytest.mark.parametrize("t", [1.0, 0.5, 0.1])
def test_a_trajectory_begins_at_the_time_of_the_data(t: float) -> None:
    made = model(Fade())
    restore(made, X, t=t, sampler=StepDown(), steps=4)
    assert network(made).times == pytest.approx([t, 0.75 * t, 0.5 * t, 0.25 * t])
    assert torch.equal(network(made).asked[0][0], X)


def test_without_a_sampler_it_is_the_restorer_s_own_answer() -> None:
    made = model(Fade(), Asked(0.25))
    got = restore(made, X, t=0.5)
    ((x, t, y),) = network(made).asked
    assert (t, y) == (0.5, None)
    assert torch.equal(x, X)
    torch.testing.assert_close(got, X + 0.25)


def test_the_usual_steps_are_the_sampler_s() -> None:
    made = model(Fade(), steps=7)
    restore(made, X, sampler=StepDown())
    assert len(network(made).times) == StepDown.usual_steps


def test_what_is_restored_follows_a_label() -> None:
    for sampler in (None, StepDown()):
        made = model(Fade(), conditional=True)
        restore(made, X, sampler=sampler, label=["1", 2, 0], steps=1 if sampler else None)
        assert network(made).asked[0][2] == [0, 2, 0]
    with pytest.raises(RequestError, match="trained without classes"):
        restore(model(Fade()), X, label=0)


@pytest.mark.parametrize("sampler", [None, StepDown()])
def test_data_is_seen_under_the_noise_of_training_by_the_seed(sampler: StepDown | None) -> None:
    made = model(Fade(), jitter=0.3)
    x = torch.zeros(500, *SPEC.shape)
    answers = [restore(made, x, sampler=sampler, seed=seed) for seed in (0, 0, 1)]
    noise = network(made).asked[0][0]
    assert float(noise.std()) == pytest.approx(0.3, rel=0.05)
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


def test_answers_are_in_the_range_of_the_data() -> None:
    for sampler in (None, StepDown()):
        got = restore(model(Fade(), Asked(3.0)), X, sampler=sampler)
        assert float(got.max()) == 1.0


def test_what_was_drawn_leads_the_way_back() -> None:
    """Pixels that are hidden at t = .6 come back in the order of their draw."""
    hides = Hides()
    z = hides.draw(X, generator=torch.Generator().manual_seed(3))
    x_t = hides.degrade(X, torch.full((3,), 0.6), z)
    made = model(hides, Asked(0.0))
    restore(made, x_t, t=0.6, z=z, sampler=StepDown(), steps=3)
    seen = [x for x, *_ in network(made).asked]
    for x, t in zip(seen, (0.6, 0.4, 0.2), strict=True):
        assert bool((x[z < t] == 0).all())
    with pytest.raises(RequestError, match=r"Hides draws something for each example.*give it as z"):
        restore(made, x_t, t=0.6, sampler=StepDown())
    assert restore(made, x_t, t=0.6).shape == X.shape, "the restorer's own answer needs no draw"


def test_noise_needs_no_draw() -> None:
    assert restore(model(), X, t=0.5, sampler=StepDown()).shape == X.shape


@pytest.mark.parametrize("t", [0.0, -0.5, 1.01, math.nan])
def test_times_out_of_range_are_refused(t: float) -> None:
    for refused in (
        lambda: check_time(t),
        lambda: restore(model(), X, t=t),
        lambda: restore_by_posterior(model(), X, Fade(), t=t),
    ):
        with pytest.raises(RequestError, match=r"a time of degraded data is in \(0, 1\]"):
            refused()
    check_time(1.0)
    check_time(1e-9)


def test_another_shape_is_refused() -> None:
    for refused in (
        lambda: restore(model(), torch.zeros(2, 1, 5, 5)),
        lambda: restore_by_posterior(model(), torch.zeros(2, 1, 5, 5), Fade()),
    ):
        with pytest.raises(RequestError, match=r"the data has the shape \(1, 5, 5\)"):
            refused()


# --- what another, linear degradation did


class Half(nn.Module):
    """Says what it sees, halved: an estimate that differs from example to example."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x / 2


@pytest.mark.parametrize("sampler", [None, "ddim", "ddpm"])
def test_what_is_restored_explains_what_was_done(sampler: str | None) -> None:
    """And the rest differs by the seed: it is drawn by the model."""
    made = model(network=Half())
    y = Fade().degrade(X, torch.full((3,), 0.5), None)
    how = {"sampler": None if sampler is None else build("sampler", sampler), "steps": 5}
    got = restore_by_posterior(made, y, Fade(), t=0.5, **how)
    torch.testing.assert_close(got, X, rtol=0, atol=1e-3)  # half faded, all of it is known
    mean = Fade().degrade(X, torch.ones(3), None)
    one, same, other = (
        restore_by_posterior(made, mean, Fade(), t=1.0, seed=seed, **how) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    torch.testing.assert_close(one.mean((1, 2, 3)), X.mean((1, 2, 3)), rtol=0, atol=1e-2)
    assert float(one.std()) > 0.05


def test_pixels_that_are_seen_stay() -> None:
    hides = Hides()
    z = hides.draw(X, generator=torch.Generator().manual_seed(3))
    y = hides.degrade(X, torch.full((3,), 0.6), z)
    got = restore_by_posterior(model(network=Half()), y, hides, t=0.6, z=z)
    torch.testing.assert_close(got[z >= 0.6], X[z >= 0.6], rtol=0, atol=1e-4)
    with pytest.raises(RequestError, match=r"Hides draws something for each example.*give it as z"):
        restore_by_posterior(model(), y, hides, t=0.6)


def test_the_model_walks_from_its_prior_with_its_own_steps() -> None:
    made = model(steps=4)
    restore_by_posterior(made, X, Fade(), t=0.5)
    assert network(made).times == pytest.approx([1, 0.75, 0.5, 0.25])
    assert float(network(made).asked[0][0].std()) > 0.7, "it begins with noise"
    other = model(steps=4)
    restore_by_posterior(other, X, Fade(), steps=2)
    assert network(other).times == pytest.approx([1, 0.5])


def test_another_sampler_walks_with_its_usual_steps() -> None:
    class Longer(StepDown):
        usual_steps = 6
        taken = 0

        def step(self, *args: Any) -> Any:
            self.taken += 1
            return super().step(*args)

    made, longer = model(steps=4), Longer()
    restore_by_posterior(made, X, Fade(), sampler=longer)
    assert longer.taken == len(network(made).times) == 6


def test_a_label_is_followed() -> None:
    made = model(conditional=True)
    restore_by_posterior(made, X, Fade(), label=0, steps=1)
    assert network(made).asked[0][2] == [0, 0, 0]


def test_what_is_not_linear_is_refused() -> None:
    with pytest.raises(RequestError, match=r"Ink\(.*\) is no LinearDegradation"):
        restore_by_posterior(model(), X, build("degradation", "ink"))


def test_a_model_that_starts_from_what_is_left_is_refused() -> None:
    with pytest.raises(
        RequestError, match=r"Fade\(\) leaves something of the data: take a run of a Gaussian"
    ):
        restore_by_posterior(model(Fade()), X, Fade())
