"""The variational bound, against models whose likelihood is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab import DataSpec, Degradation, GaussianDegradation, RequestError, build, right_expand
from genlab.diffusion import variational_bound
from genlab.testing import CosineNoise, Fade

SPEC = DataSpec((2,), "vector")


class Ideal:
    """The best estimate for data that is normal with deviation ``s`` around 0, and an error."""

    def __init__(self, s: float, degradation: GaussianDegradation, error: float = 0.0) -> None:
        self.degradation = degradation
        self.s, self.error = s, error

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        alpha = right_expand(self.degradation.alpha(t), x_t)
        sigma = right_expand(self.degradation.sigma(t), x_t)
        power = (alpha * self.s).square() + sigma.square()
        return alpha * self.s**2 / power * x_t + self.error


def bound(restorer: Ideal, n: int = 4000, batches: int = 10) -> tuple[float, float]:
    """Return the mean of the bound over examples, and its standard error.

    Within a batch noise levels are stratified, so that the error follows from the means of batches.
    """
    generator = torch.Generator().manual_seed(0)
    means = []
    for _ in range(batches):
        x = restorer.s * torch.randn(n, 2, generator=generator)
        found = variational_bound(restorer, x, SPEC, generator=generator)
        assert found.shape == (n,)
        means.append(found.mean())
    whole = torch.stack(means)
    return float(whole.mean()), float(whole.std()) / batches**0.5


@pytest.mark.parametrize("schedule", ["linear", "cosine", "flow", "edm"])
@pytest.mark.parametrize("s", [0.5, 1.0])
def test_the_bound_of_the_ideal_restorer_is_the_entropy(schedule: str, s: float) -> None:
    entropy = math.log(2 * math.pi * math.e * s**2)
    found, chance = bound(Ideal(s, build("degradation", "gaussian", schedule=schedule)))
    assert chance < 0.05
    assert found == pytest.approx(entropy, abs=4 * chance)


def test_an_error_of_the_restorer_loosens_the_bound_by_its_square() -> None:
    """The walk: 1/2 e^lambda |error|^2, integrated; and the decoder: |error|^2 over twice its variance."""
    error, finest = 0.01, 0.002
    ends = math.exp(-2 * math.log(finest)) - math.exp(
        2 * math.log(1 / math.tan(0.99 * math.pi / 2))
    )
    walked, decoded = 0.5 * ends * 2 * error**2, 2 * error**2 / (2 * finest**2)
    worse, better = (bound(Ideal(1.0, CosineNoise(), e))[0] for e in (error, 0.0))
    assert worse - better == pytest.approx(walked + decoded, rel=0.03)


class Spy(Ideal):
    """Remembers the times that it was asked at."""

    asked: list[Tensor]

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.asked.append(t)
        return super().__call__(x_t, t)


def test_noise_levels_are_evenly_spread_over_examples_and_within_each() -> None:
    restorer = Spy(1.0, CosineNoise())
    restorer.asked = []
    x = torch.randn(25, 2, dtype=torch.float64)
    variational_bound(restorer, x, SPEC, levels=4, generator=torch.Generator().manual_seed(0))
    log_snr = restorer.degradation.log_snr(torch.stack(restorer.asked[:-1]))  # (4, 25)
    most, least = -2 * math.log(0.002), 2 * math.log(1 / math.tan(0.99 * math.pi / 2))
    share = (log_snr - least) / (most - least)
    assert len(restorer.asked) == 5
    torch.testing.assert_close(
        share.flatten().sort().values.diff(), torch.full((99,), 0.01).double(), rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(
        share.sort(0).values.diff(dim=0), torch.full((3, 25), 0.25).double(), rtol=1e-4, atol=1e-6
    )


def test_more_noise_levels_leave_the_mean_and_less_of_its_chance() -> None:
    x = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    one, many = (
        variational_bound(
            Ideal(1.0, CosineNoise()),
            x,
            SPEC,
            levels=levels,
            generator=torch.Generator().manual_seed(1),
        )
        for levels in (1, 16)
    )
    assert float(many.std()) < 0.5 * float(one.std())
    chance = float(one.std()) / 4000**0.5
    assert float(many.mean()) == pytest.approx(float(one.mean()), abs=4 * chance)


# --- images, term by term

IMAGE = DataSpec((1, 4, 4), "image", levels=17)
WIDTH = 2 / 16


class Short(GaussianDegradation):
    """cos t and sin t: a good deal is left of the data at t = 1."""

    def alpha(self, t: Tensor) -> Tensor:
        return t.cos()

    def sigma(self, t: Tensor) -> Tensor:
        return t.sin()


class Knows:
    """A restorer that knows the data: it is off by alpha sigma z on the walk, and by ``error`` at its end.

    On the walk it makes the square of the noise count as much as chance is taken out, alpha^4 |z|^2.
    """

    def __init__(
        self, x_0: Tensor, error: float = 0.0, degradation: Degradation | None = None
    ) -> None:
        self.x_0, self.error = x_0, error
        self.degradation = degradation or Short()
        self.asked: list[Tensor] = []

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.asked.append(t)
        if len(self.asked) == 2:
            return self.x_0 + self.error
        alpha = right_expand(t.cos(), x_t)
        return self.x_0 - alpha * (x_t - alpha * self.x_0)


def normal(x: float) -> float:
    """The integral of the standard normal distribution up to x."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def terms(n: int, level: float, deviation: float, D: int) -> Tensor:
    """What is left at t = 1 and the walk, 1/2 (l_0 - l_1) sigmoid(l)^2 D at n stratified log-SNRs l."""
    least, most = 2 * math.log(1 / math.tan(1)), -2 * math.log(deviation)
    offset = torch.rand(1, generator=torch.Generator().manual_seed(0)).double()
    log_snr = least + (most - least) * ((torch.arange(n) / n + offset) % 1)
    walked = 0.5 * (most - least) * log_snr.sigmoid() ** 2 * D
    return 0.5 * math.exp(least) * D * level**2 + walked


