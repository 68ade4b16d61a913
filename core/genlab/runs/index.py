"""What lies in a folder of runs: their state, what they are made of, and their numbers.

The folders are what counts. An SQLite file beside them keeps what was read of each, under the times and sizes
of the files it was read from, so that a folder is read again only where one of them has changed. Without that
file, or where it is damaged or cannot be written, the answer is the same and takes longer. PyTorch is not
imported.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genlab.errors import RequestError, brief
from genlab.guards import parsed_json, parsed_toml, read_bounded

__all__ = ["INDEX", "STATES", "RunSummary", "delete_run", "summaries"]

INDEX = ".genlab-index.sqlite"
"""The name of the file."""

STATES = ("running", "done", "interrupted", "failed", "dead", "damaged")
"""States of a run. ``dead``: it says that it is running, and its process on this host is gone."""

_VERSION = 1  # of what the file holds
_FILES = ("run.toml", "status.json", "metrics.json", "metrics.jsonl")
_DEEP = 3  # folders in folders that runs are looked for in
_TAIL = 4096  # bytes of the log that its last line is in
_EMPTY: Mapping[str, Any] = {
    "state": "", "stage": "", "host": "", "process": 0, "experiment": "", "method": "", "data": "",
    "steps": None, "seconds": 0.0, "changed": 0.0, "numbers": {}, "problem": "",
}  # fmt: skip
"""What is read of a run folder, with the types of the values."""
_METHOD = ("degradation", "backbone", "density", "sampler", "prior")


@dataclass(frozen=True)
class RunSummary:
    """A run folder at a glance.

    Args:
        name: The folder, below the one that was looked through.
        path: The folder.
        state: One of ``running``, ``done``, ``interrupted``, ``failed``, ``dead`` and ``damaged``.
        stage: The stage that it is, or was, at work on; empty where all are done.
        host: The machine that wrote it last.
        experiment: The name of its experiment; empty for none.
        method: What it is made of, such as ``"blur + unet + naive + gmm"``.
        data: The name of its data set.
        steps: Steps of training so far; None where there are none.
        seconds: Seconds of all stages that are done.
        changed: When it last changed, in seconds since 1970.
        numbers: Its final numbers by name.
        problem: Why it is damaged; empty where it is not.
    """

    name: str
    path: Path
    state: str
    stage: str = ""
    host: str = ""
    experiment: str = ""
    method: str = ""
    data: str = ""
    steps: int | None = None
    seconds: float = 0.0
    changed: float = 0.0
    numbers: Mapping[str, float] | None = None
    problem: str = ""

    def flat(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {**vars(self), "path": str(self.path), "numbers": dict(self.numbers or {})}


def summaries(folder: Path) -> list[RunSummary]:
    """Return what lies in a folder of runs, and in the folders in it, such as those of sweeps.

    Args:
        folder: The folder.

    Raises:
        RequestError: There is no such folder.
    """
    if not folder.is_dir():
        raise RequestError(f"there is no folder {brief(folder)}: genlab run makes one")
    stamps = dict(_stamped(folder))
    known = _kept(folder / INDEX)
    found = {
        name: known[name][1] if name in known and known[name][0] == stamp else _read(folder / name)
        for name, stamp in stamps.items()
    }
    fresh = {
        n: (stamps[n], record) for n, record in found.items() if known.get(n, ("",))[0] != stamps[n]
    }
    gone = known.keys() - stamps.keys()
    if fresh or gone:
        _keep(folder / INDEX, fresh, gone)
    here = socket.gethostname()
    return [_summary(folder, name, record, here) for name, record in found.items()]


def delete_run(run: RunSummary) -> None:
    """Delete a run folder, at once for whoever looks: it is renamed first.

    Raises:
        RequestError: It is at work, or cannot be deleted.
    """
    now = _summary(run.path.parent, run.path.name, _read(run.path), socket.gethostname())
    if now.state == "running":
        raise RequestError(
            f"{brief(run.path)} is at work on {now.host or 'another host'}: stop it first"
        )
    aside = run.path.with_name(f".deleted-{os.getpid()}-{run.path.name}")
    try:
        run.path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise RequestError(f"{brief(run.path)} cannot be deleted: {error.strerror}") from None


# --- what is there


def _stamped(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the run folders below a folder, each with the times and sizes of its files."""
    waiting = [("", 0)]
    while waiting:
        below, level = waiting.pop()
        try:
            entries = list(os.scandir(folder / below))
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            name = f"{below}/{entry.name}" if below else entry.name
            if stamp := _stamp(entry.path):
                yield name, stamp
            elif level < _DEEP:
                waiting.append((name, level + 1))


def _stamp(run: str) -> str:
    """Return the times and sizes of the files of a run; empty where it is none."""
    parts: list[str] = []
    for file in _FILES:
        try:
            found = os.stat(f"{run}/{file}")
        except OSError:
            if not parts:
                return ""
            parts.append("-")
        else:
            parts.append(f"{found.st_mtime_ns}.{found.st_size}.{found.st_ctime_ns}")
    return " ".join(parts)


