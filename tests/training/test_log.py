"""A short training is logged so often that its curve is a curve."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import genlab
from genlab.components.dataset import Examples
from genlab.testing import Fade
from genlab.testing.tiny import Perceptron
from genlab.training import StepLog, fit
from genlab.training.settings import settings_of


def steps(**settings: float) -> list[int]:
    """The steps that have a line."""
    spec = genlab.DataSpec((2,), "vector")
    restorer = genlab.Restorer(Perceptron(spec), Fade())
    fitted = fit(genlab.Denoising(restorer), Examples(torch.rand(8, 2)), batch=4, **settings)
    return [int(line["step"]) for line in fitted.history]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"steps": 7}, range(1, 8)),
        ({"steps": 60}, range(1, 61)),
        ({"steps": 149}, [*range(2, 149, 2), 149]),
        ({"epochs": 10}, range(1, 21)),
        ({"steps": 60, "log_every": 20}, [20, 40, 60]),
        ({"steps": 5, "log_every": 100}, [5]),
    ],
)
def test_lines_of_a_budget_in_steps(settings: dict[str, float], wanted: list[int]) -> None:
    assert steps(**settings) == list(wanted)


def test_a_long_training_has_a_line_every_twenty_steps() -> None:
    assert steps(steps=1010)[:3] == [20, 40, 60]


@pytest.mark.parametrize(
    ("step", "wanted"), [(0.1, [1, 2, 3]), (0.015, [2, 4, 6]), (0.0001, [20, 40, 60])]
)
def test_lines_of_a_budget_in_minutes(step: float, wanted: list[int]) -> None:
    """One every twenty steps, and one for every fiftieth of the time, whichever comes first."""
    settings = settings_of({"minutes": 1})
    training = SimpleNamespace(
        settings=settings, budget=settings.budget, step=0, elapsed=0.0, progress=0.0
    )
    logged = StepLog(training)  # type: ignore[arg-type]
    rest = {"loss": 1.0, "lr": 1.0, "grad_norm": 1.0, "skipped": 0}
    for number in range(1, 9 if step > 0.01 else 70):
        record = SimpleNamespace(step=number, progress=number * step, elapsed=number * step, **rest)
        logged(record)  # type: ignore[arg-type]
    assert [line["step"] for line in logged.lines][:3] == wanted
