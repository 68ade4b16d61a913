"""The contract of a tracker, which listens to runs of which nothing but their hooks takes place."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from genlab.components.tracker import Hooks, Tracker
from genlab.testing.check import Check, bind, global_rng_untouched, require, run_checks
from genlab.testing.component import component_checks

__all__ = ["check_tracker", "tracker_checks"]


def check_tracker(instance: Tracker) -> None:
    """Check a tracker against its contract.

    Args:
        instance: The tracker.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, tracker_checks(instance))


def tracker_checks(instance: Tracker) -> Iterator[Check]:
    """Yield the checks of a tracker.

    Args:
        instance: The tracker.
    """
    yield from bind(_CHECKS, instance)
    yield from component_checks(lambda: instance)


Event = tuple[str, dict[str, Any]]
"""A hook and its arguments."""


def _life(path: Path, *, labels: bool = True, status: str = "done") -> list[Event]:
    """Return what a short run tells, in order."""
    checkpoint = path / "checkpoints" / "last.safetensors"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.touch()
    config = {"run": {"seed": 0}, "dataset": {"name": "digits"}, "metrics": {"frechet": {}}}
    record = {"step": 1, "progress": 0.5, "loss": 0.7, "lr": 1e-3, "grad_norm": 1.2,
              "examples_per_s": 100.0, "elapsed_s": 0.1, "skipped": 0}  # fmt: skip
    number = {"name": "frechet", "value": 1.5, "n": 4, "features": "data", "baseline": 0.5}
    x, y = torch.zeros(4, 1, 8, 8), torch.arange(4) if labels else None
    figure = path / "figures" / "samples.png"
    figure.parent.mkdir(exist_ok=True)
    Image.new("L", (8, 8)).save(figure)
    evaluation = {"step": 2, "elapsed_s": 0.1, "n": 4, "values": {"frechet": 1.5},
                  "baselines": {"frechet": 0.5}}  # fmt: skip
    events: list[Event] = [
        ("run_started", {"config": config}),
        ("stage_started", {"stage": "prior", "total": 2}),
        ("stage_advanced", {"stage": "prior", "done": 2}),
        ("training_started", {"total": 2.0, "unit": "steps", "step": 0}),
        ("warned", {"message": "the samples will take a while"}),
        ("step_done", {"step": 1, "progress": 0.5, "record": record}),
        ("step_done", {"step": 2, "progress": 1.0, "record": {**record, "step": 2}}),
        ("checkpoint_saved", {"step": 2, "file": checkpoint}),
        ("training_evaluated", {"step": 2, "record": evaluation}),
        ("stage_started", {"stage": "sampling", "total": 1}),
        ("stage_advanced", {"stage": "sampling", "done": 1}),
        ("samples_drawn", {"x": x, "y": y}),
        ("evaluated", {"metrics": {"steps": 2, "metrics": [number]}}),
        ("figure_drawn", {"step": 2, "name": "samples", "file": figure}),
    ]
    told = events if status == "done" else events[:6]
    return [
        (hook, {"path": path, **given})
        for hook, given in [*told, ("run_ended", {"status": status})]
    ]


def _tell(tracker: Tracker, events: Sequence[Event]) -> None:
    """Tell a tracker what happened; raise where it raises."""
    hooks = Hooks([tracker])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for hook, given in events:
            hooks.tell(hook, **given)
            failed = [str(w.message) for w in caught if "is switched off" in str(w.message)]
            require(not failed, failed[0] if failed else "")


def _takes_every_hook(tracker: Tracker) -> None:
    """It takes what the hooks tell, of runs that are done, stopped or failed, with labels and without."""
    with tempfile.TemporaryDirectory() as folder:
        for status in ("done", "interrupted", "failed"):
            for labels in (True, False):
                path = Path(folder, f"{status}-{labels}")
                _tell(tracker, _life(path, labels=labels, status=status))


def _takes_many_runs(tracker: Tracker) -> None:
    """It listens to runs that are stopped and go on, and to two at a time."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_life(Path(folder, name)) for name in ("first", "second"))
        stopped = _life(Path(folder, "stopped"), status="interrupted")
        _tell(tracker, [*stopped, *_life(Path(folder, "stopped"))])
        _tell(tracker, [event for pair in zip(first, second, strict=True) for event in pair])


def _arguments_not_altered(tracker: Tracker) -> None:
    """It leaves what it is told as it is: tables, records and samples."""
    with tempfile.TemporaryDirectory() as folder:
        for hook, given in _life(Path(folder, "run")):
            kept = copy.deepcopy(given)
            _tell(tracker, [(hook, given)])
            for name, value in given.items():
                require(_alike(value, kept[name]), f"{hook}() alters {name}")


def _global_rng_untouched(tracker: Tracker) -> None:
    """It leaves the global generators alone: a run is the same with it and without."""
    with tempfile.TemporaryDirectory() as folder:
        events = _life(Path(folder, "run"))
        with global_rng_untouched("a hook"):
            _tell(tracker, events)


_CHECKS = (
    _takes_every_hook,
    _takes_many_runs,
    _arguments_not_altered,
    _global_rng_untouched,
)


def _alike(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else bool(a == b)
