"""The ideal restorer against posteriors of its own, and as the truth that samplers are held against."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import genlab
from genlab import DataSpec, DiffusionModel, Examples, Prior, RequestError, Restorer
from genlab.config import resolve
from genlab.testing.check import example_data, seeded
from genlab_plugins.backbones.ideal import Ideal

PLANE = DataSpec((2,), "vector")


def restorer_of(
    x: Tensor, spec: DataSpec, degradation: str, y: Tensor | None = None, **jitter: float
) -> Restorer:
    restorer = Restorer(Ideal(spec), genlab.build("degradation", degradation), **jitter)
    assert isinstance(restorer.backbone, Ideal)
    genlab.fit_backbone(restorer.backbone, Examples(x, y))
    return restorer


@pytest.mark.parametrize("degradation", ["gaussian", "blur-noise", "soft-blur"])
def test_noise_in_any_basis_by_hand(degradation: str) -> None:
    """Weights by the normal density of what is left when an example's mean is taken away."""
    x = example_data((1, 6, 5), 7)
    restorer = restorer_of(x, DataSpec((1, 6, 5), "image"), degradation, jitter=0.3)
    noise = restorer.degradation
    assert isinstance(noise, genlab.DiagonalDegradation)
    t = torch.tensor([0.3, 0.8])
    x_t = noise.degrade(x[:2], t, noise.draw(x[:2], generator=seeded(3)))
    got = restorer(x_t, t)
    for b in range(2):
        mean = noise.degrade(x, t[b : b + 1].expand(7), torch.zeros_like(x))
        _, sigma = noise.amplitudes(t[b : b + 1], x[:1])
        deviation = math.hypot(float(sigma), 0.3)
        square = ((x_t[b] - mean) / deviation).square().flatten(1).sum(1)
        want = ((-square / 2).softmax(0)[:, None, None, None] * x).sum(0)
        torch.testing.assert_close(got[b], want, rtol=1e-4, atol=1e-4)


def test_the_posterior_mean_of_a_mixture() -> None:
    """Of many draws of a mixture of two normal distributions, it is that of the mixture itself."""
    centres, s = torch.tensor([[-1.0, 0.5], [1.2, -0.4]]), 0.3
    x = centres[torch.arange(8000) % 2] + s * torch.randn(8000, 2, generator=seeded(0))
    restorer = restorer_of(x, PLANE, "gaussian")
    noise = restorer.degradation
    assert isinstance(noise, genlab.GaussianDegradation)
    t = torch.full((20,), 0.6)
    alpha, sigma = float(noise.alpha(t)[0]), float(noise.sigma(t)[0])
    x_t = noise.degrade(x[:20], t, noise.draw(x[:20], generator=seeded(1)))
    power = alpha**2 * s**2 + sigma**2
    share = (-(x_t[:, None] - alpha * centres).square().sum(2) / (2 * power)).softmax(1)
    each = centres + alpha * s**2 / power * (x_t[:, None] - alpha * centres)
    want = (share[:, :, None] * each).sum(1)
    torch.testing.assert_close(restorer(x_t, t), want, rtol=0, atol=0.05)


