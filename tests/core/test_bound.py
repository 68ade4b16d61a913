"""The variational bound, against models whose likelihood is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import genlab
from genlab import DataSpec
from genlab.evaluation import variational_bound
from genlab.evaluation.bound import _decoder
from genlab.protocols.degradation import right_expand

SPEC = DataSpec((2,), "vector")


class Ideal:
    """The best estimate for data that is normal with deviation ``s`` around 0."""

    def __init__(self, s: float, schedule: str, error: float = 0.0) -> None:
        self.degradation = genlab.build("degradation", "gaussian", schedule=schedule)
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
    found, chance = bound(Ideal(s, schedule))
    assert chance < 0.05
    assert found == pytest.approx(entropy, abs=4 * chance)


def test_a_worse_restorer_gives_a_looser_bound() -> None:
    assert bound(Ideal(1.0, "cosine", error=0.01))[0] > bound(Ideal(1.0, "cosine"))[0] + 1


def test_the_decoder_gives_each_grey_level_its_mass() -> None:
    levels = torch.linspace(-1, 1, 17, dtype=torch.float64).reshape(-1, 1, 1, 1)
    for mean, deviation in ((0.3, 0.1), (-1.0, 0.02), (0.9, 3.0)):
        nats = _decoder(levels, torch.full_like(levels, mean), deviation, 2 / 16)
        assert float(torch.exp(-nats).sum()) == pytest.approx(1, abs=1e-12)
    far = _decoder(levels[-1:], torch.full((1, 1, 1, 1), -1.0).double(), 0.02, 2 / 16)
    assert 1000 < float(far) < 1e5  # finite, where a difference of integrals would be log 0


def test_runs_report_their_bound(digits_run: genlab.Run, blur_run: genlab.Run) -> None:
    found = {record["name"]: record for record in digits_run.metrics["metrics"]}
    bits = found["bound-bits-per-dim"]["value"]
    nats = found["bound"]["value"] / math.prod(digits_run.spec.shape)
    assert bits == pytest.approx(nats / math.log(2))
    assert 0 < bits < math.log2(digits_run.spec.levels) + 8
    names = {record["name"] for record in blur_run.metrics["metrics"]}
    assert not [name for name in names if name.startswith("bound")]
