"""Small requests, and ways to end a run before its time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import genlab

SMALL = {
    "dataset": "digits", "backbone": {"class": "genlab.testing.tiny:Perceptron"},
    "metrics": ["sliced-wasserstein"], "figures": [], "optimiser": {"lr": 1e-2},
    "training": {"steps": 60, "batch": 64, "log_every": 10}, "sampling": {"count": 100, "steps": 3},
}  # fmt: skip


@pytest.fixture
def small() -> dict[str, Any]:
    """A request that is carried out in a second: a Gaussian diffusion of the digits."""
    return copy.deepcopy(SMALL)


class Killed(BaseException):
    """What no run expects: as if its process had died."""


class Ending(genlab.Tracker):
    """Ends a run at a step or at the start of a stage: asks it to stop, or kills it."""

    def __init__(self, *, step: int = 0, stage: str = "", kill: bool = False) -> None:
        self.step, self.stage = step, stage
        self.with_ = Killed if kill else KeyboardInterrupt

    def step_done(self, step: int) -> None:
        if step == self.step:
            raise self.with_

    def stage_started(self, stage: str) -> None:
        if self.stage and stage.startswith(self.stage):
            raise self.with_


@pytest.fixture
def ending() -> Callable[..., genlab.Tracker]:
    """Make a tracker that ends a run: ``ending(step=40)``, ``ending(stage="drawing", kill=True)``."""
    return Ending


@pytest.fixture
def killed() -> type[BaseException]:
    """What a run that was killed ends with."""
    return Killed
