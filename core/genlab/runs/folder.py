"""The run folder: what lies where."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.config import Resolved
from genlab.errors import RequestError, unknown
from genlab.files import write_text
from genlab.guards import file_name, parsed_json, parsed_toml, read_bounded
from genlab.runs.inside import require_inside

__all__ = ["RunFolder", "claim", "free_folder", "require_free"]

_FORMAT = 2  # of run folders


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Args:
        path: The folder.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return an existing run folder.

        Raises:
            RequestError: There is no such folder, or it is not a run.
        """
        if not path.exists():
            raise RequestError(f"there is no run at {path}{_neighbours(path)}")
        if not (path / "run.toml").is_file():
            raise RequestError(f"{path} is no run: it has no run.toml{_neighbours(path / 'x')}")
        require_inside(path)
        return cls(path)

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "run.toml"

    @property
    def history_file(self) -> Path:
        """One line per logged step."""
        return self.path / "metrics.jsonl"

    @property
    def metrics_file(self) -> Path:
        """The final numbers."""
        return self.path / "metrics.json"

    @property
    def checkpoint_file(self) -> Path:
        """The state of the training."""
        return self.path / "checkpoints" / "last.safetensors"

    @property
    def best_file(self) -> Path:
        """The state of the training at the evaluation with the best number."""
        return self.path / "checkpoints" / "best.safetensors"

    def weights_file(self, checkpoint: str) -> Path:
        """Return the file of a checkpoint by name.

        Args:
            checkpoint: ``"last"`` or ``"best"``.

        Raises:
            RequestError: There is no such checkpoint.
        """
        files = {"last": self.checkpoint_file, "best": self.best_file}
        if checkpoint not in files:
            raise unknown("checkpoint", checkpoint, files)
        if checkpoint == "best" and not self.best_file.is_file():
            raise RequestError(
                f"{self.path} has no best checkpoint: genlab run --set evaluation.times=8 "
                f"--set evaluation.best=METRIC keeps one"
            )
        return files[checkpoint]

    @property
    def evaluations_file(self) -> Path:
        """One line per evaluation while the model was trained."""
        return self.path / "evaluations.jsonl"

    def evaluated_samples_file(self, step: int) -> Path:
        """Return the file of some samples of the evaluation at a step."""
        return self.path / "samples" / "training" / f"step-{step:07d}.npz"

    def evaluated_samples(self) -> list[tuple[int, Tensor]]:
        """Return samples of each evaluation during training, each with its step."""
        found = []
        for line in self.evaluations():
            file = self.evaluated_samples_file(line["step"])
            if file.is_file():
                with np.load(file) as arrays:
                    found.append((int(line["step"]), torch.from_numpy(arrays["x"])))
        return found

    @property
    def prior_file(self) -> Path:
        """The density of the degraded state."""
        return self.path / "checkpoints" / "prior.safetensors"

    @property
    def samples_file(self) -> Path:
        """The samples that the metrics saw."""
        return self.path / "samples" / "samples.npz"

    def figure_file(self, name: str, suffix: str) -> Path:
        """Return the file of a figure."""
        return self.path / "figures" / f"{file_name(name)}{suffix}"

    def write_config(self, config: Resolved, spec: DataSpec, extra: Mapping[str, Any]) -> None:
        """Write ``run.toml``: the configuration, what the data is, and further tables."""
        data = {"shape": list(spec.shape), "kind": spec.kind, "classes": spec.classes,
                "names": list(spec.names), "levels": spec.levels}  # fmt: skip
        tables = {"format": _FORMAT, **config.flat(), "spec": data, **extra}
        write_text(self.config_file, tomli_w.dumps(tables))

    def tables(self) -> dict[str, Any]:
        """Return the tables of ``run.toml``.

        Raises:
            RequestError: The file is damaged, or another version of genlab made it.
        """
        try:
            tables = parsed_toml(read_bounded(self.config_file))
        except (OSError, ValueError) as error:
            raise RequestError(f"{self.config_file} cannot be read: {error}") from None
        if tables.get("format") != _FORMAT:
            raise RequestError(
                f"{self.path} was made by another version of genlab, whose runs this one cannot open: "
                f"train it again, or install that version"
            )
        return tables

    def config(self) -> Resolved:
        """Return the configuration.

        Raises:
            RequestError: The file is damaged.
        """
        try:
            return Resolved.read(self.tables())
        except RequestError as error:
            raise RequestError(f"{self.config_file}: {error}") from None

    def spec(self) -> DataSpec:
        """Return what the data is."""
        try:
            data = self.tables()["spec"]
            return DataSpec(
                tuple(data["shape"]), data["kind"], data["classes"], tuple(data["names"]),
                data["levels"],
            )  # fmt: skip
        except KeyError as error:
            raise RequestError(f"{self.config_file} lacks the entry {error} of [spec]") from None

    def packages(self) -> dict[str, str]:
        """Return the package and version that each component came from, by the place that it takes."""
        return dict(self.tables().get("packages", {}))

    @property
    def status_file(self) -> Path:
        """How far the run is."""
        return self.path / "status.json"

    def add_step(self, record: Mapping[str, float]) -> None:
        """Add a logged step."""
        with self.history_file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dict(record)) + "\n")

    def history(self) -> list[dict[str, float]]:
        """Return the logged steps. A last line that was cut off by a crash is left out."""
        return _lines(self.history_file)

    def evaluations(self) -> list[dict[str, Any]]:
        """Return the evaluations while the model was trained: step, seconds, N and values by name."""
        return _lines(self.evaluations_file)

    def add_evaluation(self, record: Mapping[str, Any]) -> None:
        """Add an evaluation."""
        with self.evaluations_file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dict(record)) + "\n")

    def metrics(self) -> dict[str, Any]:
        """Return the final numbers; empty where the run has none yet."""
        if not self.metrics_file.is_file():
            return {}
        found: dict[str, Any] = parsed_json(read_bounded(self.metrics_file))
        return found

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the final numbers."""
        write_text(self.metrics_file, json.dumps(metrics, indent=2) + "\n")

    def add_records(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add measured numbers; one of the same name, N, walk and weights gives way."""
        metrics = self.metrics()
        kept = {_identity(record): record for record in metrics.get("metrics", [])}
        kept |= {_identity(record): record for record in records}
        self.write_metrics({**metrics, "metrics": list(kept.values())})

    def keep_history_until(self, step: int) -> None:
        """Forget logged steps after ``step``, from which a training goes on."""
        for file in (self.history_file, self.evaluations_file):
            if file.is_file():
                kept = [json.dumps(line) + "\n" for line in _lines(file) if line["step"] <= step]
                write_text(file, "".join(kept))