def _summary(folder: Path, name: str, record: Mapping[str, Any], here: str) -> RunSummary:
    """Return a summary of what was read: whether its process is alive is found out now."""
    told = {key: value for key, value in record.items() if key != "process"}
    state = record["state"]
    if state == "running" and record["host"] in ("", here) and not _is_running(record["process"]):
        state = "dead"
    return RunSummary(**{**told, "name": name, "path": folder / name, "state": state})


def _is_running(process: int) -> bool:
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # of another user
    except (OSError, OverflowError):
        return False
    return True


# --- reading one folder


def _read(run: Path) -> dict[str, Any]:
    """Read a run folder; one that is damaged says so."""
    try:
        tables = parsed_toml(read_bounded(run / "run.toml"))
        status = parsed_json(read_bounded(run / "status.json"))
        metrics = _json(run / "metrics.json")
        times = [(run / file).stat().st_mtime for file in _FILES if (run / file).exists()]
        return {
            "state": STATES[STATES[:4].index(status["outcome"])],
            "stage": str(status["stage"]), "host": str(status["host"]),
            "process": int(status["process"]), "experiment": str(tables.get("experiment", "")),
            "method": " + ".join(_name(tables[slot]) for slot in _METHOD if slot in tables),
            "data": _name(tables["dataset"]), "steps": _steps(run, metrics),
            "seconds": round(float(sum(map(float, dict(status["done"]).values()))), 2),
            "changed": max(times), "numbers": _numbers(metrics), "problem": "",
        }  # fmt: skip
    except KeyError as error:
        problem = f"the entry {brief(error, 40)} is missing"
    except FileNotFoundError as error:
        problem = f"{Path(str(error.filename)).name} is missing"
    except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
        problem = brief(error, 120)
    return {**_EMPTY, "state": "damaged", "problem": problem}


def _json(file: Path) -> Any:
    return parsed_json(read_bounded(file)) if file.is_file() else {}


def _name(table: Mapping[str, Any]) -> str:
    """Return the name of a component, or of its class."""
    name = table.get("name") or table["class"].rpartition(":")[2].rpartition(".")[2]
    return brief(name, 40).strip("'\"")


def _steps(run: Path, metrics: Mapping[str, Any]) -> int | None:
    """Return the steps of training: what the numbers tell, or the last line of the log."""
    if "steps" in metrics:
        return int(metrics["steps"])
    try:
        with (run / "metrics.jsonl").open("rb") as lines:
            lines.seek(max(os.fstat(lines.fileno()).st_size - _TAIL, 0))
            whole = lines.read(_TAIL).rpartition(b"\n")[0]
        return int(json.loads(whole.rpartition(b"\n")[2])["step"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers by name, the first of each; samplers and steps may give more of them."""
    found: dict[str, float] = {}
    for record in metrics.get("metrics", []):
        name, value = str(record["name"])[:60], record["value"]
        if isinstance(value, int | float) and math.isfinite(value):
            found.setdefault(name, float(value))
    return found


# --- the file that keeps what was read


def _kept(file: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what the file keeps: for each run the stamp, and what was read; nothing where it is damaged."""
    if file.is_symlink() or not file.is_file():
        return {}
    try:
        with contextlib.closing(_connected(file)) as database:
            if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                return {}
            rows = database.execute("SELECT name, stamp, record FROM runs").fetchall()
        return {name: (stamp, _checked(json.loads(record))) for name, stamp, record in rows}
    except (sqlite3.Error, OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of the file, where it is one."""
    alike = all(isinstance(record[key], type(value) if value is not None else int | None)
                for key, value in _EMPTY.items())  # fmt: skip
    plain = all(isinstance(value, int | float) for value in record["numbers"].values())
    if record.keys() != _EMPTY.keys() or record["state"] not in STATES or not alike or not plain:
        raise ValueError(record)
    return record


def _keep(file: Path, fresh: Mapping[str, tuple[str, Any]], gone: Iterable[str]) -> None:
    """Keep what was read; where that does not work, it costs the next list nothing but time."""
    if file.is_symlink():
        return
    rows = [(name, stamp, json.dumps(record)) for name, (stamp, record) in fresh.items()]
    for _ in range(2):  # the second time anew
        try:
            with contextlib.closing(_connected(file)) as database, database:
                if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                    database.execute("DROP TABLE IF EXISTS runs")
                    database.execute(f"PRAGMA user_version = {_VERSION}")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY, stamp TEXT, record TEXT)"
                )
                database.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", rows)
                database.executemany("DELETE FROM runs WHERE name = ?", [(name,) for name in gone])
            return
        except sqlite3.OperationalError:
            return  # it is at work for another process, or nobody may write here
        except (sqlite3.Error, OSError):
            with contextlib.suppress(OSError):
                file.unlink()


def _connected(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=1.0)
    database.execute("PRAGMA trusted_schema = OFF")
    return database
