"""The stages of a run: what each of them does with the folder and the components."""

from __future__ import annotations

import time
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import nn

from genlab.components.backbone import FittedBackbone
from genlab.components.data import described, doubts_of
from genlab.components.dataset import Data
from genlab.components.density import FittedDensity
from genlab.components.tracker import Hooks
from genlab.config import (
    AllParts,
    Diffusion,
    Objects,
    Resolved,
    TrainedPrior,
    assemble_model,
    made,
)
from genlab.diffusion import DiffusionModel, Model
from genlab.errors import Interrupted, RequestError, RunError
from genlab.evaluation import evaluate, likelihood_records
from genlab.files import flush, write_bytes
from genlab.processes import Group
from genlab.report.arrays import npz_bytes
from genlab.report.gallery import figure_files
from genlab.runs.calls import Steps, drawn
from genlab.runs.drawing import figures_of, write_run_page
from genlab.runs.folder import RunFolder
from genlab.runs.interrupts import Interrupts
from genlab.runs.opening import load_weights
from genlab.runs.record import device_name, versions
from genlab.runs.run import Run
from genlab.runs.slowness import Slowness
from genlab.runs.status import Stage
from genlab.runs.watch import Watch
from genlab.training import (
    Checkpoint,
    StepLog,
    Training,
    fit_backbone,
    fit_density,
    fit_prior,
    read_checkpoint,
    require_numbers,
    write_checkpoint,
)

__all__ = ["WORK", "Work", "lost"]


