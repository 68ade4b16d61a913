"""Checks of trackers, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Tracker
from genlab.testing import check_tracker, component_checks, tracker_checks


class Everything(Tracker):
    """A sound tracker: it counts what it is told, run by run."""

    def __init__(self) -> None:
        self.told: dict[Path, list[str]] = {}

    def _note(self, path: Path, what: str) -> None:
        self.told.setdefault(path, []).append(what)

    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        self._note(path, config["dataset"]["name"])

    def training_started(self, path: Path, total: float, unit: str, step: int) -> None:
        self._note(path, f"{total} {unit} from {step}")

    def step_done(
        self, path: Path, step: int, progress: float, record: Mapping[str, float]
    ) -> None:
        self._note(path, f"{step} {progress} {record['loss']}")

    def warned(self, path: Path, message: str) -> None:
        self._note(path, message)

    def training_evaluated(self, path: Path, step: int, record: Mapping[str, Any]) -> None:
        self._note(path, f"{step} {record['values']}")

    def checkpoint_saved(self, path: Path, step: int, file: Path) -> None:
        self._note(path, f"{step} {file.stat().st_size}")

    def stage_started(self, path: Path, stage: str, total: int) -> None:
        self._note(path, f"{stage} {total}")

    def stage_advanced(self, path: Path, stage: str, done: int) -> None:
        self._note(path, f"{stage} {done}")

    def samples_drawn(self, path: Path, x: Tensor, y: Tensor | None) -> None:
        self._note(path, f"{len(x)} {None if y is None else len(y)}")

    def evaluated(self, path: Path, metrics: Mapping[str, Any]) -> None:
        self._note(path, f"{len(metrics)}")

    def figure_drawn(self, path: Path, step: int, name: str, file: Path) -> None:
        self._note(path, f"{name} at {step}: {file.stat().st_size}")

    def run_ended(self, path: Path, status: str) -> None:
        self._note(path, status)


class NeedsLabels(Tracker):
    """Cannot do without labels."""

    def samples_drawn(self, x: Tensor, y: Tensor) -> None:
        len(y)


class StrangeArgument(Tracker):
    """Asks a hook for what it does not tell."""

    def warned(self, message: str, level: int) -> None:
        pass


class OneRunOnly(Tracker):
    """Takes a run for the only one."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def run_started(self, path: Path) -> None:
        self.path = path

    def step_done(self, path: Path) -> None:
        assert path == self.path


class Tidies(Tracker):
    """Takes a table apart that belongs to others."""

    def run_started(self, config: dict[str, Any]) -> None:
        config.get("metrics", {}).clear()


class Scales(Tracker):
    """Scales the samples that it is handed."""

    def samples_drawn(self, x: Tensor) -> None:
        x.add_(1).div_(2)


class Draws(Tracker):
    """Draws from the global generator."""

    def step_done(self) -> None:
        torch.rand(1)


FAULTS: list[tuple[type[Tracker], str]] = [
    (NeedsLabels, "takes_every_hook"),
    (OneRunOnly, "takes_many_runs"),
    (Tidies, "arguments_not_altered"),
    (Scales, "arguments_not_altered"),
    (Draws, "global_rng_untouched"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: type[Tracker], check: str, found: Any) -> None:
    assert found(tracker_checks(broken())) == [check]


def test_an_argument_that_no_hook_has_is_found_once(found: Any) -> None:
    assert found(tracker_checks(StrangeArgument())) == ["takes_every_hook"]


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in tracker_checks(Everything())}
    of_every_role = {check.name for check in component_checks(Everything)}
    assert names - of_every_role == {check for _, check in FAULTS}


def test_a_sound_one_passes_and_every_hook_is_told() -> None:
    tracker = Everything()
    check_tracker(tracker)
    hooks = {name for name in vars(Everything) if not name.startswith("_")}
    life = max(tracker.told.values(), key=len)
    assert len(life) >= len(hooks)
    for part in (
        "digits",
        "2.0 steps from 0",
        "1 0.5 0.7",
        "2 0",
        "sampling 1",
        "4 4",
        "2",
        "done",
    ):
        assert part in life
