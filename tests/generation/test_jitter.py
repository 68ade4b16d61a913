"""Noise over degraded data: as much as was asked where a walk starts, and none where it ends."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import genlab
from genlab import DataSpec
from genlab.generation import DiffusionModel
from genlab.restorer import jittered
from genlab.training import DiffusionObjective

SIGMA = 0.5


class Remembers(torch.nn.Module):
    """A network that remembers what it saw, and answers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.seen.append(x_t)
        return torch.zeros_like(x_t)


def test_training_sees_the_same_noise_and_aims_at_clean_data() -> None:
    x = torch.zeros(2000, 1, 4, 4)
    blur = genlab.build("degradation", "blur")
    restorer = genlab.Restorer(
        genlab.build("backbone", "unet", DataSpec((1, 4, 4), "image"), channels=[8]), blur, "x0"
    )
    network = Remembers()
    objective = DiffusionObjective(restorer, "l2", jitter=SIGMA)
    loss = objective(network, x, None, generator=torch.Generator().manual_seed(0))
    [seen] = network.seen
    assert float(seen.std()) == pytest.approx(SIGMA, rel=0.02)
    # blurred black stays black, so that what is left to undo is the noise
    assert float(loss) == pytest.approx(SIGMA**2, rel=0.02)


@pytest.mark.parametrize("sampler", ["naive", "cold"])
def test_a_walk_starts_under_noise_and_ends_without(blur_run: genlab.Run, sampler: str) -> None:
    jitter = blur_run.config.training.jitter
    assert jitter
    steps = list(blur_run.walk(50, steps=3, sampler=sampler))
    x_1 = steps[0].x_t
    smooth = blur_run.degradation.expand(
        blur_run.degradation.summarize(x_1), x_1.shape[1:], generator=torch.Generator()
    )
    # the prior's states are smooth: what lies beyond the numbers that are left is the noise
    left = blur_run.degradation.summarize(x_1).shape[1]
    power = float((x_1 - smooth).square().flatten(1).sum(1).mean())
    assert power == pytest.approx(jitter**2 * (x_1[0].numel() - left), rel=0.15)
    assert torch.equal(steps[-1].x_t, steps[-2].x_0)


def test_without_jitter_a_walk_ends_where_its_sampler_does(digits_run: genlab.Run) -> None:
    assert digits_run.config.training.jitter == 0
    model = digits_run.model
    assert isinstance(model, DiffusionModel)
    x = torch.zeros(2, *digits_run.spec.shape)
    assert jittered(x, model.jitter, torch.Generator()) is x
    steps = list(digits_run.walk(2, steps=3))
    assert not torch.equal(steps[-1].x_t, x)
    assert torch.allclose(steps[-1].x_t, steps[-2].x_0, atol=1e-5)  # as ddim does at t = 0


def test_direct_answers_are_repeated_by_their_seed(blur_run: genlab.Run) -> None:
    x = blur_run.examples("test").first(4)[0]
    x_1 = blur_run.degradation.degrade(x, torch.ones(4), None)
    a, b, c = (blur_run.restore(x_1, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