@pytest.mark.parametrize(
    ("level", "error", "mass"),
    [
        (0.0, 0.0, normal(2) - normal(-2)),
        (0.5, WIDTH, normal(-2) - normal(-6)),
        (0.5, -WIDTH, normal(-2) - normal(-6)),
        (1.0, 0.0, normal(2)),
        (-1.0, 0.0, normal(2)),
        (1.0 - WIDTH, 0.0, normal(2) - normal(-2)),
        (-1.0 + WIDTH, 0.0, normal(2) - normal(-2)),
        (1.0, -WIDTH, normal(-2)),
        (-1.0, 60 * WIDTH / 4, 0.0),
        (-0.5, -60 * WIDTH / 4, 0.0),
    ],
)
def test_the_decoder_gives_a_grey_level_the_mass_of_its_cell(
    level: float, error: float, mass: float
) -> None:
    """A quarter of a level is its deviation; the outermost cells have no end; what is far is not log 0."""
    x = torch.full((50, 1, 4, 4), level, dtype=torch.float64)
    restorer = Knows(x, error)
    found = variational_bound(restorer, x, IMAGE, generator=torch.Generator().manual_seed(0))
    # the tail: P(z > a) = phi(a) / a (1 - 1/a^2 + ...) at a = 58
    nats = (
        -math.log(mass) if mass else 58**2 / 2 + math.log(58 * math.sqrt(2 * math.pi)) + 1 / 58**2
    )
    want = terms(50, level, WIDTH / 4, 16) + 16 * nats
    torch.testing.assert_close(found, want, rtol=1e-6, atol=1e-6)
    finest = torch.full((50,), math.atan(WIDTH / 4), dtype=torch.float64)
    torch.testing.assert_close(restorer.asked[1], finest)


@pytest.mark.parametrize("spec", [SPEC, DataSpec((1, 1, 2), "image", levels=0)])
def test_what_is_continuous_has_a_density(spec: DataSpec) -> None:
    """The decoder's, of deviation .002, of which the expected square is taken in place of what was drawn."""
    x = torch.full((50, *spec.shape), 0.3, dtype=torch.float64)
    found = variational_bound(Knows(x, 0.001), x, spec, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    torch.rand(1, generator=generator)
    for _ in range(2):
        z = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    excess = (z.flatten(1) ** 2 - 1).sum(1)
    decoded = 0.5 * 2 * 0.5**2 + 2 * math.log(0.002 * math.sqrt(2 * math.pi)) - 0.5 * excess
    torch.testing.assert_close(found, terms(50, 0.3, 0.002, 2) + decoded, rtol=1e-5, atol=1e-5)


def test_other_noise_is_refused() -> None:
    restorer = Knows(torch.zeros(1, 2), degradation=Fade())
    with pytest.raises(
        RequestError, match=r"the variational bound needs Gaussian noise, and Fade\(\) is none"
    ):
        variational_bound(restorer, torch.zeros(1, 2), SPEC, generator=torch.Generator())
