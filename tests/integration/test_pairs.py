"""Every degradation with every sampler: walked back, or refused with those that fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab import RequestError
from genlab.config import assemble, resolve
from genlab.diffusion import DiffusionModel

SAMPLERS = genlab.registry("sampler").names()
CASES = [
    pytest.param(name, kind, id=f"{name}-{kind}")
    for name in genlab.registry("degradation").names()
    for kind in sorted(genlab.registry("degradation").get(name).tags.data)
]
SHAPES = {"image": (1, 8, 8), "vector": (2,), "series": (2, 16), "volume": (1, 4, 6, 4)}
LIMIT = {"vector": 50.0}  # of a sample, far from blowing up; data of all other kinds has bounds
N, STEPS = 8, 4


class Nearest(nn.Module):
    """Estimates the example that is nearest, and a little of what it sees."""

    def __init__(self, examples: Tensor) -> None:
        super().__init__()
        self.register_buffer("examples", examples)
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        nearest = torch.cdist(x.flatten(1), self.examples.flatten(1)).argmin(1)
        return 0.8 * self.examples[nearest] + 0.2 * x.clamp(-1, 1)


@pytest.fixture(scope="module")
def data(digits: genlab.Data) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {kind: shape for kind, shape in SHAPES.items() if kind != "image"}
    found = {k: torch.randn(200, *shape, generator=generator) / 4 for k, shape in shapes.items()}
    return {k: x.clamp(-1, 1) for k, x in found.items()} | {"image": digits.train.first(200)[0]}


def model_of(degradation: str, x: Tensor, **change: Any) -> DiffusionModel:
    """Return a model with such a network, whose prior is fitted."""
    request = {
        "dataset": x, "degradation": degradation, "backbone": Nearest(genlab.load(x).train.first(200)[0]),
        "restorer": {"prediction": "x0"}, "metrics": [],
    } | change  # fmt: skip
    found = resolve(request)
    parts = assemble(found.config, found.dataset.spec, found.objects, device=torch.device("cpu"))
    model = parts.model
    assert isinstance(model, DiffusionModel)
    if parts.prior is not None:
        train = genlab.load(x).train
        prior = genlab.fit_prior(model.restorer.degradation, train, model.spec, density=parts.prior)
        assert prior.density is parts.prior
    return model


@pytest.mark.parametrize(("degradation", "kind"), CASES)
def test_every_sampler_walks_back_or_is_refused(
    degradation: str, kind: str, data: dict[str, Tensor]
) -> None:
    model = model_of(degradation, data[kind])
    fitting = []
    for name in SAMPLERS:
        sampler = genlab.build("sampler", name)
        if isinstance(model.restorer.degradation, sampler.requires):
            fitting.append(name)
            require_walk(model, sampler, LIMIT.get(kind, 1.0))
    assert {"cold", "naive"} <= set(fitting)
    for name in set(SAMPLERS) - set(fitting):
        needed = genlab.registry("sampler").get(name).requires.__name__
        wanted = (
            f"the sampler {name!r} needs a {needed}, and {degradation!r} is none. These fit it: "
            f"{', '.join(fitting)}"
        )
        with pytest.raises(RequestError) as walked:
            model.sample(N, sampler=genlab.build("sampler", name))
        with pytest.raises(RequestError) as begun:
            model_of(degradation, data[kind], sampler=name)
        assert str(walked.value) == str(begun.value) == wanted


def require_walk(model: DiffusionModel, sampler: genlab.Sampler, limit: float) -> None:
    """Samples are finite and in range, one seed's are one another's equal, another seed's are not."""
    first, again, other = (
        model.sample(N, sampler=sampler, steps=STEPS, seed=seed) for seed in (0, 0, 1)
    )
    assert first.shape == (N, *model.spec.shape), f"{sampler}: shape {tuple(first.shape)}"
    assert first.dtype == torch.float32, f"{sampler}: {first.dtype}"
    assert first.isfinite().all(), f"{sampler}: not all samples are finite"
    assert first.abs().max() <= limit, f"{sampler}: {float(first.abs().max())} is out of range"
    assert torch.equal(first, again), f"{sampler}: one seed gives two results"
    assert apart(first, other), f"{sampler}: two seeds give one result"
    assert apart(first[:-1], first[1:]), f"{sampler}: samples of one seed are alike"


def apart(a: Tensor, b: Tensor) -> bool:
    """Whether examples differ by more than rounding."""
    return bool(((a - b).flatten(1).abs().amax(1) > 1e-3).all())


@pytest.mark.parametrize("grid", ["karras", "log-snr"])
def test_times_that_do_not_fit_are_refused(grid: str, data: dict[str, Tensor]) -> None:
    with pytest.raises(RequestError, match="These grids fit it: uniform, quadratic, cosine"):
        model_of("blur", data["image"], sampler={"name": "cold", "grid": grid})