def _lines(file: Path) -> list[dict[str, Any]]:
    """Return the records of a file with one per line. A last line that a crash cut off is left out."""
    if not file.is_file():
        return []
    lines = file.read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _identity(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(
        record.get(key) for key in ("name", "n", "sampler", "sampling_steps", "checkpoint")
    )


def claim(path: Path) -> None:
    """Make the folder of a run, which nobody else has made.

    Raises:
        RequestError: Something is there already, or the place cannot be written to.
    """
    require_free(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out {path} cannot be made: {error.strerror or error}") from None


def free_folder(parent: Path, stem: str) -> Path:
    """Return the first of ``stem-001``, ``stem-002``, ... that does not exist."""
    number = 1
    while (parent / f"{stem}-{number:03d}").exists():
        number += 1
    return parent / f"{stem}-{number:03d}"


def require_free(path: Path) -> None:
    """Check that a run can be written to ``path``.

    Raises:
        RequestError: Something is there already, or the place cannot be written to.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        what = "a run" if (path / "run.toml").is_file() else "something else"
        hint = f"genlab resume {path} goes on with it; " if what == "a run" else ""
        raise RequestError(f"--out {path} is taken by {what}: {hint}choose another folder")
    above = path
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise RequestError(f"--out {path} cannot be made: {above} is a file")


def _neighbours(path: Path) -> str:
    """Name the runs beside a path that is none."""
    for folder in (path.parent, Path("runs")):
        if folder.is_dir():
            runs = sorted(p.parent for p in folder.glob("*/run.toml"))
            if runs:
                return f". There are: {', '.join(str(run) for run in runs[-5:])}"
    return ". genlab run makes one"
