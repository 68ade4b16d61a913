"""A batch that is computed in several parts: the steps are those of the whole batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab import Denoising, Examples, Likelihood, Objective, RequestError, Restorer
from genlab.components.objective import Network
from genlab.testing.reference import CosineNoise
from genlab.testing.tiny import AffineFlow, Perceptron, TwoNormals
from genlab.training import Training, settings_of

POINTS = TwoNormals()


def examples() -> Examples:
    found = POINTS.load("train")
    y = found.y.clone()
    y[::5] = -1
    return Examples(found.x, y)


def denoising(**options: Any) -> Denoising:
    torch.manual_seed(1)
    restorer = Restorer(Perceptron(POINTS.spec), CosineNoise(), jitter=0.1)
    return Denoising(restorer, terminal=0.3, label_dropout=0.4, **options)


def likelihood() -> Likelihood:
    torch.manual_seed(1)
    return Likelihood(AffineFlow(POINTS.spec), cross_entropy=0.5)


def steps(objective: Objective, **settings: Any) -> tuple[list[float], dict[str, Tensor]]:
    """Return the loss of every step, and the averaged weights after them."""
    given = {"steps": 25, "batch": 20, "precision": "fp32", "ema": 0.8, "clip": 0.5, **settings}
    made = Training(objective, examples(), settings_of(given), seed=3)
    return [float(record.loss) for record in made], made.averaged.state_dict()


@pytest.mark.parametrize("parts", [2, 3, 20])
@pytest.mark.parametrize(
    "make", [denoising, lambda: denoising(weight="min-snr", loss="l1"), likelihood]
)
def test_parts_are_the_whole(make: Any, parts: int) -> None:
    """Of equal sizes and others: times, noise, hidden labels and clipping are those of the whole batch."""
    losses, weights = steps(make())
    in_parts, others = steps(make(), accumulate=parts)
    assert in_parts == pytest.approx(losses, rel=1e-5)
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=1e-4, atol=1e-6)


def test_no_part_is_larger_than_its_share() -> None:
    seen: list[int] = []
    objective = denoising()
    objective.module.register_forward_hook(lambda module, given, out: seen.append(len(given[0])))
    steps(objective, accumulate=3, steps=2)
    assert seen == [6, 7, 7] * 2


class Whole(Objective):
    """A loss that is none of parts."""

    def __init__(self, module: nn.Module) -> None:
        self.net = module

    @property
    def module(self) -> nn.Module:
        return self.net

    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        return network(x, torch.zeros(len(x))).square().mean()


class Own(Denoising):
    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        return 2 * super().__call__(network, x, y, generator=generator)


def test_what_cannot_be_cut_is_refused() -> None:
    whole = Whole(Perceptron(POINTS.spec))
    steps(whole, steps=1)
    with pytest.raises(
        RequestError, match=r"accumulate = 2: the objective Whole computes a batch at"
    ):
        steps(whole, accumulate=2)
    with pytest.raises(RequestError, match=r"accumulate = 2: the objective Own has a __call__"):
        steps(Own(Restorer(Perceptron(POINTS.spec), CosineNoise())), accumulate=2)
    with pytest.raises(RequestError, match=r"batch = 20: .* = 21 cut it into 21 parts.*batch = 21"):
        steps(denoising(), accumulate=21)


def test_a_setting_of_a_run() -> None:
    with pytest.raises(RequestError, match=r"training\.accumulate"):
        genlab.run(set={"training.accumulate": 0})
