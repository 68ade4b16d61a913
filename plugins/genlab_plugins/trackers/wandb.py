"""Weights & Biases: a run on its servers, or in a file that can be sent there later."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from genlab import Tracker, require_extra
from genlab_plugins.trackers.service import (
    final_numbers,
    keep,
    kept,
    numbers,
    quiet,
)

__all__ = ["WandB"]


class WandB(Tracker):
    """Hands parameters, curves, figures, final numbers and the run folder to Weights & Biases.

    A run that goes on has the same name there, under which ``wandb sync`` puts its files together. The
    numbers of steps that are done once more stand there twice.

    Args:
        project: The project that holds the runs; None: what the environment variable ``WANDB_PROJECT`` says,
            else ``genlab``.
        entity: The user or team that the project belongs to; None: the service's own choice.
        mode: Whether the run is sent as it goes on, or written to a file that ``wandb sync`` sends; None:
            what ``WANDB_MODE`` says, else ``"offline"``.
        log_dir: The folder that gets a folder ``wandb``; None: what ``WANDB_DIR`` says, else the working
            folder.
        artifact: Whether the run folder is handed over when the run is done, weights included.

    Raises:
        RequestError: The package wandb is not installed.
    """

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["online", "offline"] | None = None,
        log_dir: Path | None = None,
        artifact: bool = True,
    ) -> None:
        require_extra("wandb", "wandb", "the tracker 'wandb'")
        quiet(WANDB_ERROR_REPORTING="false")
        self.project, self.entity, self.mode = project, entity, mode
        self.log_dir, self.artifact = log_dir, artifact
        self._runs: dict[Path, Any] = {}

    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        """Begin a run, or go on with it."""
        self._run(path).config.update(dict(config), allow_val_change=True)

    def step_done(self, path: Path, step: int, record: Mapping[str, float]) -> None:
        """Hand over the numbers of a step."""
        self._run(path).log({"step": step, **numbers("training", record)})

    def training_evaluated(self, path: Path, step: int, record: Mapping[str, Any]) -> None:
        """Hand over the numbers of an evaluation."""
        self._run(path).log({"step": step, **numbers("evaluation", record["values"])})

    def evaluated(self, path: Path, metrics: Mapping[str, Any]) -> None:
        """Hand over the final numbers."""
        self._run(path).summary.update(final_numbers(metrics))

    def figure_drawn(self, path: Path, step: int, name: str, file: Path) -> None:
        """Hand over a figure."""
        import wandb

        self._run(path).log({"step": step, f"figures/{name}": wandb.Image(str(file))})

    def run_ended(self, path: Path, status: str) -> None:
        """Hand over the run folder of a run that is done, and end the run there."""
        import wandb

        run = self._run(path)
        if status == "done" and self.artifact:
            artifact = wandb.Artifact(f"run-{run.id}", type="run")
            for file in (each for each in sorted(path.rglob("*")) if each.is_file()):
                artifact.add_file(str(file), name=file.relative_to(path).as_posix())
            run.log_artifact(artifact)
        run.finish(exit_code=0 if status == "done" else 1)
        del self._runs[path]

    def _run(self, path: Path) -> Any:
        if path not in self._runs:
            import wandb

            name = kept(path, "wandb").get("run") or uuid.uuid4().hex[:12]
            keep(path, "wandb", {"run": name})
            settings = wandb.Settings(
                silent=True, console="off", disable_git=True, disable_code=True
            )
            mode: Any = self.mode or os.environ.get("WANDB_MODE") or "offline"
            run = wandb.init(
                project=self.project or os.environ.get("WANDB_PROJECT") or "genlab",
                mode=mode, entity=self.entity, id=name, name=path.name, dir=self.log_dir,
                resume="allow", reinit="create_new", settings=settings,
            )  # fmt: skip
            run.define_metric("step")
            run.define_metric("*", step_metric="step")
            self._runs[path] = run
        return self._runs[path]
