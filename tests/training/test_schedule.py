"""The learning rate: its curve, and what of it reaches the optimiser at every step; and what a budget is."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import AdamW, Examples, Objective, RequestError, Training
from genlab.training import Budget, TrainingSettings, settings_of
from genlab.training.schedule import rate_factor


class Weights(nn.Module):
    """Two weights, of which the second learns slower."""

    def __init__(self) -> None:
        super().__init__()
        self.fast, self.slow = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self) -> Tensor:
        return self.fast + self.slow


class Slope(Objective):
    """The sum of the weights, whose gradient is 1."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    @property
    def module(self) -> nn.Module:
        return self.weights

    def __call__(
        self, network: Any, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        out: Tensor = network().sum()
        return out


FACTORS = {
    "cosine": lambda q: 0.01 + 0.99 * (1 + math.cos(math.pi * q)) / 2,
    "linear": lambda q: 1 - 0.99 * q,
    "none": lambda q: 1.0,
}


def want(progress: float, warmup: float, decay: str) -> float:
    """A straight rise from a hundredth, and then the fall to it."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return FACTORS[decay]((progress - warmup) / (1 - warmup)) if warmup < 1 else 1.0


@pytest.mark.parametrize("decay", FACTORS)
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 1.0])
def test_the_curve(decay: Any, warmup: float) -> None:
    for i in range(101):
        assert rate_factor(i / 100, warmup, decay) == pytest.approx(want(i / 100, warmup, decay))


@pytest.mark.parametrize(
    ("warmup", "decay", "factors"),
    [
        (0.0, "none", [1, 1, 1, 1, 1]),
        (0.4, "none", [0.01, 0.5, 1, 1, 1]),
        (0.0, "linear", [1, 0.802, 0.604, 0.406, 0.208]),
        (0.4, "linear", [0.01, 0.5, 1, 0.67, 0.34]),
        (0.2, "cosine", [0.01, 1, 0.855, 0.505, 0.155]),
    ],
)
def test_the_rate_reaches_every_group_at_every_step(
    warmup: float, decay: str, factors: list[float]
) -> None:
    """Of plain gradient descent on a slope of 1, whose moves are the rates; in five steps."""
    module = Weights()
    made = Training(
        Slope(module), Examples(torch.zeros(8, 1)),
        settings_of({"steps": 5, "batch": 2, "warmup": warmup, "decay": decay, "clip": 99.0}),
        optimiser=lambda weights: torch.optim.SGD(
            [{"params": weights[:1], "lr": 0.5}, {"params": weights[1:], "lr": 0.1}]
        ),
    )  # fmt: skip
    before, moves, told = torch.zeros(2), [], []
    for record in made:
        now = torch.cat([module.fast.detach(), module.slow.detach()])
        moves.append((before - now).tolist())
        told.append(record.lr)
        before = now
    assert [m[0] for m in moves] == pytest.approx([0.5 * f for f in factors], abs=5e-4)
    assert [m[1] for m in moves] == pytest.approx([0.1 * f for f in factors], abs=5e-4)
    assert told == pytest.approx([0.5 * f for f in factors], abs=5e-4), "the largest is told"


def test_the_built_in_optimiser_starts_from_its_own_rate() -> None:
    """Adam's first steps on a constant slope are of the size of the rate."""
    module = Weights()
    settings = settings_of({"steps": 4, "batch": 2, "warmup": 0.0, "decay": "linear"})
    made = Training(Slope(module), Examples(torch.zeros(8, 1)), settings, optimiser=AdamW(lr=0.25))
    assert [r.lr for r in made] == pytest.approx([0.25 * f for f in (1, 0.7525, 0.505, 0.2575)])
    assert float(module.fast.detach()) == pytest.approx(-0.25 * 2.515, rel=1e-4)


def test_without_an_optimiser_it_is_adamw_as_it_stands() -> None:
    settings = settings_of({"steps": 1, "batch": 2, "warmup": 0.0})
    (record,) = Training(Slope(Weights()), Examples(torch.zeros(8, 1)), settings)
    assert record.lr == AdamW().lr == 1e-3


# --- budgets


def test_budgets_count_out() -> None:
    assert Budget(total=10, unit="steps").progress(5, 999) == 0.5
    assert Budget(total=10, unit="steps").progress(11, 0) == 1.0
    assert Budget(total=2, unit="minutes").progress(5, 30) == 0.25
    assert Budget(total=2, unit="minutes").progress(5, 999) == 1.0
    assert Budget(total=2, unit="minutes").counted(100, 7) == Budget(total=2, unit="minutes")
    for epochs, steps in ((2.5, 8), (0.001, 1), (1, 4)):
        counted = Budget(total=epochs, unit="epochs").counted(100, 32)
        assert counted == Budget(total=steps, unit="steps")


@pytest.mark.parametrize(
    ("given", "steps"), [({"steps": 3}, 3), ({"epochs": 1.5}, 6), ({"epochs": 1e-9}, 1)]
)
def test_a_training_does_as_many_steps_as_its_budget(given: dict[str, Any], steps: int) -> None:
    """Of eight examples, two at a time."""
    settings = settings_of({**given, "batch": 2})
    records = list(Training(Slope(Weights()), Examples(torch.zeros(8, 1)), settings))
    assert [r.step for r in records] == list(range(1, steps + 1))
    assert [r.progress for r in records] == pytest.approx([k / steps for k in range(1, steps + 1)])


def test_minutes_are_those_of_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at this clock takes ten seconds; what passes between two steps does not count."""
    now = [0.0]

    def clock() -> float:
        now[0] += 10
        return now[0]

    monkeypatch.setattr("time.perf_counter", clock)
    settings = settings_of({"minutes": 1, "batch": 2, "warmup": 0.5, "decay": "linear"})
    made = Training(Slope(Weights()), Examples(torch.zeros(8, 1)), settings)
    records = []
    for record in made:
        records.append(record)
        now[0] += 1000
    assert [r.elapsed for r in records] == pytest.approx([10, 20, 30, 40, 50, 60])
    assert [r.progress for r in records] == pytest.approx([k / 6 for k in range(1, 7)])
    assert [r.lr for r in records] == pytest.approx(
        [1e-3 * f for f in (0.01, 1 / 3, 2 / 3, 1, 0.67, 0.34)]
    )


# --- settings


def test_settings_by_default_and_as_a_flat_table() -> None:
    made = settings_of({"steps": 7})
    assert made.flat() == {
        "steps": 7, "batch": 128, "accumulate": 1, "warmup": 0.05, "decay": "cosine", "clip": 1.0,
        "ema": 0.999, "shift": 0, "flip": False, "precision": "auto", "compile": "auto", "graphs": "auto",
        "log_every": 0,
    }  # fmt: skip
    assert isinstance(made.flat()["steps"], int)
    for unit, total in (("epochs", 2.5), ("minutes", 1.5), ("steps", 3)):
        made = settings_of({unit: total, "clip": 5})
        assert settings_of(made.flat()) == made
        assert made.flat()[unit] == total
    assert settings_of({"steps": 3, "minutes": None}) == settings_of({"steps": 3})
    with pytest.raises(ValueError, match="frozen"):
        made.clip = 3.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"^training: a budget is needed, such as steps=1000$"),
        ({"steps": None}, r"^training: a budget is needed"),
        (
            {"steps": 3, "minutes": 2},
            r"^training: one budget at a time: steps and minutes were given$",
        ),
        ({"steps": 0}, r"^training: steps = 0: a budget is larger than 0$"),
        ({"steps": 2.5}, r"^training: steps = 2\.5: a budget is a number of steps$"),
        ({"steps": True}, r"steps = True: a budget is a number of steps"),
        ({"minutes": "two"}, r"^training: minutes = 'two': a budget is a number$"),
        ({"minutes": True}, r"minutes = True: a budget is a number$"),
        ({"epochs": math.inf}, r"^training: epochs = inf: a budget is larger than 0$"),
        ({"epochs": math.nan}, r"epochs = nan: a budget is larger than 0"),
        ({"minutes": -1}, r"minutes = -1: a budget is larger than 0"),
        (
            {"steps": 3, "stps": 3},
            r"^unknown parameter training\.stps\. Did you mean 'steps'\? Training has",
        ),
        ({"steps": 3, "budget": 3}, r"^unknown parameter training\.budget"),
        ({"steps": 3, "ema": 1.0}, r"^training\.ema: input should be less than 1 \(given: 1\.0\)$"),
        ({"steps": 3, "clip": 0}, r"^training\.clip: input should be greater than 0"),
        ({"steps": 3, "warmup": 1.5}, r"^training\.warmup: "),
        (
            {"steps": 3, "decay": "step"},
            r"^training\.decay: input should be 'cosine', 'linear' or 'none'",
        ),
    ],
)
def test_wrong_settings_are_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        settings_of(given)


def test_settings_are_read_from_settings() -> None:
    made = settings_of({"steps": 3})
    assert TrainingSettings.model_validate(made) is made
    assert TrainingSettings.model_validate(made.model_dump()) == made
    with pytest.raises(ValueError, match="valid dictionary"):
        TrainingSettings.model_validate(3)
