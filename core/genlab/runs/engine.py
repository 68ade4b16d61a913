"""The engine: carries a run out, from a checked request to a whole run folder."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import numpy as np
import pluggy
import torch
from torch import nn

from genlab.config import RunConfig, TrainingConfig
from genlab.errors import RequestError
from genlab.evaluation import measure, require_metric_fits
from genlab.figures.files import figure_bytes
from genlab.files import write_bytes
from genlab.generation import DiffusionModel
from genlab.generation.prior import summaries
from genlab.hooks import plugin_manager
from genlab.protocols import Dataset, DataSpec, Density, Examples, FittedDensity, Flow
from genlab.protocols.dataset import dequantise
from genlab.runs.advice import Advice
from genlab.runs.assembly import (
    Parts,
    assemble,
    data_root,
    pick_device,
    resolve,
    with_budget,
)
from genlab.runs.folder import RunFolder, free_folder, require_free
from genlab.runs.history import HistoryWriter
from genlab.runs.likelihood import likelihood_records
from genlab.runs.midway import Midway
from genlab.runs.output import npz_bytes
from genlab.runs.page import write_page
from genlab.runs.run import Run
from genlab.training import (
    DiffusionObjective,
    LikelihoodObjective,
    Objective,
    Trainer,
    read_checkpoint,
    write_checkpoint,
)
from genlab.training.checkpoint import Checkpoint
from genlab.training.precision import bf16_is_faster

__all__ = ["continue_run", "start_run"]


def start_run(
    tables: Mapping[str, Any], *, out: Path | None = None, trackers: Iterable[object] = ()
) -> Run:
    """Carry out a request.

    Nothing is written before the whole request was found right and the data was loaded.

    Args:
        tables: The request as plain tables.
        out: The run folder; None: the next free one below ``runs``.
        trackers: Objects with hooks.

    Raises:
        RequestError: The request was wrong.
        RunError: The training failed.
    """
    config, dataset = resolve(tables)
    path = out or free_folder(Path("runs"), _stem(config))
    require_free(path)
    work = _Work(config, dataset, RunFolder(path), trackers)
    work.folder.path.mkdir(parents=True, exist_ok=True)
    work.folder.write_config(config, dataset.spec, {"versions": versions()})
    return work.carry_out()


def continue_run(
    path: Path,
    *,
    budget: Mapping[str, float | None] | None = None,
    data: str | None = None,
    device: str | None = None,
    trackers: Iterable[object] = (),
) -> Run:
    """Go on with a run from its last checkpoint.

    Args:
        path: The run folder.
        budget: Another budget, as ``{"steps": 4000}``; None: the run's own.
        data: Another data folder; None: the run's own.
        device: Another device; None: the run's own.
        trackers: Objects with hooks.

    Raises:
        RequestError: The folder is no run, or its budget is used up.
        RunError: The training failed.
    """
    folder = RunFolder.open(path)
    config = folder.config()
    changed = {key: value for key, value in {"data": data, "device": device}.items() if value}
    config = config.model_copy(update=changed)
    if budget:
        config = with_budget(config, **budget)
    tables = folder.tables()
    config, dataset = resolve({**config.flat(), "dataset": tables["dataset"]})
    if dataset.spec != folder.spec():
        raise RequestError(
            f"the data has changed since {path} was made: it was {folder.spec()}, "
            f"and is {dataset.spec}"
        )
    work = _Work(config, dataset, folder, trackers)
    if folder.checkpoint_file.is_file():
        work.take_up(read_checkpoint(folder.checkpoint_file))
    folder.write_config(config, dataset.spec, {"versions": versions()})
    return work.carry_out()


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {
        "genlab": metadata.version("genlab"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


class _Work:
    """What a run has at hand while it is carried out."""

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        folder: RunFolder,
        trackers: Iterable[object],
    ) -> None:
        self.config, self.folder = config, folder
        self.device = pick_device(config.device)
        self.parts: Parts = assemble(config, dataset.spec)
        for name, metric in self.parts.metrics.items():
            require_metric_fits(name, metric, dataset.spec, dataset)
        self.train: Examples = dataset.load("train", data_root(config))
        self.test: Examples = dataset.load("test", data_root(config))
        self.trainer = self._trainer()
        self.midway = Midway(config, self.parts.metrics, folder)
        self.seconds: dict[str, float] = {}
        self.advice = Advice(config, self.parts, self.device, len(self.train))
        self.hooks: pluggy.PluginManager = plugin_manager(
            [HistoryWriter(folder.history_file), *trackers]
        )

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint."""
        if self.trainer is None:
            return
        self.trainer.restore(checkpoint)
        if self.trainer.progress >= 1 and self.folder.metrics():
            raise RequestError(
                f"{self.folder.path} has used up its budget of {self.trainer.budget.total:g} "
                f"{self.trainer.budget.unit}: give a larger one, such as --steps "
                f"{2 * self.trainer.step}"
            )
        self.folder.keep_history_until(self.trainer.step)
        self.midway.take_up()

    def carry_out(self) -> Run:
        """Train, sample, measure and draw."""
        status = "failed"
        try:
            with self._timed("prior"):
                self._fit_prior()
            with self._timed("training"):
                self._train()
            run = Run(self.folder.path, device=str(self.device))
            with self._timed("sampling"):
                x = self._sample(run)
            with self._timed("measuring"):
                self._measure(run, x)
            self._draw(run)
            status = "done"
        finally:
            self.hooks.hook.run_ended(path=self.folder.path, status=status)
        return run

    @property
    def trained(self) -> nn.Module:
        """The module whose weights are learned or fitted."""
        module = self.parts.restorer.backbone if self.parts.restorer else self.parts.density
        assert module is not None  # assemble() gives one or the other
        return module

    def _trainer(self) -> Trainer | None:
        """Return the trainer, or None where the density is fitted at once."""
        restorer, config = self.parts.restorer, self.config.training
        if self.parts.density is not None and self.parts.density.tags.fitted:
            return None
        if restorer is not None:
            objective: Objective = DiffusionObjective(
                restorer, config.loss or "l2", config.terminal or 0.0,
                config.label_dropout if config.conditional else None, config.jitter or 0.0,
            )  # fmt: skip
            mixed = restorer.backbone.tags.mixed_precision
        else:
            assert self.parts.density is not None  # assemble() gives one or the other
            objective = _likelihood(self.parts.spec, config)
            mixed = self.parts.density.tags.mixed_precision
            self._initialise(self.parts.density, self.train, self.parts.spec)
        if self.parts.spec.kind == "image":
            self.trained.to(memory_format=torch.channels_last)
        auto = bf16_is_faster(self.device, self.parts.spec.shape, mixed)
        return Trainer(
            self.trained, objective, self.train, config, seed=self.config.seed, device=self.device,
            bf16={"auto": auto, "bf16": True, "fp32": False}[config.precision],
        )  # fmt: skip

    def _fit_prior(self) -> None:
        prior, restorer = self.parts.prior, self.parts.restorer
        if prior is None or restorer is None or self.folder.prior_file.is_file():
            return
        generator = torch.Generator().manual_seed(self.config.seed)
        with self._stage("fitting the prior", 1):
            c, y = summaries(restorer.degradation, self.train, most=_MOST, generator=generator)
            if prior.tags.fitted:
                cast(FittedDensity, prior).fit(c, y, generator=generator)
        if not prior.tags.fitted:
            self._train_prior(prior, Examples(c, y))
        tensors = {f"prior.{key}": value for key, value in prior.state_dict().items()}
        write_checkpoint(self.folder.prior_file, Checkpoint(tensors))

    def _train_prior(self, prior: Density, examples: Examples) -> None:
        """Train a prior by gradients, on what is left of the training data at t = 1."""
        config = self.config.prior_training
        assert config is not None  # resolve() fills it in for such a prior
        spec = DataSpec(tuple(examples.x.shape[1:]), "vector")
        self._initialise(prior, examples, spec)
        trainer = Trainer(
            prior, _likelihood(spec, config), examples, config, seed=self.config.seed,
            device=self.device,
        )  # fmt: skip
        with self._stage("training the prior", 100) as advance:
            trainer.run(lambda record: advance(round(100 * record["progress"])), lambda: None)
        prior.load_state_dict(trainer.ema.module.state_dict())

    def _initialise(self, density: Density, examples: Examples, spec: DataSpec) -> None:
        """Set what a flow takes from data before the first step."""
        if not density.tags.flow:
            return
        generator = torch.Generator().manual_seed(self.config.seed)
        x = examples.some(_FIRST, generator=generator)[0].cpu()
        flow = cast(Flow, density)
        flow.initialise(dequantise(x, spec, generator=generator), generator=generator)

    def _train(self) -> None:
        trainer, hook = self.trainer, self.hooks.hook
        path, file = self.folder.path, self.folder.checkpoint_file
        if trainer is None:
            self._fit_density()
            return

        def log(record: Mapping[str, float]) -> None:
            for message in self.advice(record):
                hook.warned(path=path, message=message)
            hook.step_done(
                path=path, step=int(record["step"]), progress=record["progress"], record=record
            )

        def save() -> None:
            write_checkpoint(file, trainer.checkpoint())
            hook.checkpoint_saved(path=path, step=trainer.step, file=file)

        hook.run_started(
            path=path, config=self.config, total=trainer.budget.total, unit=trainer.budget.unit
        )
        for message in self.advice.beforehand():
            hook.warned(path=path, message=message)

        def evaluate() -> None:
            with self._stage(f"evaluating at {trainer.progress:.0%}", 1):
                run = Run(path, device=str(self.device))
                self.midway.evaluate(run, self.train, self.test, trainer.step, trainer.elapsed)

        try:
            trainer.run(log, save, evaluate=evaluate, milestones=self.midway.milestones)
        except KeyboardInterrupt:
            save()
            raise

    def _fit_density(self) -> None:
        density = self.parts.density
        assert density is not None  # the caller has checked
        generator = torch.Generator().manual_seed(self.config.seed)
        x, y = self.train.some(_MOST, generator=generator)
        with self._stage("fitting the density", 1):
            cast(FittedDensity, density).fit(x, y, generator=generator)
        tensors = {f"ema.{key}": value for key, value in density.state_dict().items()}
        write_checkpoint(self.folder.checkpoint_file, Checkpoint(tensors))

    def _sample(self, run: Run) -> torch.Tensor:
        sampling, model = self.config.sampling, run.model
        y = run.labels(sampling.count, seed=self.config.seed)
        with self._stage("sampling", sampling.count) as advance:
            x = model.sample(
                sampling.count, seed=self.config.seed, y=y, batch=sampling.batch, advance=advance
            )
        write_bytes(self.folder.samples_file, npz_bytes(x, y))
        self.hooks.hook.samples_drawn(path=self.folder.path, x=x, y=y)
        return x

    def _measure(self, run: Run, x: torch.Tensor) -> None:
        records = likelihood_records(run, seed=self.config.seed, ema=self.trainer is not None)
        with self._stage("measuring", len(self.parts.metrics)) as advance:
            for done, (name, metric) in enumerate(self.parts.metrics.items(), 1):
                records += measure(
                    name, metric, x, self.train, self.test, self.parts.spec,
                    seed=self.config.seed, ema=self.trainer is not None, dataset=run.dataset,
                )  # fmt: skip
                advance(done)
        found = {
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "device": device_name(self.device),
            "parameters": sum(p.numel() for p in self.trained.parameters()),
            "steps": self.trainer.step if self.trainer else 0,
            "sampling_steps": run.model.steps if isinstance(run.model, DiffusionModel) else None,
            "seconds": {key: round(value, 2) for key, value in self.seconds.items()},
            "versions": versions(),
            "metrics": records,
        }  # fmt: skip
        self.folder.write_metrics(found)
        self.hooks.hook.evaluated(path=self.folder.path, metrics=found)

    def _draw(self, run: Run) -> None:
        names = run.figures()
        with self._stage("drawing", len(names) + 1) as advance:
            for done, name in enumerate(names, 1):
                figure = run.figure(name)
                for suffix in (".png", ".svg"):
                    write_bytes(
                        self.folder.figure_file(name, suffix), figure_bytes(figure, suffix[1:])
                    )
                advance(done)
            write_page(run)

    @contextmanager
    def _stage(self, name: str, total: int) -> Iterator[Any]:
        hook, path = self.hooks.hook, self.folder.path
        hook.stage_started(path=path, stage=name, total=total)
        yield lambda done: hook.stage_advanced(path=path, stage=name, done=done)
        hook.stage_advanced(path=path, stage=name, done=total)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun
        if name == "training" and self.trainer:
            self.seconds[name] = self.trainer.elapsed


_MOST = 60_000  # examples that a density is fitted on at most
_FIRST = 2000  # examples that a flow is initialised with


def _likelihood(spec: DataSpec, config: TrainingConfig) -> LikelihoodObjective:
    return LikelihoodObjective(
        spec, likelihood=config.likelihood, cross_entropy=config.cross_entropy
    )


def device_name(device: torch.device) -> str:
    """Return what a device is, for the record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} {device.type}, {threads} thread{'s' if threads > 1 else ''}"


def _stem(config: RunConfig) -> str:
    method = config.degradation or config.density
    assert method is not None  # resolve() fills in one of the two
    return config.experiment or f"{method.name}-{config.dataset.name}"