@dataclass
class Work:
    """What the stages of a run work with.

    Args:
        config: The configuration.
        objects: What was handed in as an object.
        device: Where to compute.
        parts: The components.
        data: The data.
        training: The training, or None where all is fitted at once.
        hooks: The trackers.
        folder: The run folder.
        watch: What watches the training.
        interrupts: Whether somebody has asked the run to stop.
        group: The processes of the run, of which this is the first; None: there is one.
        saved: The step of the last checkpoint; None where there is none yet.
        seconds: The seconds that each stage took so far.
    """

    config: Resolved
    objects: Objects
    device: torch.device
    parts: AllParts
    data: Data
    training: Training | None
    hooks: Hooks
    folder: RunFolder
    watch: Watch
    interrupts: Interrupts = field(default_factory=Interrupts)
    group: Group | None = None
    saved: int | None = None
    seconds: Mapping[Stage, float] = field(default_factory=dict)

    @cached_property
    def run(self) -> Run:
        """The run, opened from its folder; it shares the data that is loaded already."""
        lists = {
            k: list(v.values()) for k, v in self.objects.items() if k in ("metrics", "figures")
        }
        run = Run(
            self.folder.path, device=str(self.device), data=self.config.data or None,
            components={**self.objects, **lists},
        )  # fmt: skip
        run.data = self.data
        return run

    @property
    def steps(self) -> int:
        """Steps of training so far."""
        return self.training.step if self.training else 0

    def warn(self, message: str) -> None:
        """Tell the trackers something that the user should know."""
        self.hooks.tell("warned", path=self.folder.path, message=message)

    def describe_data(self) -> None:
        """Say what the data is, how it was read and what looks wrong: the last to somebody in any case."""
        self.warn(described(self.data))
        for doubt in doubts_of(self.data):
            if self.hooks.listens("warned"):
                self.warn(doubt)
            else:
                warnings.warn(f"{self.config.dataset.name}: {doubt}", stacklevel=2)

    @contextmanager
    def part(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Tell the trackers of a part of the work, and give what tells them how far it is.

        Between two pieces of it, the run is stopped if somebody has asked for that.
        """
        path = self.folder.path

        def advance(done: int) -> None:
            self.hooks.tell("stage_advanced", path=path, stage=name, done=done)
            self.interrupts.look()

        self.hooks.tell("stage_started", path=path, stage=name, total=total)
        yield advance
        advance(total)


def _fit_prior(work: Work) -> None:
    prior, model, method = work.parts.prior, work.parts.model, work.config.method
    if prior is None or not isinstance(model, DiffusionModel):
        return
    options: dict[str, Any] = {}
    if isinstance(method, Diffusion) and isinstance(method.prior, TrainedPrior):
        options = method.prior.settings.flat()
        options["optimiser"] = made("prior_optimiser", method.prior.optimiser, work.objects)
    with work.part("fitting the prior", 100) as advance:
        fit_prior(
            model.restorer.degradation, work.data.train, work.data.spec, density=prior,
            seed=work.config.seed, device=work.device,
            log=lambda line: advance(round(100 * line["progress"])), **options,
        )  # fmt: skip
    tensors = {f"prior.{key}": value for key, value in prior.state_dict().items()}
    write_checkpoint(work.folder.checkpoints.prior, Checkpoint(tensors))


def _train(work: Work) -> None:
    if work.training is None:
        _fit_at_once(work)
        return
    if work.saved is None:
        _save(work, work.training)  # the weights that it begins with
    _steps(work, work.training)
    _save(work, work.training)


def _steps(work: Work, training: Training) -> None:
    """Do the steps of a training: log, save and evaluate as it goes on.

    Whoever wants it stopped is heard here, between two steps, when the step is logged too. An exception that
    lands anywhere else saves nothing: the last checkpoint is kept.
    """
    path, tell, budget = work.folder.path, work.hooks.tell, training.budget
    tell("training_started", path=path, total=budget.total, unit=budget.unit, step=training.step)
    slowness = Slowness(work.config, work.parts.model, work.device)
    for message in (*slowness.beforehand(), *_of_parts(training)):
        work.warn(message)
    logged, milestones = StepLog(training), work.watch.milestones
    passed, saved = bisect_right(milestones, training.progress), time.perf_counter()
    if passed and work.watch.evaluated(budget) < milestones[passed - 1]:
        _evaluate(work, training)  # the run was stopped before it could
    _lead(work, training, passed, training.checkpoint() if training.step else None)
    for record in training:
        if line := logged(record):
            work.folder.add_step(line)
            for message in slowness(line):
                work.warn(message)
            _tell_step(work, line)
        if record.asked or (work.interrupts.asked and work.group is None):
            _save(work, training)
            raise Interrupted(work.interrupts.asked or "another process")
        due = bisect_right(milestones, record.progress)
        if due > passed or time.perf_counter() - saved >= work.config.run.save_every:
            _save(work, training)
            saved = time.perf_counter()
        if due > passed:
            _evaluate(work, training)
            _lead(work, training, due)
        passed = due


def _of_parts(training: Training) -> Iterator[str]:
    """Say what is not as in one process that computes a batch at once."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    found = sum(isinstance(module, norms) for module in training.module.modules())
    if found and training.in_parts:
        yield (
            f"{found} layers normalise over a batch: each part of it is normalised on its own, and the "
            f"running statistics are those of the first process"
        )


def _lead(work: Work, training: Training, passed: int, state: Checkpoint | None = None) -> None:
    """Let the other processes do the steps up to the next evaluation, too.

    Args:
        work: The work.
        training: The training.
        passed: How many evaluations are due or done.
        state: What they go back to first; None: they go on.
    """
    if work.group is not None:
        work.group.share(Steps((*work.watch.milestones, 1.0)[passed], state))


def _tell_step(work: Work, line: Mapping[str, float]) -> None:
    """Tell of a logged step; a tracker that interrupts the run is obeyed after it."""
    step, progress = int(line["step"]), line["progress"]
    try:
        work.hooks.tell(
            "step_done", path=work.folder.path, step=step, progress=progress, record=line
        )
    except KeyboardInterrupt:
        work.interrupts.asked = "a tracker"


def _evaluate(work: Work, training: Training) -> None:
    with work.part(f"evaluating at {training.progress:.0%}", 1):
        look, watch = work.interrupts.look, work.watch
        model = _fresh(work)
        record = watch.evaluate(model, work.data, training.step, training.elapsed, look=look)
    path, step = work.folder.path, training.step
    work.hooks.tell("training_evaluated", path=path, step=step, record=record)


def _save(work: Work, training: Training) -> None:
    """Save the training, unless its last checkpoint is of this step already."""
    if work.saved == training.step:
        return
    state = training.checkpoint()
    try:
        require_numbers({**state.part("model"), **state.part("ema")}, f"step {training.step}")
    except RequestError as error:
        raise RunError(
            f"{error}; the last checkpoint is good. A smaller optimiser.lr may help"
        ) from None
    folder = work.folder
    if folder.history_file.is_file():
        flush(folder.history_file)  # what is logged is on the disk before it
    folder.checkpoints.save(state, keep=work.config.run.keep, before=work.saved)
    work.saved = training.step
    file = folder.checkpoints.last
    work.hooks.tell("checkpoint_saved", path=folder.path, step=training.step, file=file)


def _fresh(work: Work) -> Model:
    """Return the model with the weights that the folder holds."""
    parts = assemble_model(work.config, work.data.spec, work.objects, device=work.device)
    load_weights(parts, work.folder)
    return parts.model


def _fit_at_once(work: Work) -> None:
    module, train, seed = work.parts.module, work.data.train, work.config.seed
    if isinstance(module, FittedBackbone):
        with work.part("fitting the backbone", 1):
            fit_backbone(module, train, seed=seed)
    elif isinstance(module, FittedDensity):
        with work.part("fitting the density", 1):
            fit_density(module, train, seed=seed)
    else:
        raise RunError(f"{type(module).__name__} can neither be trained nor fitted")
    tensors = {f"ema.{key}": value for key, value in module.state_dict().items()}
    write_checkpoint(work.folder.checkpoints.last, Checkpoint(tensors))


def _sample(work: Work) -> None:
    count, seed, model = work.config.sampling.count, work.config.seed, work.run.model
    y = model.labels(count, seed=seed)
    with work.part("sampling", count) as advance:
        x = drawn(model, count, group=work.group, seed=seed, advance=advance)
    write_bytes(work.folder.samples_file, npz_bytes(x, y))
    work.hooks.tell("samples_drawn", path=work.folder.path, x=x, y=y)


def _measure(work: Work) -> None:
    model, seed, metrics = work.run.model, work.config.seed, work.parts.metrics
    x, _ = work.run.samples(work.config.sampling.count)
    records = likelihood_records(model, work.data, seed=seed)
    with work.part("measuring", max(len(metrics), 1)) as advance:
        records += evaluate(
            x, work.data, metrics, seed=seed, ema=model.averaged, advance=advance, warn=work.warn
        )
    found = {
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "device": device_name(work.device),
        "parameters": sum(p.numel() for p in work.parts.module.parameters()),
        "steps": work.steps,
        "sampling_steps": model.steps if isinstance(model, DiffusionModel) else None,
        "seconds": dict(work.seconds),
        "versions": versions(),
        "metrics": records,
    }  # fmt: skip
    work.folder.write_metrics(found)
    work.hooks.tell("evaluated", path=work.folder.path, metrics=found)


def _draw(work: Work) -> None:
    figures = figures_of(work.config, work.objects, warn=work.warn)
    with work.part("drawing", max(len(figures), 1)) as advance:
        files = figure_files(work.run, figures, warn=work.warn)
        for done, (name, formats) in enumerate(files, 1):
            for suffix, data in formats.items():
                write_bytes(work.folder.figure_file(name, f".{suffix}"), data)
            file = work.folder.figure_file(name, ".png")
            work.hooks.tell(
                "figure_drawn", path=work.folder.path, step=work.steps, name=name, file=file
            )
            advance(done)


def _page(work: Work) -> None:
    with work.part("writing the page", 1):
        write_run_page(work.run, warn=work.warn)


def lost(work: Work, done: Iterable[Stage]) -> list[Stage]:
    """Return the stages, of those that are counted as done, that have left nothing that is whole."""
    folder = work.folder
    reads: Mapping[Stage, Callable[[], object]] = {
        "prior": lambda: work.parts.prior is None or read_checkpoint(folder.checkpoints.prior),
        "training": lambda: read_checkpoint(folder.checkpoints.last),
        "sampling": folder.samples,
        "measuring": lambda: folder.metrics()["metrics"],
        "page": lambda: (folder.path / "report.html").read_bytes()[0],
    }
    found = []
    for stage in done:
        try:
            reads.get(stage, bool)()
        except (RequestError, OSError, LookupError):
            work.warn(f"what the stage {stage} has left is lost or damaged: it is done again")
            found.append(stage)
    return found


WORK: Mapping[Stage, Callable[[Work], None]] = {
    "prior": _fit_prior,
    "training": _train,
    "sampling": _sample,
    "measuring": _measure,
    "drawing": _draw,
    "page": _page,
}
"""What each stage does."""