@pytest.mark.parametrize("degradation", ["blur", "pixelate", "gravity", "ink"])
def test_what_draws_nothing_is_undone(degradation: str) -> None:
    """From what is left of training examples it tells which they were; of two alike, their mean."""
    x = example_data((1, 8, 8), 12)
    restorer = restorer_of(x, DataSpec((1, 8, 8), "image"), degradation)
    t = torch.tensor([0.2, 0.5, 0.5, 0.2])
    x_t = restorer.degradation.degrade(x[:4], t, None)
    torch.testing.assert_close(restorer(x_t, t), x[:4], rtol=0, atol=1e-3)
    twins = torch.cat([x[:1], x[:1].flip(-1)])  # folded, both are the same
    folded = restorer_of(twins, DataSpec((1, 8, 8), "image"), "kaleidoscope")
    last = folded.degradation.degrade(twins, torch.ones(2), None)
    want = twins.mean(0, keepdim=True).expand(2, 1, 8, 8)
    torch.testing.assert_close(folded(last, torch.ones(2)), want, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "sampler", ["ddim", "ddpm", "euler", "heun", "dpmpp-2m", "restart", "cold"]
)
def test_samplers_draw_the_training_examples(sampler: str) -> None:
    """Every walk ends at an example, and all examples are drawn equally often."""
    x = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.5, 1.0]])
    restorer = restorer_of(x, PLANE, "gaussian")
    walk = genlab.build("sampler", sampler)
    prior = Prior(restorer.degradation, PLANE, None)
    drawn = DiffusionModel(PLANE, restorer, prior, walk, steps=30).sample(400)
    distance, which = torch.cdist(drawn, x).min(1)
    assert float(distance.max()) < 0.02
    counts = which.bincount(minlength=4)
    assert float((counts - 100).abs().max()) < 5 * math.sqrt(400 * 3 / 16)


def test_classes() -> None:
    """With labels, examples of that class alone count; -1 takes all, and an empty class, too."""
    x, y = example_data((2,), 6), torch.tensor([0, 0, 0, 1, 1, 1])
    spec = DataSpec((2,), "vector", 3, ("a", "b", "c"))
    restorer = restorer_of(x, spec, "gaussian", y)
    noise = torch.randn(4, 2, generator=seeded(2))
    late = torch.ones(4)
    got = restorer(noise, late, torch.tensor([0, 1, -1, 2]))
    want = torch.stack([x[:3].mean(0), x[3:].mean(0), x.mean(0), x.mean(0)])
    torch.testing.assert_close(got, want, rtol=0, atol=0.1)
    assert float((got - want).abs().max()) > 0  # a little is left at t = 1


def test_more_examples_than_it_keeps() -> None:
    x = torch.arange(50.0)[:, None].expand(50, 2)
    backbone = Ideal(PLANE, examples=8)
    backbone.fit(x, generator=seeded(0))
    assert len(backbone.examples) == len(backbone.examples.unique(dim=0)) == 8


@pytest.mark.parametrize("degradation", ["mask-gaussian", "mix"])
def test_what_it_cannot_undo_is_refused(degradation: str) -> None:
    with pytest.raises(RequestError, match="draws something that degraded data does not tell"):
        Restorer(Ideal(DataSpec((1, 8, 8), "image")), genlab.build("degradation", degradation))


def test_it_is_not_trained() -> None:
    restorer = Restorer(Ideal(PLANE), genlab.build("degradation", "gaussian"))
    with pytest.raises(RequestError, match="fit_backbone"):
        genlab.Denoising(restorer)
    with pytest.raises(RequestError, match="Restorer does"):
        Ideal(PLANE)(torch.zeros(1, 2), torch.zeros(1))


def test_a_run_memorises(tmp_path: Path) -> None:
    """A whole run without a training; opened again, its samples are training points."""
    run = genlab.run(
        dataset="moons", backbone={"name": "ideal", "examples": 200}, metrics=[], figures=[], seed=3,
        set={"sampling.count": 50, "sampling.steps": 40}, out=tmp_path / "run", measure=False, draw=False,
    )  # fmt: skip
    again = genlab.open_run(run.path)
    distance = torch.cdist(again.model.sample(50), again.data.train.x).min(1).values
    assert float(distance.median()) < 0.01
    assert not (run.path / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"training": {"steps": 10}}, "training.steps"),
        ({"optimiser": "muon"}, "optimiser"),
        ({"objective": "denoising"}, "objective"),
        ({"restorer": {"prediction": "v"}}, "restorer.prediction"),
    ],
)
def test_what_has_no_use_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(RequestError, match=f"{named} has no use here: the backbone 'ideal'"):
        resolve({"dataset": "moons", "backbone": "ideal", **given})
