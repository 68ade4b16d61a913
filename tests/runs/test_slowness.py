"""What will be slow is said once, before it is."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab import ArrayDataset
from genlab.config import assemble, resolve
from genlab.runs.slowness import Slowness
from genlab.testing.tiny import Perceptron

IMAGES = ArrayDataset(x=torch.zeros(4, 1, 4, 4))


def slowness(device: str = "cpu", **tables: Any) -> Slowness:
    network = {} if "density" in tables else {"backbone": Perceptron}
    resolution = resolve({"dataset": IMAGES, **network, **tables})
    spec = resolution.dataset.spec
    parts = assemble(resolution.config, spec, resolution.objects, device=torch.device("cpu"))
    return Slowness(resolution.config, parts.model, torch.device(device))


def record(step: int, elapsed: float, progress: float, speed: float) -> dict[str, float]:
    return {"step": step, "elapsed_s": elapsed, "progress": progress, "examples_per_s": speed}


def test_a_long_training_is_announced_once() -> None:
    """Six seconds for a share of .0002: 29994 seconds are left."""
    made = slowness(training={"steps": 100_000})
    assert list(made(record(10, 3.0, 0.0001, 400))) == [], "the first steps say nothing yet"
    assert list(made(record(20, 3.0, 0.0001, 0.0))) == []
    (line,) = made(record(20, 6.0, 0.0002, 9000))
    assert "about 500 minutes at 9000 examples/s" in line
    assert "--minutes" in line
    assert list(made(record(40, 12.0, 0.0004, 9000))) == []


def test_a_budget_of_minutes_needs_no_announcement() -> None:
    assert list(slowness(training={"minutes": 500})(record(20, 6.0, 0.0002, 9000))) == []


def test_a_long_sampling_is_announced() -> None:
    """10,000 examples in 250 steps, each a third of a step of training."""
    made = slowness(sampler="ddpm", training={"minutes": 1}, sampling={"count": 10_000})
    (line,) = made(record(20, 6.0, 0.1, 400))
    assert "sampling 10000 examples in 250 steps will take about 35 minutes" in line


def test_a_quick_run_is_not_commented() -> None:
    assert list(slowness()(record(20, 1.0, 0.01, 4000))) == []


@pytest.mark.parametrize(
    "tables", [{"density": "normal"}, {"density": "glow", "sampling": {"count": 10**6}}]
)
def test_a_density_is_sampled_at_once(tables: dict[str, Any]) -> None:
    assert list(slowness(**tables)(record(20, 1.0, 0.01, 4000))) == []


@pytest.mark.parametrize(
    ("shape", "device", "slow"),
    [
        ((1, 65, 64), "cpu", True),
        ((1, 64, 64), "cpu", False),
        ((1, 65, 64), "cuda", False),
        ((9999,), "cpu", False),
    ],
)
def test_large_images_without_a_gpu_are_slow(
    shape: tuple[int, ...], device: str, slow: bool
) -> None:
    x = torch.zeros(4, *shape)
    made = slowness(device, dataset=ArrayDataset(x=x), backbone="mlp")
    assert len(list(made.beforehand())) == slow
