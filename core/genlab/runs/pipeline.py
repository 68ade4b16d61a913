"""The pipeline: carries a run out, stage by stage, from a checked request to a whole run folder."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from genlab.components.data import loaded
from genlab.components.dataset import Data, Examples
from genlab.components.tracker import Hooks
from genlab.config import (
    AllParts,
    Objects,
    Resolution,
    Resolved,
    assemble,
    made,
    pick_device,
    require_metrics_fit,
)
from genlab.runs.folder import RunFolder
from genlab.runs.record import packages, versions
from genlab.runs.run import Run
from genlab.runs.stages import WORK, Work
from genlab.runs.status import STAGES, Outcome, Stage, Status, read_status, write_status
from genlab.runs.watch import Watch
from genlab.training import Checkpoint, Training, read_checkpoint

__all__ = ["Pipeline"]


class Pipeline:
    """The stages of one run.

    Everything is built and fits together, and the data is loaded, before anything is written.

    Args:
        resolution: The resolved request.
        path: The run folder, which need not exist yet.
        trackers: Objects that listen.
        skip: Stages that are left out.

    Raises:
        RequestError: Components do not fit each other or the data, or a tracker has a wrong hook.
    """

    def __init__(
        self,
        resolution: Resolution,
        path: Path,
        *,
        trackers: Iterable[object] = (),
        skip: Sequence[Stage] = (),
    ) -> None:
        config, objects = resolution.config, resolution.objects
        hooks, device = Hooks(trackers), pick_device(config.device)
        parts = assemble(config, resolution.dataset.spec, objects, device=device)
        require_metrics_fit(parts, resolution.dataset)
        data = loaded(resolution.dataset, Path(config.data) if config.data else None)
        folder = RunFolder(path)
        self.work = Work(
            config, objects, device, parts, data, _training(config, objects, parts, data), hooks,
            folder, Watch(config, parts.metrics, folder),
        )  # fmt: skip
        self.status = replace(read_status(folder.status_file), skipped=tuple(skip))

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        return self.work.folder

    def adopt(self, done: Mapping[Stage, float]) -> None:
        """Count stages as done, whose files another run has left."""
        self.status = self.status.finished(done)
        if self.work.training is not None and self.folder.checkpoint_file.is_file():
            self.work.training.restore(read_checkpoint(self.folder.checkpoint_file))

    def go_back_to(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint of the training."""
        training = self.work.training
        if training is None:
            return
        training.restore(checkpoint)
        if training.progress < 1:  # a larger budget: what came after the training is made anew
            self.status = self.status.without(*STAGES[1:])
        self.folder.keep_history_until(training.step)
        self.work.watch.resume()

    def carry_out(self) -> Run:
        """Do every stage that is missing, and return the run.

        Raises:
            RunError: The training failed.
        """
        extra = {"packages": packages(self.work.config), "versions": versions()}
        self.folder.write_config(self.work.config, self.work.data.spec, extra)
        outcome: Outcome = "failed"
        path, tell = self.folder.path, self.work.hooks.tell
        try:
            tell("run_started", path=path, config=self.work.config.flat())
            self.work.describe_data()
            for stage in self.status.missing:
                self._do(stage)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "interrupted"
            raise
        finally:
            ended = replace(self.status, stage="") if outcome == "done" else self.status
            self._mark(replace(ended, outcome=outcome))
            tell("run_ended", path=path, status=outcome)
        return self.work.run

    def _do(self, stage: Stage) -> None:
        """Do a stage, and say in the folder that it is done."""
        self._mark(replace(self.status, outcome="running", stage=stage))
        self.work.seconds = self.status.done
        begun = time.perf_counter()
        WORK[stage](self.work)
        seconds = time.perf_counter() - begun
        if stage == "training" and self.work.training:
            seconds = self.work.training.elapsed
        self._mark(self.status.finished({stage: seconds}))

    def _mark(self, status: Status) -> None:
        self.status = status
        write_status(self.folder.status_file, status)


def _training(config: Resolved, objects: Objects, parts: AllParts, data: Data) -> Training | None:
    """Return the training, or None where a density is fitted at once."""
    learned = config.learned
    if learned is None or parts.objective is None:
        return None
    labels = data.train.y if config.run.conditional else None
    return Training(
        parts.objective, Examples(data.train.x, labels), learned.settings,
        optimiser=made("optimiser", learned.optimiser, objects), seed=config.seed,
        device=parts.model.device,
    )  # fmt: skip
