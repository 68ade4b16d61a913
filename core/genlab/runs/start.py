"""Starting runs, and going on with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from genlab.components.dataset import DataSpec
from genlab.components.registry import build
from genlab.config import Chosen, Objects, Request, Resolution, Resolved, made, resolve
from genlab.errors import RequestError
from genlab.files import draft, sweep_drafts
from genlab.guards import file_name
from genlab.processes import Group, joined, together
from genlab.runs.fingerprint import difference
from genlab.runs.folder import RunFolder, claimed, require_free
from genlab.runs.following import follow
from genlab.runs.interrupts import Interrupts, listening
from genlab.runs.lock import locked
from genlab.runs.opening import checked_objects, warn_of_versions
from genlab.runs.pipeline import Pipeline
from genlab.runs.run import Run
from genlab.runs.status import Stage, read_status

__all__ = ["UNTRAINED", "built_trackers", "continue_run", "start_run"]

OF_PRIORS = ("prior", "prior_training", "prior_optimiser")
UNTRAINED = ("metrics", "figures", "experiment", "sampling", "sampler", *OF_PRIORS)
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
    interrupts = Interrupts()
    with ExitStack() as held:
        group = held.enter_context(joined(lambda: bool(interrupts.asked)))
        first = group is None or group.rank == 0
        with together(group):
            resolution = resolve(request)
            if first and out is not None:
                require_free(out)
        if group is not None and not first:
            return follow(resolution, group, interrupts)

        def enter() -> RunFolder:
            held.enter_context(listening(interrupts))
            return held.enter_context(claimed(out, _stem(resolution.config)))

        pipeline = Pipeline(
            resolution, enter, trackers=built_trackers(trackers), skip=skip, interrupts=interrupts,
            group=group,
        )  # fmt: skip
        pipeline.begin()
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
    checkpoint: str | None = None,
    trackers: Iterable[object] = (),
    components: Mapping[str, Any] | None = None,
) -> Run:
    """Go on with a run: finish its training, to its own budget or to another, and every stage after it.

    Args:
        path: The run folder.
        budget: Another budget, as ``{"steps": 4000}``; None: the run's own.
        data: Another data folder; None: the run's own.
        device: Another device; None: the run's own.
        checkpoint: The checkpoint to go back to, such as ``"step-0000400"``; None: the last.
        trackers: Objects with hooks, or names of trackers.
        components: What cannot be imported, by the place that it takes.

    Raises:
        RequestError: The folder is no run, or all of it is done.
        RunError: The training failed.
    """
    interrupts = Interrupts()
    with ExitStack() as held:
        group = held.enter_context(joined(lambda: bool(interrupts.asked)))
        resolution = _resolution(path, group, budget, data, device, components or {})
        if group is not None and group.rank:
            return follow(resolution, group, interrupts)
        folder = RunFolder.open(path)
        listeners = built_trackers(trackers)
        skipped = read_status(folder.status_file).skipped
        held.enter_context(locked(path, "genlab resume"))
        interrupts.path = path
        held.enter_context(listening(interrupts))
        sweep_drafts(path)
        if checkpoint is not None:
            folder.checkpoints.go_back(checkpoint)
        pipeline = Pipeline(
            resolution, lambda: folder, trackers=listeners, skip=skipped, interrupts=interrupts,
            group=group,
        )  # fmt: skip
        if told := difference(folder.fingerprint(), pipeline.fingerprint):
            raise RequestError(
                f"the data is not that which {path} learned from ({told}): give that one by --data, or begin "
                f"a new run"
            )
        _go_back(pipeline)
        pipeline.begin()
        return pipeline.carry_out()


def _resolution(
    path: Path,
    group: Group | None,
    budget: Mapping[str, float] | None,
    data: str | None,
    device: str | None,
    components: Mapping[str, Any],
) -> Resolution:
    """Return what a run folder is to be gone on with; of several processes, the first reads it."""
    first = group is None or group.rank == 0
    found: tuple[Resolved, DataSpec] | None = None
    with together(group):
        if first:
            folder = RunFolder.open(path)
            config = folder.config()
            warn_of_versions(folder, config)
            found = _changed(config, budget, data, device), folder.spec()
    if group is not None:
        found = group.share(found)
    assert found is not None
    config, spec = found
    with together(group):
        objects = checked_objects(config, components)
        dataset = made("dataset", config.dataset, objects)
        if dataset.spec != spec:
            raise RequestError(
                f"the data has changed since {path} was made: it was {spec}, and is {dataset.spec}"
            )
    return Resolution(config, dataset, objects)


def _changed(
    config: Resolved, budget: Mapping[str, float] | None, data: str | None, device: str | None
) -> Resolved:
    """Return a configuration with another budget, data folder or device, where they are given."""
    if data is not None:
        config = config.with_data(data)
    if device is not None:
        config = replace(config, device=device)
    return config.with_budget(**budget) if budget else config


def _go_back(pipeline: Pipeline) -> None:
    """Go back to the last checkpoint, and find out what is missing.

    Raises:
        RequestError: Nothing is.
    """
    folder, work = pipeline.folder, pipeline.work
    state = folder.checkpoints.state() if work.training is not None else None
    if state is not None:
        pipeline.go_back_to(state)
    elif work.training is not None:
        _require_weights(work.config, work.objects)
        pipeline.begin_anew()
    pipeline.look_after()
    if not pipeline.status.missing and pipeline.status.outcome == "done":
        raise RequestError(
            f"{folder.path} is done, and has used up its budget: give a larger one, such as --steps "
            f"{2 * work.steps}"
        )


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
    chosen = [each for slot, each in config.components() if slot not in UNTRAINED]
    if config.evaluation.times:
        chosen = [*(each for _, each in config.components()), *config.metrics]
    return all(map(_is_told, chosen))


def _is_told(chosen: Chosen) -> bool:
    """Say whether a file tells a component from any other."""
    return not chosen.unwritten and "<" not in chosen.target


def _training_of(config: Resolved) -> dict[str, Any]:
    """Return all of a configuration that the trained weights depend on."""
    tables = config.flat()
    if (
        config.evaluation.times
    ):  # evaluations during training are part of the run, and use all of these
        return tables
    return {key: value for key, value in tables.items() if key not in UNTRAINED}


def _same_prior(config: Resolved, other: Resolved) -> bool:
    """Say whether two runs that train the same have the same prior, as far as their files tell."""
    told = all(_is_told(each) for slot, each in config.components() if slot in OF_PRIORS)
    one, two = config.flat(), other.flat()
    return told and all(one.get(key) == two.get(key) for key in OF_PRIORS)


def _take_training(sibling: RunFolder, pipeline: Pipeline) -> None:
    """Copy the trained weights of another run, the log of its training, and its prior if it is the same."""
    folder = pipeline.folder
    copied: dict[Path, Path] = {
        sibling.history_file: folder.history_file,
        sibling.checkpoints.last: folder.checkpoints.last,
    }
    stages: list[Stage] = ["training"]
    if _same_prior(pipeline.work.config, sibling.config()):
        copied = {sibling.checkpoints.prior: folder.checkpoints.prior, **copied}
        stages = ["prior", "training"]
    for source, target in copied.items():
        if source.is_file():
            with draft(target) as file:
                shutil.copyfile(source, file)
    done = read_status(sibling.status_file).done
    pipeline.adopt({stage: done[stage] for stage in stages})
