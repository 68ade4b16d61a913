"""Advice on what will be slow."""

from __future__ import annotations

import torch

from genlab.runs.advice import Advice
from genlab.runs.assembly import assemble, resolve


def advice(**more: object) -> Advice:
    config, dataset = resolve(dict(more))
    return Advice(config, assemble(config, dataset.spec), torch.device("cpu"), 1500)


def record(step: int, elapsed: float, progress: float, speed: float) -> dict[str, float]:
    return {"step": step, "elapsed_s": elapsed, "progress": progress, "examples_per_s": speed}


def test_a_long_training_is_announced_once() -> None:
    made = advice(training={"steps": 100_000})
    assert list(made(record(10, 3.0, 0.0001, 400))) == [], "the first steps say nothing yet"
    (line,) = [text for text in made(record(20, 6.0, 0.0002, 9000)) if "training" in text]
    assert "500 minutes" in line
    assert "--minutes" in line
    assert list(made(record(40, 12.0, 0.0004, 9000))) == []


def test_a_long_sampling_is_announced() -> None:
    made = advice(sampler="ddpm", training={"minutes": 1}, sampling={"count": 10_000})
    (line,) = made(record(20, 6.0, 0.1, 400))
    assert "sampling 10000 examples in 250 steps will take about 35 minutes" in line


def test_a_quick_run_is_not_commented() -> None:
    assert list(advice()(record(20, 1.0, 0.01, 4000))) == []
