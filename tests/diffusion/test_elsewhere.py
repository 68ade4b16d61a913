"""Whole paths off the CPU, on a made-up device that has no float64, as Apple's MPS has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import genlab
from genlab import (
    DataSpec,
    Denoising,
    DensityModel,
    DiffusionModel,
    Examples,
    Likelihood,
    Restorer,
    Training,
    build,
    registry,
)
from genlab.diffusion import Prior, latent_mean, restore_by_posterior, variational_bound
from genlab.testing.elsewhere import OffTheCPUError, elsewhere
from genlab.testing.tiny import Perceptron
from genlab.training.settings import settings_of

IMAGE = DataSpec((1, 8, 8), "image", 3, ("a", "b", "c"))
DEGRADATIONS = registry("degradation").names()
GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(40, 1, 8, 8, generator=GENERATOR) * 2 - 1
Y = torch.arange(40) % 3
OF_DATA = [
    name
    for name in registry("density").names()
    if not issubclass(registry("density").get(name), genlab.ImplicitDensity)
]
SMALL = {"tarflow": {"width": 8, "blocks": 2, "depth": 1}, "spline": {"width": 8}}


@pytest.fixture
def away() -> Iterator[torch.device]:
    with elsewhere() as device:
        yield device


def built(name: str, device: torch.device, sampler: str | None = None) -> DiffusionModel:
    """A model with random weights, and a prior where something is left."""
    degradation = build("degradation", name)
    torch.manual_seed(0)
    restorer = Restorer(Perceptron(IMAGE), degradation)
    with torch.no_grad():
        for p in restorer.parameters():
            p.add_(0.1 * torch.randn(p.shape))
    prior = genlab.fit_prior(degradation, Examples(X, Y), IMAGE, density="normal")
    if prior.density is not None:
        prior.density.to(device)
    chosen = build("sampler", sampler or degradation.advice().sampler)
    return DiffusionModel(
        IMAGE, restorer.to(device), Prior(degradation, IMAGE, prior.density), chosen, steps=3,
        device=device, conditional=True,
    )  # fmt: skip


def test_the_made_up_device_has_no_float64(away: torch.device) -> None:
    x = torch.randn(3, generator=torch.Generator(away).manual_seed(0), device=away)
    assert x.device == away
    assert torch.equal(x.cpu(), torch.randn(3, generator=torch.Generator().manual_seed(0)))
    assert (x * x.new_tensor([1.0, 2.0, 3.0]) + torch.tensor([1.0], device=away)).device == away
    assert (x + 1).sum().cpu().item() == pytest.approx(float((x.cpu() + 1).sum()))
    for wrong in (
        lambda: x.double(), lambda: torch.zeros(2, dtype=torch.float64, device=away),
        lambda: torch.zeros(2, dtype=torch.float64).to(away), lambda: x + torch.ones(3),
        lambda: x.new_zeros(2, dtype=torch.float64), lambda: torch.tensor(1.0, device=away).double(),
    ):  # fmt: skip
        with pytest.raises(OffTheCPUError):
            wrong()


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_training_goes_there(name: str, away: torch.device) -> None:
    for options in ({}, {"times": "log-normal", "weight": "min-snr"}, {"times": "logit-normal"}):
        restorer = Restorer(Perceptron(IMAGE), build("degradation", name))
        try:
            objective = Denoising(restorer, **options)  # type: ignore[arg-type]
        except genlab.RequestError:
            continue  # these times are of Gaussian noise
        settings = settings_of({"steps": 2, "batch": 8, "shift": 1, "flip": True})
        training = Training(objective, Examples(X, Y), settings, device=away)
        losses = [record.loss for record in training]
        assert losses[0].device == away
        assert all(bool(loss.isfinite()) for loss in losses)
        assert all(x.cpu().device.type == "cpu" for x in training.checkpoint().tensors.values())


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_samples_and_paths_and_restorations_come_back(name: str, away: torch.device) -> None:
    model = built(name, away)
    x = model.sample(4, label=[0, 1, 2, 0], guidance=2.0)
    here(x, (4, 1, 8, 8))
    here(genlab.interpolate(model, X[:2], X[2:4], 3), (3, 2, 1, 8, 8))
    here(genlab.restore(model, X[:3], t=0.5, label=1), (3, 1, 8, 8))
    degradation = model.restorer.degradation
    z = degradation.draw(X[:3].to(away), generator=torch.Generator(away).manual_seed(0))
    found = genlab.restore(model, X[:3], t=0.5, z=z, sampler=model.sampler, steps=2)
    here(found, (3, 1, 8, 8))


@pytest.mark.parametrize("name", registry("sampler").names())
def test_every_sampler_walks_back_there(name: str, away: torch.device) -> None:
    for degradation in ("gaussian", "blur-noise", "blur", "mask-box"):
        cls = registry("sampler").get(name)
        if isinstance(build("degradation", degradation), cls.requires):
            here(built(degradation, away, name).sample(2), (2, 1, 8, 8))


def test_the_bound_and_posterior_sampling(away: torch.device) -> None:
    model, own = built("gaussian", away), torch.Generator(away).manual_seed(0)
    for spec in (IMAGE, DataSpec((1, 8, 8), "image", levels=0)):
        nats = variational_bound(model.estimates(), X[:4].to(away), spec, generator=own)
        here(nats, (4,))
    blur = build("degradation", "blur")
    here(restore_by_posterior(model, X[:2], blur, t=0.5, steps=2), (2, 1, 8, 8))


@pytest.mark.parametrize("name", OF_DATA)
def test_densities_of_the_data(name: str, away: torch.device) -> None:
    spec = DataSpec((4,), "vector", 3, ("a", "b", "c"))
    x = X.flatten(1)[:, :4]
    torch.manual_seed(0)
    density = build("density", name, spec, **SMALL.get(name, {}))
    if isinstance(density, genlab.FittedDensity):
        genlab.fit_density(density, Examples(x, Y))
    else:
        settings = settings_of({"steps": 1, "batch": 8})
        density.to(away)  # as a run does, before the first weights are set from data
        for _ in Training(Likelihood(density), Examples(x, Y), settings, device=away):
            pass
    model = DensityModel(spec, density.to(away), device=away, conditional=True)
    here(model.log_prob(x), (40,))
    here(model.classify(x), (40, 3))
    here(model.sample(5, label=1), (5, 4))
    if isinstance(density, genlab.Flow):
        here(genlab.interpolate(model, x[:2], x[2:4], 3), (3, 2, 4))
        here(latent_mean(model, x), (4,))


def here(x: Tensor, shape: tuple[int, ...]) -> None:
    assert x.device.type == "cpu"
    assert tuple(x.shape) == shape
    assert bool(x.isfinite().all())
