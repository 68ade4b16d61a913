"""Small runs with nothing trained, which figures are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from genlab.components.data import ArrayDataset, loaded
from genlab.components.dataset import Data, Dataset, DataSpec
from genlab.components.metric import Metric
from genlab.diffusion.model import DensityModel, DiffusionModel, Model
from genlab.diffusion.prior import Prior
from genlab.diffusion.restorer import Restorer
from genlab.testing.check import example_data, seeded
from genlab.testing.reference import CosineNoise
from genlab.testing.tiny import AffineFlow, Perceptron, StepDown, TwoNormals

__all__ = ["SmallRun", "small_runs"]


@dataclass
class SmallRun:
    """What a figure is drawn from: a model with random weights, and made-up records.

    Args:
        name: What it is, in words.
        model: The model.
        data: Its data.
        seed: Its seed.
        built_metrics: Its metrics by name.
        history: One record per logged step.
        evaluations: One record per evaluation during training.
        records: One record per final number.
    """

    name: str
    model: Model
    data: Data
    seed: int = 0
    built_metrics: Mapping[str, Metric] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    evaluations: Sequence[Mapping[str, Any]] = ()
    records: Sequence[Mapping[str, Any]] = ()

    @property
    def spec(self) -> DataSpec:
        """What the data is."""
        return self.data.spec

    def samples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Return the first of 40 samples, and their labels."""
        n = min(n, 40)
        return self.model.sample(n, seed=self.seed), self.model.labels(n, seed=self.seed)

    def evaluated_samples(self) -> Sequence[tuple[int, Tensor]]:
        """Return samples of each evaluation."""
        return [
            (line["step"], self.model.sample(12, seed=line["step"])) for line in self.evaluations
        ]


def small_runs() -> list[SmallRun]:
    """Return runs of images, points, series and volumes; the last one has logged nothing."""
    images, series, volumes = (_made_up(shape) for shape in ((1, 8, 8), (1, 16), (1, 4, 4, 4)))
    points = loaded(TwoNormals())
    runs = [
        SmallRun("images, by diffusion, with classes", _diffusion(images), images),
        SmallRun("points, by a flow, with classes", _flow(points), points),
        SmallRun("points, by diffusion, with classes", _diffusion(points), points),
        SmallRun("images, by a flow, with classes", _flow(images), images),
        SmallRun("series, by diffusion, with classes", _diffusion(series), series),
        SmallRun("volumes, by diffusion, with classes", _diffusion(volumes), volumes),
    ]
    for run in runs:
        run.history, run.evaluations, run.records = _history(), _evaluations(), _records()
    images = _made_up((3, 9, 12), classes=False)
    bare = SmallRun("colour images, by diffusion, without classes", _diffusion(images), images)
    return [*runs, bare]


def _made_up(shape: tuple[int, ...], *, classes: bool = True) -> Data:
    x = (0.8 * example_data(shape, 60)).clamp(-1, 1)
    dataset: Dataset = ArrayDataset(
        x=x, y=torch.arange(60) % 2 if classes else None, test_share=0.3
    )
    return loaded(dataset)


def _diffusion(data: Data) -> DiffusionModel:
    spec, degradation = data.spec, CosineNoise()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Perceptron(spec)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=seeded(1)))
    restorer = Restorer(network, degradation).eval()
    prior = Prior(degradation, spec, None)
    return DiffusionModel(spec, restorer, prior, StepDown(), conditional=spec.classes > 0)


def _flow(data: Data) -> DensityModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        flow = AffineFlow(data.spec)
    flow.initialise(data.train.first(500)[0], generator=seeded(1))
    return DensityModel(data.spec, flow.eval(), conditional=data.spec.classes > 0)


def _history() -> list[dict[str, float]]:
    return [
        {"step": 10.0 * i, "progress": i / 40, "loss": 0.2 + math.exp(-i / 9) + 0.02 * (-1) ** i,
         "lr": 1e-3 * (1 - i / 40), "grad_norm": 1.0, "examples_per_s": 100.0, "elapsed_s": 0.5 * i,
         "skipped": 0.0}
        for i in range(1, 41)
    ]  # fmt: skip


def _evaluations() -> list[dict[str, Any]]:
    return [
        {"step": step, "elapsed_s": step / 20, "n": 100, "baselines": {"frechet": 0.4},
         "values": {"frechet": 90 / step, "prdc/density": 1 - 9 / step}}
        for step in (100, 200, 400)
    ]  # fmt: skip


def _records() -> list[dict[str, Any]]:
    about = {"n": 100, "baseline": 0.2, "baseline_n": 90, "features": "data", "reference": "test",
             "reference_n": 90, "seed": 0, "ema": True, "sampler": "step-down"}  # fmt: skip
    return [
        {"name": name, "value": size / steps, "sampling_steps": steps, **about}
        for steps in (3, 10, 30)
        for name, size in (("frechet", 9.0), ("kernel", 3.0))
    ]
