"""The run folder: what lies where."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.config import Resolved
from genlab.errors import FileError, RequestError, TakenError, worded_os_error
from genlab.evaluation.measured import CHOICES
from genlab.files import is_draft
from genlab.guards import file_name
from genlab.runs.checkpoints import Checkpoints
from genlab.runs.inside import require_inside
from genlab.runs.lock import LOCK, locked
from genlab.runs.reading import (
    add_line,
    read_arrays,
    read_lines,
    read_table,
    read_toml,
    write_lines,
    write_table,
    write_toml,
)
from genlab.runs.status import read_status

__all__ = ["RunFolder", "claimed", "require_free"]

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
    def checkpoints(self) -> Checkpoints:
        """The checkpoints."""
        return Checkpoints(self.path)

    @property
    def evaluations_file(self) -> Path:
        """One line per evaluation while the model was trained."""
        return self.path / "evaluations.jsonl"

    def evaluated_samples_file(self, step: int) -> Path:
        """Return the file of some samples of the evaluation at a step."""
        return self.path / "samples" / "training" / f"step-{step:07d}.npz"

    def evaluated_samples(self) -> list[tuple[int, Tensor]]:
        """Return samples of each evaluation during training, each with its step, where they are whole."""
        found = []
        for line in self.evaluations():
            file = self.evaluated_samples_file(int(line["step"]))
            if not file.is_file():
                continue
            try:
                found.append((int(line["step"]), read_arrays(file, "its samples are left out")[0]))
            except RequestError as error:
                warnings.warn(str(error), stacklevel=2)
        return found

    @property
    def samples_file(self) -> Path:
        """The samples that the metrics saw."""
        return self.path / "samples" / "samples.npz"

    def samples(self) -> tuple[Tensor, Tensor | None]:
        """Return the samples that the metrics saw, and their labels.

        Raises:
            RequestError: They are damaged.
        """
        return read_arrays(self.samples_file, f"genlab resume {self.path} draws them anew")

    def figure_file(self, name: str, suffix: str) -> Path:
        """Return the file of a figure."""
        return self.path / "figures" / f"{file_name(name)}{suffix}"

    def write_config(self, config: Resolved, spec: DataSpec, extra: Mapping[str, Any]) -> None:
        """Write ``run.toml``: the configuration, what the data is, and further tables."""
        data = {"shape": list(spec.shape), "kind": spec.kind, "classes": spec.classes,
                "names": list(spec.names), "levels": spec.levels}  # fmt: skip
        tables = {"format": _FORMAT, **config.flat(), "spec": data, **extra}
        write_toml(self.config_file, tables)

    def tables(self) -> dict[str, Any]:
        """Return the tables of ``run.toml``.

        Raises:
            RequestError: The file is damaged, or another version of genlab made it.
        """
        tables = read_toml(self.config_file)
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
            told = str(error)
            raise RequestError(
                told if str(self.path) in told else f"{self.config_file}: {told}"
            ) from None
        except (ValueError, RecursionError, IndexError, OverflowError) as error:
            raise RequestError(f"{self.config_file} is damaged: {error}") from None

    def spec(self) -> DataSpec:
        """Return what the data is.

        Raises:
            RequestError: The file is damaged.
        """
        try:
            data = self.tables()["spec"]
            return DataSpec(
                tuple(data["shape"]), data["kind"], data["classes"], tuple(data["names"]),
                data["levels"],
            )  # fmt: skip
        except KeyError as error:
            raise RequestError(f"{self.config_file} lacks the entry {error} of [spec]") from None
        except TypeError as error:
            raise RequestError(f"{self.config_file} is damaged at [spec]: {error}") from None

    def packages(self) -> dict[str, str]:
        """Return the package and version that each component came from, by the place that it takes."""
        return self._table("packages")

    def fingerprint(self) -> dict[str, Any]:
        """Return the fingerprint of the data that the run learned from; empty where none was taken."""
        return self._table("fingerprint")

    def _table(self, name: str) -> dict[str, Any]:
        found = self.tables().get(name, {})
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def status_file(self) -> Path:
        """How far the run is."""
        return self.path / "status.json"

    def add_step(self, record: Mapping[str, float]) -> None:
        """Add a logged step."""
        add_line(self.history_file, record)

    def history(self) -> list[dict[str, float]]:
        """Return the logged steps. Lines that are lost or damaged are left out, and a warning tells."""
        return self._lines(self.history_file)

    def evaluations(self) -> list[dict[str, Any]]:
        """Return the evaluations while the model was trained: step, seconds, N and values by name."""
        lines = self._lines(self.evaluations_file)
        return [line for line in lines if isinstance(line.get("values"), dict)]

    def add_evaluation(self, record: Mapping[str, Any]) -> None:
        """Add an evaluation."""
        add_line(self.evaluations_file, record)

    def logged(self) -> dict[str, int]:
        """Return how many lines each log has."""
        files = (self.history_file, self.evaluations_file)
        return {file.name: _lines_of(file) for file in files if file.is_file()}

    def _lines(self, file: Path) -> list[dict[str, Any]]:
        """Return the whole lines of a log, and warn of what a finished training wrote and is not there."""
        found, status = read_lines(file), read_status(self.status_file)
        written = status.lines.get(file.name, 0) if "training" in status.done else 0
        there = _lines_of(file) if written and file.is_file() else 0
        if there < written:
            warnings.warn(
                f"{file}: {written - there} of {written} lines are lost, and left out", stacklevel=3
            )
        return found

    def metrics(self) -> dict[str, Any]:
        """Return the final numbers; empty where the run has none yet.

        Raises:
            RequestError: The file is damaged.
        """
        remedy = f"genlab resume {self.path} measures anew"
        found = read_table(self.metrics_file, remedy)
        records = found.get("metrics", [])
        if not isinstance(records, list) or not all(map(_is_record, records)):
            raise RequestError(f"{self.metrics_file} is damaged: {remedy}")
        return found

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the final numbers."""
        write_table(self.metrics_file, metrics)

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
                write_lines(file, [line for line in read_lines(file) if line["step"] <= step])


