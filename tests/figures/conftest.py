"""Tiny runs with nothing trained: models in closed form, on data that is made in a moment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab.components.data import ArrayDataset, loaded
from genlab.diffusion import DensityModel, DiffusionModel, Model, Prior

CLASSES = ("cat", "dog")


class IdealNetwork(nn.Module):
    """The mean of all training examples that may have become x_t under Gaussian noise."""

    def __init__(self, data: genlab.Data, degradation: genlab.GaussianDegradation) -> None:
        super().__init__()
        x, y = data.train.first(200)
        self.x, self.y, self.degradation = x, y, degradation

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        alpha, sigma = self.degradation.alpha(t).float(), self.degradation.sigma(t).float()
        scaled = alpha[:, None, None] * self.x.flatten(1)
        square = (x_t.flatten(1)[:, None] - scaled).square().sum(2)
        weights = -square / (2 * sigma[:, None].square()).clamp(min=1e-4)
        if y is not None and self.y is not None:
            other = (y[:, None] >= 0) & (self.y != y[:, None])
            weights = weights.masked_fill(other, -math.inf)
        return (weights.softmax(1) @ self.x.flatten(1)).reshape(x_t.shape)


class ShiftedNormals(genlab.Flow):
    """z = x - mean, and a normal distribution of its own for each class in latent space."""

    tags = genlab.DensityTags(conditional=True, data=frozenset({"image", "vector"}))

    def __init__(self, spec: genlab.DataSpec) -> None:
        super().__init__()
        k, d = max(spec.classes, 1), math.prod(spec.shape)
        self.shape = spec.shape
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("means", torch.zeros(k, d))
        self.register_buffer("scale", torch.ones(d))

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        self.mean = x.flatten(1).mean(0)

    def learn(self, x: Tensor, y: Tensor | None) -> ShiftedNormals:
        flat = x.flatten(1)
        self.mean = flat.mean(0)
        each = [flat] if y is None else [flat[y == k] for k in range(len(self.means))]
        self.means = torch.stack([part.mean(0) - self.mean for part in each])
        self.scale = torch.cat([part - part.mean(0) for part in each]).std(0) + 0.1
        return self

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x - self.mean.reshape(self.shape), torch.zeros(len(x))

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z + self.mean.reshape(self.shape), torch.zeros(len(z))

    def joint_log_prob(self, x: Tensor) -> Tensor:
        z = self.encode(x)[0].flatten(1)
        one = torch.distributions.Normal(self.means, self.scale).log_prob(z[:, None]).sum(2)
        return one - math.log(len(self.means))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        joint = self.joint_log_prob(x)
        return joint.logsumexp(1) if y is None else joint[torch.arange(len(x)), y]

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        if y is None:
            y = torch.randint(len(self.means), (n,), generator=generator)
        noise = torch.randn(n, len(self.scale), generator=generator)
        return self.decode((self.means[y] + self.scale * noise).reshape(n, *self.shape))[0]


@dataclass
class TinyRun:
    """What a figure is drawn from."""

    model: Model
    data: genlab.Data
    seed: int = 0
    built_metrics: Mapping[str, genlab.Metric] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    evaluations: Sequence[Mapping[str, Any]] = ()
    records: Sequence[Mapping[str, Any]] = ()
    drawn: int = 64

    @property
    def spec(self) -> genlab.DataSpec:
        return self.data.spec

    def samples(self, n: int) -> tuple[Tensor, Tensor | None]:
        n = min(n, self.drawn)
        return self.model.sample(n, seed=self.seed), self.model.labels(n, seed=self.seed)

    def evaluated_samples(self) -> list[tuple[int, Tensor]]:
        x = self.samples(12)[0]
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
        return [(int(line["step"]), x + 300 / line["step"] * noise) for line in self.evaluations]


class MakeRun(Protocol):
    """Makes a run."""

    def __call__(self, data: str, model: str = "diffusion", **changes: Any) -> TinyRun: ...


@cache
def data_of(name: str) -> genlab.Data:
    if name in ("digits", "moons"):
        return loaded(genlab.build("dataset", name))
    generator = torch.Generator().manual_seed(0)
    if name == "series":
        phase, high = torch.rand(2, 400, 1, 1, generator=generator)
        time = torch.linspace(0, 4 * math.pi, 48)
        x = (0.3 + 0.6 * high) * torch.cat([(time + 6 * phase).sin(), (time + 6 * phase).cos()], 1)
    elif name == "volumes":
        grid = torch.stack(
            torch.meshgrid(*[torch.linspace(-1, 1, n) for n in (6, 9, 8)], indexing="ij")
        )
        centre = torch.rand(400, 3, 1, 1, 1, generator=generator) - 0.5
        x = 1 - 2 * (grid - centre).square().sum(1, keepdim=True).clamp(0, 1)
    else:  # photographs in colour, with labels
        x = torch.rand(60, 3, 1, 1, generator=generator) * torch.linspace(-1, 1, 12).expand(12, 12)
        return loaded(ArrayDataset(x=x, y=torch.arange(60) % 2, test_share=0.3))
    return loaded(ArrayDataset(x=x))


def model_of(data: genlab.Data, kind: str, conditional: bool) -> Model:
    if kind == "flow":
        density = ShiftedNormals(data.spec).learn(*data.train.first(500))
        return DensityModel(data.spec, density, conditional=conditional)
    degradation = genlab.build("degradation", "gaussian")
    network = IdealNetwork(data, degradation)
    restorer = genlab.Restorer(network, degradation, prediction="x0")
    sampler, prior = genlab.build("sampler", "ddim"), Prior(degradation, data.spec, None)
    return DiffusionModel(data.spec, restorer, prior, sampler, steps=10, conditional=conditional)


HISTORY = [
    {
        "step": 20.0 * i,
        "loss": 2.0 / i + 0.02 * (1 + (-1) ** i),
        "lr": 1e-3 / i,
        "elapsed_s": 1.5 * i,
    }
    for i in range(1, 101)
]
EVALUATIONS = [
    {"step": step, "elapsed_s": step / 10, "n": 500,
     "values": {"frechet": 900 / step, "prdc/density": 1 - 90 / step},
     "baselines": {"frechet": 0.4}}
    for step in (300, 600, 900, 1200)
]  # fmt: skip
RECORDS = [
    {"name": name, "value": base / steps + 0.1 * k, "n": 2048, "baseline": 0.2, "features": "data",
     "reference": "test", "reference_n": 900, "seed": 0, "ema": True, "baseline_n": 900,
     "sampler": sampler, "sampling_steps": steps}
    for k, sampler in enumerate(("ddim", "heun"))
    for steps in (5, 10, 20, 50)
    for name, base in (("frechet", 9.0), ("kernel", 3.0))
]  # fmt: skip


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Return a maker of runs: of digits, moons, series, volumes or colours, by diffusion or flow."""

    def make(
        data: str, model: str = "diffusion", conditional: bool | None = None, **changes: Any
    ) -> TinyRun:
        found = data_of(data)
        classes = bool(found.spec.classes) if conditional is None else conditional
        told = {"history": HISTORY, "evaluations": EVALUATIONS, "records": RECORDS}
        return TinyRun(model_of(found, model, classes), found, **{**told, **changes})

    return make
