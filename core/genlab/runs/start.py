"""Starting runs, and going on with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genlab.components.registry import build
from genlab.config import Objects, Request, Resolution, Resolved, made, resolve
from genlab.errors import RequestError
from genlab.guards import file_name
from genlab.runs.folder import RunFolder, claim, free_folder, require_free
from genlab.runs.opening import checked_objects, warn_of_versions
from genlab.runs.pipeline import Pipeline
from genlab.runs.run import Run
from genlab.runs.status import STAGES, Stage, read_status
from genlab.training import read_checkpoint

__all__ = ["UNTRAINED", "built_trackers", "continue_run", "start_run"]

UNTRAINED = ("metrics", "figures", "experiment", "sampling", "sampler")
"""The parts of a request that trained weights do not depend on, unless a run evaluates while it trains."""


def start_run(
    request: Mapping[str, Any] | Request,
    *,
    out: Path | None = None,
    trackers: Iterable[object] = (),
    skip: Sequence[Stage] = (),
    siblings: Iterable[Path] = (),
) -> Run:
    """Carry out a request.

    Nothing is written before the whole request was found right and the data was loaded.

    Args:
        request: The request.
        out: The run folder; None: the next free one below ``runs``.
        trackers: Objects with hooks, or names of trackers.
        skip: Stages that are left out.
        siblings: Run folders that may hold the same training, which is then not repeated.

    Raises:
        RequestError: The request was wrong.
        RunError: The training failed.
    """
    resolution = resolve(request)
    if out is not None:
        require_free(out)
    path = out or free_folder(Path("runs"), _stem(resolution.config))
    pipeline = Pipeline(resolution, path, trackers=built_trackers(trackers), skip=skip)
    claim(path)
    for sibling in siblings:
        if _same_training(resolution.config, sibling):
            _take_training(RunFolder(sibling), pipeline)
            break
    return pipeline.carry_out()


def continue_run(
    path: Path,
    *,
    budget: Mapping[str, float] | None = None,
    data: str | None = None,
    device: str | None = None,
    trackers: Iterable[object] = (),
    components: Mapping[str, Any] | None = None,
) -> Run:
    """Go on with a run: finish its training, to its own budget or to another, and every stage after it.

    Args:
        path: The run folder.
        budget: Another budget, as ``{"steps": 4000}``; None: the run's own.
        data: Another data folder; None: the run's own.
        device: Another device; None: the run's own.
        trackers: Objects with hooks, or names of trackers.
        components: What cannot be imported, by the place that it takes.

    Raises:
        RequestError: The folder is no run, or all of it is done.
        RunError: The training failed.
    """
    folder = RunFolder.open(path)
    config = folder.config()
    objects = checked_objects(config, components or {})
    warn_of_versions(folder, config)
    if data is not None:
        config = config.with_data(data)
    if device is not None:
        config = replace(config, device=device)
    if budget:
        config = config.with_budget(**budget)
    dataset = made("dataset", config.dataset, objects)
    if dataset.spec != folder.spec():
        raise RequestError(
            f"the data has changed since {path} was made: it was {folder.spec()}, and is {dataset.spec}"
        )
    resolution = Resolution(config, dataset, objects)
    skipped = read_status(folder.status_file).skipped
    pipeline = Pipeline(resolution, path, trackers=built_trackers(trackers), skip=skipped)
    if folder.checkpoint_file.is_file():
        pipeline.go_back_to(read_checkpoint(folder.checkpoint_file))
    else:
        _require_weights(config, objects)
        folder.keep_history_until(0)
    if not pipeline.status.missing:
        raise RequestError(
            f"{path} is done, and has used up its budget: give a larger one, such as --steps "
            f"{2 * pipeline.work.steps}"
        )
    return pipeline.carry_out()


def _require_weights(config: Resolved, objects: Objects) -> None:
    """Refuse to begin a training anew without the weights that it began with."""
    for slot, chosen in config.components():
        if "weights" in chosen.unwritten and slot not in objects:
            raise RequestError(
                f"the {slot} {chosen.name} began with weights of its own, and there is no checkpoint yet: "
                f'hand it in: resume(path, components={{"{slot}": ...}})'
            )


def built_trackers(trackers: Iterable[object]) -> list[object]:
    """Return trackers as objects: those that are named are built.

    Raises:
        RequestError: There is no such tracker.
    """
    return [build("tracker", each) if isinstance(each, str) else each for each in trackers]


def _stem(config: Resolved) -> str:
    return config.experiment or file_name(config.title.replace(" on ", "-"))


def _same_training(config: Resolved, sibling: Path) -> bool:
    """Say whether another run has trained exactly this, and finished its training."""
    folder = RunFolder(sibling)
    if "training" not in read_status(folder.status_file).done or not _is_written(config):
        return False
    try:
        other = folder.config()
    except RequestError:
        return False
    return _training_of(config) == _training_of(other)


def _is_written(config: Resolved) -> bool:
    """Say whether a file tells all that is trained: modules, tensors and local classes may look the same."""
    chosen = [each for slot, each in config.components() if slot != "sampler"]
    if config.evaluation.times:
        chosen = [*(each for _, each in config.components()), *config.metrics]
    return not any(each.unwritten or "<" in each.target for each in chosen)


def _training_of(config: Resolved) -> dict[str, Any]:
    """Return all of a configuration that the trained weights depend on."""
    tables = config.flat()
    if (
        config.evaluation.times
    ):  # evaluations during training are part of the run, and use all of these
        return tables
    return {key: value for key, value in tables.items() if key not in UNTRAINED}


def _take_training(sibling: RunFolder, pipeline: Pipeline) -> None:
    """Copy the trained weights of another run, and the log of its training."""
    folder = pipeline.folder
    for source, target in (
        (sibling.prior_file, folder.prior_file),
        (sibling.checkpoint_file, folder.checkpoint_file),
        (sibling.history_file, folder.history_file),
    ):
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    done = read_status(sibling.status_file).done
    pipeline.adopt({stage: done[stage] for stage in STAGES[:2]})