def _lines_of(file: Path) -> int:
    """Return how many lines a log has, whole ones and damaged ones."""
    return file.read_bytes().count(b"\n")


def _is_record(record: Any) -> bool:
    """Say whether something is a measured number with its name."""
    return (
        isinstance(record, dict) and isinstance(record.get("name"), str)
        and isinstance(record.get("value"), int | float) and isinstance(record.get("n"), int)
    )  # fmt: skip


def _identity(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in ("name", "n", *CHOICES))


@contextmanager
def claimed(out: Path | None, stem: str) -> Iterator[RunFolder]:
    """Make the folder of a run, which nobody else has, and hold its lock.

    A folder in which nothing was written in the end is removed.

    Args:
        out: The folder, which is empty if it exists; None: the first free one of ``runs/stem-001``, ...
        stem: How numbered folders are called.

    Raises:
        TakenError: Something is there already.
        RequestError: The place cannot be written to.
    """
    with ExitStack() as stack:
        if out is not None:
            stack.enter_context(_claimed(out))
            yield RunFolder(out)
            return
        for number in itertools.count(1):
            path = Path("runs") / f"{stem}-{number:03d}"
            with suppress(TakenError):
                stack.enter_context(_claimed(path))
                break
        yield RunFolder(path)


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Make a folder and hold its lock: whoever has the lock while it is empty has the folder."""
    require_free(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out {worded_os_error(error, path)}") from None
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, "genlab run"))
        except FileError as error:
            raise RequestError(f"--out {error}") from None
        require_free(path)
        try:
            yield
        finally:
            stack.close()
            with suppress(OSError):
                if _is_empty(path):
                    path.rmdir()


def _is_empty(path: Path) -> bool:
    """Say whether a folder has nothing in it but the lock and drafts of a process that died early."""
    return path.is_dir() and all(file.name == LOCK or is_draft(file) for file in path.iterdir())


def require_free(path: Path) -> None:
    """Check that a run can be written to ``path``.

    Raises:
        TakenError: Something is there already.
        RequestError: The place cannot be written to.
    """
    try:
        if path.is_file() or (path.is_dir() and not _is_empty(path)):
            what = "a run" if (path / "run.toml").is_file() else "something else"
            hint = f"genlab resume {path} goes on with it; " if what == "a run" else ""
            raise TakenError(f"--out {path} is taken by {what}: {hint}choose another folder")
        above = path
        while not above.exists() and above != above.parent:
            above = above.parent
    except OSError as error:
        raise RequestError(f"--out {worded_os_error(error, path)}") from None
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
