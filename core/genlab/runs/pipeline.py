"""The pipeline: carries a run out, stage by stage, from a checked request to a whole run folder."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from genlab.components.data import loaded
from genlab.components.dataset import Data, Examples
from genlab.components.density import FittedDensity
from genlab.components.tracker import Hooks
from genlab.config import (
    Diffusion,
    Resolution,
    Resolved,
    TrainedPrior,
    assemble,
    made,
    pick_device,
    require_metrics_fit,
)
from genlab.diffusion import DiffusionModel, Model
from genlab.errors import RunError
from genlab.evaluation import evaluate, likelihood_records
from genlab.files import write_bytes
from genlab.report.gallery import figure_files
from genlab.report.output import npz_bytes
from genlab.runs.drawing import figures_of, write_run_page
from genlab.runs.folder import RunFolder
from genlab.runs.opening import load_weights
from genlab.runs.record import device_name, packages, versions
from genlab.runs.run import Run
from genlab.runs.slowness import Slowness
from genlab.runs.status import STAGES, Outcome, Stage, Status, read_status, write_status
from genlab.runs.watch import Watch
from genlab.training import (
    Checkpoint,
    StepLog,
    Training,
    fit_density,
    fit_prior,
    read_checkpoint,
    write_checkpoint,
)

__all__ = ["Pipeline"]


class Pipeline:
    """The stages of one run.

    Everything is built and fits together, and the data is loaded, before anything is written.

    Args:
        resolution: The resolved request.
        trackers: Objects that listen.
        skip: Stages that are left out.

    Raises:
        RequestError: Components do not fit each other or the data, or a tracker has a wrong hook.
    """

    def __init__(
        self,
        resolution: Resolution,
        *,
        trackers: Iterable[object] = (),
        skip: Sequence[Stage] = (),
    ) -> None:
        self.config: Resolved = resolution.config
        self.objects, self.skip = resolution.objects, tuple(skip)
        self.hooks = Hooks(trackers)
        self.device = pick_device(self.config.device)
        spec = resolution.dataset.spec
        self.parts = assemble(self.config, spec, self.objects, device=self.device)
        require_metrics_fit(self.parts, resolution.dataset)
        root = Path(self.config.data) if self.config.data else None
        self.data: Data = loaded(resolution.dataset, root)
        self.training = self._training()
        self.folder = RunFolder(Path())
        self.status = Status(skipped=self.skip)

    def start(self, path: Path) -> None:
        """Take a folder that was claimed for the run."""
        self._enter(path)
        self.status = Status(skipped=self.skip)
        self._write()

    def enter(self, path: Path) -> None:
        """Take the folder of a run that goes on, as far as it is."""
        self._enter(path)
        self.status = replace(read_status(self.folder.status_file), skipped=self.skip)

    def adopt(self, done: Mapping[Stage, float]) -> None:
        """Count stages as done, whose files another run has left."""
        self.status = replace(self.status, done={**self.status.done, **done})
        if self.training is not None and self.folder.checkpoint_file.is_file():
            self.training.restore(read_checkpoint(self.folder.checkpoint_file))

    @property
    def steps(self) -> int:
        """Steps of training so far."""
        return self.training.step if self.training else 0

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint of the training."""
        if self.training is None:
            return
        self.training.restore(checkpoint)
        if self.training.progress < 1:  # a larger budget: what came after the training is to be made anew
            self.status = self.status.without(*STAGES[1:])
        self.folder.keep_history_until(self.training.step)
        self.watch.resume()

    def carry_out(self) -> Run:
        """Do every stage that is missing, and return the run.

        Raises:
            RunError: The training failed.
        """
        self._write()
        outcome: Outcome = "failed"
        try:
            for stage in STAGES:
                if stage in self.status.missing:
                    self._stage(stage)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "interrupted"
            raise
        finally:
            stage = "" if outcome == "done" else self.status.stage
            self._mark(replace(self.status, outcome=outcome, stage=stage))
            self.hooks.tell("run_ended", path=self.folder.path, status=outcome)
        return self.run

    @cached_property
    def run(self) -> Run:
        """The run, opened from its folder."""
        path, data = self.folder.path, self.config.data or None
        run = Run(path, device=str(self.device), data=data, components=self.objects_given)
        run.data = self.data
        return run

    @property
    def objects_given(self) -> dict[str, Any]:
        """What was handed in, as :class:`Run` takes it."""
        lists = {k: list(v.values()) for k, v in self.objects.items() if k in ("metrics", "figures")}
        return {**self.objects, **lists}

    def _enter(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.watch = Watch(self.config, self.parts.metrics, self.folder)

    def _write(self) -> None:
        extra = {"packages": packages(self.config), "versions": versions()}
        self.folder.write_config(self.config, self.data.spec, extra)
        self._mark(replace(self.status, outcome="running"))

    def _mark(self, status: Status) -> None:
        self.status = status
        write_status(self.folder.status_file, status)

    def _stage(self, stage: Stage) -> None:
        work: Mapping[Stage, Callable[[], None]] = {
            "prior": self._fit_prior, "training": self._train, "sampling": self._sample,
            "measuring": self._measure, "drawing": self._draw, "page": self._page,
        }  # fmt: skip
        self._mark(replace(self.status, stage=stage))
        begun = time.perf_counter()
        work[stage]()
        seconds = time.perf_counter() - begun
        if stage == "training" and self.training:
            seconds = self.training.elapsed
        self._mark(self.status.finished(stage, seconds))

    # -- the stages ------------------------------------------------------------------------------

    def _fit_prior(self) -> None:
        prior, model, method = self.parts.prior, self.parts.model, self.config.method
        if prior is None or not isinstance(model, DiffusionModel):
            return
        options: dict[str, Any] = {}
        if isinstance(method, Diffusion) and isinstance(method.prior, TrainedPrior):
            options = method.prior.settings.flat()
            options["optimiser"] = made("prior_optimiser", method.prior.optimiser, self.objects)
        with self._told("fitting the prior", 100) as advance:
            fit_prior(
                model.restorer.degradation, self.data.train, self.data.spec, density=prior,
                seed=self.config.seed, device=self.device,
                log=lambda line: advance(round(100 * line["progress"])), **options,
            )  # fmt: skip
        tensors = {f"prior.{key}": value for key, value in prior.state_dict().items()}
        write_checkpoint(self.folder.prior_file, Checkpoint(tensors))

    def _train(self) -> None:
        training, path = self.training, self.folder.path
        if training is None:
            self._fit_density()
            return
        tell = self.hooks.tell
        budget = training.budget
        tell("run_started", path=path, config=self.config.flat(), total=budget.total, unit=budget.unit)
        slowness = Slowness(self.config, self.parts.model, self.device)
        for message in slowness.beforehand():
            tell("warned", path=path, message=message)
        logged, passed = StepLog(training), bisect_right(self.watch.milestones, training.progress)
        saved = time.perf_counter()
        try:
            for record in training:
                if line := logged(record):
                    self.folder.add_step(line)
                    for message in slowness(line):
                        tell("warned", path=path, message=message)
                    tell("step_done", path=path, step=record.step, progress=record.progress, record=line)
                due = bisect_right(self.watch.milestones, record.progress)
                if due > passed or time.perf_counter() - saved >= self.config.run.save_every:
                    self._save()
                    saved = time.perf_counter()
                if due > passed:
                    self._watch()
                passed = due
        except KeyboardInterrupt:
            self._save()
            raise
        self._save()

    def _save(self) -> None:
        if self.training is None:
            return
        file = self.folder.checkpoint_file
        write_checkpoint(file, self.training.checkpoint())
        self.hooks.tell(
            "checkpoint_saved", path=self.folder.path, step=self.training.step, file=file
        )

    def _watch(self) -> None:
        if self.training is None:
            return
        step, elapsed = self.training.step, self.training.elapsed
        with self._told(f"evaluating at {self.training.progress:.0%}", 1):
            self.watch.evaluate(self._fresh(), self.data, step, elapsed)

    def _fresh(self) -> Model:
        """Return the model with the weights that the folder holds."""
        parts = assemble(self.config, self.data.spec, self.objects, device=self.device)
        load_weights(parts, self.folder.checkpoint_file, self.folder.prior_file)
        return parts.model

    def _fit_density(self) -> None:
        density = self.parts.module
        if not isinstance(density, FittedDensity):
            raise RunError(f"{type(density).__name__} can neither be trained nor fitted")
        with self._told("fitting the density", 1):
            fit_density(density, self.data.train, seed=self.config.seed)
        tensors = {f"ema.{key}": value for key, value in density.state_dict().items()}
        write_checkpoint(self.folder.checkpoint_file, Checkpoint(tensors))

    def _sample(self) -> None:
        count, seed = self.config.sampling.count, self.config.seed
        y = self.run.model.labels(count, seed=seed)
        with self._told("sampling", count) as advance:
            x = self.run.model.sample(count, seed=seed, advance=advance)
        write_bytes(self.folder.samples_file, npz_bytes(x, y))
        self.hooks.tell("samples_drawn", path=self.folder.path, x=x, y=y)

    def _measure(self) -> None:
        model, seed = self.run.model, self.config.seed
        x, _ = self.run.samples(self.config.sampling.count)
        records = likelihood_records(model, self.data, seed=seed)
        with self._told("measuring", max(len(self.parts.metrics), 1)) as advance:
            records += evaluate(
                x, self.data, self.parts.metrics, seed=seed, ema=model.averaged, advance=advance
            )
        found = {
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "device": device_name(self.device),
            "parameters": sum(p.numel() for p in self.parts.module.parameters()),
            "steps": self.steps,
            "sampling_steps": model.steps if isinstance(model, DiffusionModel) else None,
            "seconds": dict(self.status.done),
            "versions": versions(),
            "metrics": records,
        }  # fmt: skip
        self.folder.write_metrics(found)
        self.hooks.tell("evaluated", path=self.folder.path, metrics=found)

    def _draw(self) -> None:
        figures = figures_of(self.config, self.objects, warn=self._warn)
        with self._told("drawing", max(len(figures), 1)) as advance:
            files = figure_files(self.run, figures, warn=self._warn)
            for done, (name, formats) in enumerate(files, 1):
                for suffix, data in formats.items():
                    write_bytes(self.folder.figure_file(name, f".{suffix}"), data)
                advance(done)

    def _page(self) -> None:
        with self._told("writing the page", 1):
            write_run_page(self.run, warn=self._warn)

    # -- what they share -------------------------------------------------------------------------

    def _training(self) -> Training | None:
        """Return the training, or None where a density is fitted at once."""
        learned = self.config.learned
        if learned is None or self.parts.objective is None:
            return None
        labels = self.data.train.y if self.config.run.conditional else None
        return Training(
            self.parts.objective, Examples(self.data.train.x, labels), learned.settings,
            optimiser=made("optimiser", learned.optimiser, self.objects), seed=self.config.seed,
            device=self.device,
        )  # fmt: skip

    def _warn(self, message: str) -> None:
        self.hooks.tell("warned", path=self.folder.path, message=message)

    @contextmanager
    def _told(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Tell the trackers of a part of the work."""
        path = self.folder.path

        def advance(done: int) -> None:
            self.hooks.tell("stage_advanced", path=path, stage=name, done=done)

        self.hooks.tell("stage_started", path=path, stage=name, total=total)
        yield advance
        advance(total)
