"""What lies in a folder of runs, at a glance."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab.runs.index import INDEX

TOML = """\
format = 2
experiment = "{experiment}"
seed = 0
[dataset]
name = "{data}"
[degradation]
name = "{degradation}"
[backbone]
class = "my.networks:Net"
[sampler]
name = "naive"
"""


def make(
    folder: Path,
    name: str,
    *,
    outcome: str = "done",
    degradation: str = "blur",
    data: str = "digits",
    frechet: float | None = 3.5,
    host: str | None = None,
    process: int | None = None,
    steps: int = 60,
    changed: float = 1e9,
) -> Path:
    """Write the tables of a run as a run leaves them."""
    run = folder / name
    run.mkdir(parents=True)
    (run / "run.toml").write_text(TOML.format(experiment="e", data=data, degradation=degradation))
    status = {"outcome": outcome, "stage": "" if outcome == "done" else "training", "done": {"prior": 1.5},
              "skipped": [], "host": socket.gethostname() if host is None else host,
              "process": os.getpid() if process is None else process}  # fmt: skip
    (run / "status.json").write_text(json.dumps(status))
    lines = "".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in (1, steps))
    (run / "metrics.jsonl").write_text(lines + '{"step": 9')
    if frechet is not None:
        records = [{"name": "frechet", "value": frechet}, {"name": "frechet", "value": 99.0},
                   {"name": "mmd", "value": float("nan")}]  # fmt: skip
        (run / "metrics.json").write_text(json.dumps({"steps": steps, "metrics": records}))
    for file in run.iterdir():
        os.utime(file, (changed, changed))
    return run


def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def names(runs: list[Any]) -> list[str]:
    return [run.name for run in runs]


def test_a_run_at_a_glance(tmp_path: Path) -> None:
    make(tmp_path, "a")
    (run,) = genlab.find_runs(tmp_path)
    assert run.flat() == {
        "name": "a", "path": str(tmp_path / "a"), "state": "done", "stage": "", "experiment": "e",
        "host": socket.gethostname(), "method": "blur + Net + naive", "data": "digits", "steps": 60,
        "seconds": 1.5, "changed": 1e9, "numbers": {"frechet": 3.5}, "problem": "",
    }  # fmt: skip


def test_a_real_run_at_a_glance(digits_run: genlab.Run) -> None:
    runs = {run.path: run for run in genlab.find_runs(digits_run.path.parent)}
    run = runs[digits_run.path]
    assert (run.state, run.steps, run.data) == ("done", 60, "digits")
    assert run.method == digits_run.config.made_of
    assert run.numbers == {r["name"]: r["value"] for r in digits_run.records}


def test_states(tmp_path: Path) -> None:
    here = {
        "running": {},
        "dead": {"process": gone()},
        "elsewhere": {"host": "another", "process": 1},
    }
    for name, options in here.items():
        make(tmp_path, name, outcome="running", frechet=None, **options)  # type: ignore[arg-type]
    for outcome in ("done", "failed", "interrupted"):
        make(tmp_path, outcome, outcome=outcome)
    (make(tmp_path, "no-status") / "status.json").unlink()
    (make(tmp_path, "cut") / "run.toml").write_text("[[[[")
    (make(tmp_path, "odd") / "status.json").write_text("[1]")
    (make(tmp_path, "deep") / "metrics.json").write_text("[" * 99_999)
    (make(tmp_path, "strange") / "status.json").write_text('{"outcome": "wonderful"}')
    found = {run.name: run for run in genlab.find_runs(tmp_path)}
    assert {name: run.state for name, run in found.items()} == {
        "running": "running", "dead": "dead", "elsewhere": "running", "done": "done",
        "failed": "failed", "interrupted": "interrupted", "no-status": "damaged", "cut": "damaged",
        "odd": "damaged", "deep": "damaged", "strange": "damaged",
    }  # fmt: skip
    assert found["no-status"].problem == "status.json is missing"
    assert found["running"].steps == 60, "the last whole line of the log"
    assert found["dead"].stage == "training"


def test_runs_in_folders_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path, "sweep/a")
    make(tmp_path, "reproduce/laptop/b")
    make(tmp_path, ".hidden/c")
    make(tmp_path, "d/samples/inner")
    make(tmp_path, "d2")
    (tmp_path / "link").symlink_to(tmp_path / "d2")
    (tmp_path / "file").write_text("x")
    assert sorted(names(genlab.find_runs(tmp_path))) == [
        "d/samples/inner", "d2", "reproduce/laptop/b", "sweep/a"
    ]  # fmt: skip
    with pytest.raises(genlab.RequestError, match="there is no folder"):
        genlab.find_runs(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("where", "sort", "wanted"),
    [
        ("state=failed", "name", ["c"]),
        (["data!=digits"], "name", ["b", "c"]),
        (["method=gauss", "data=mnist"], "name", ["b"]),
        ("frechet<10", "frechet", ["b", "a"]),
        ("frechet>=5", "-frechet", ["c", "a"]),
        ((), "frechet", ["b", "a", "c", "d"]),
        ((), "-steps", ["d", "c", "b", "a"]),
        ((), "-changed", ["d", "c", "b", "a"]),
        ("steps = 2", "name", ["b"]),
    ],
    ids=str,
)
def test_which_runs_in_which_order(
    where: Any, sort: str, wanted: list[str], tmp_path: Path
) -> None:
    make(tmp_path, "a", frechet=5.0, steps=1, changed=1e9)
    make(tmp_path, "b", frechet=2.0, steps=2, changed=1e9 + 1, data="mnist", degradation="gaussian")
    make(tmp_path, "c", frechet=20.0, steps=3, changed=1e9 + 2, data="mnist", outcome="failed")
    make(tmp_path, "d", frechet=None, steps=4, changed=1e9 + 3)
    assert names(genlab.find_runs(tmp_path, where=where, sort=sort)) == wanted


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"where": "stat=done"}, r"unknown key of a run 'stat'\. Did you mean 'state'"),
        ({"where": "done"}, "is no condition: write state=failed"),
        ({"where": "state<done"}, "state is a text, which takes = and !="),
        ({"where": "frechet<low"}, "frechet is compared with a number"),
        ({"sort": "frechett"}, "unknown key of a run 'frechett'.*'frechet'"),
    ],
    ids=str,
)
def test_wrong_conditions_are_one_line(
    options: dict[str, str], reason: str, tmp_path: Path
) -> None:
    make(tmp_path, "a")
    with pytest.raises(genlab.RequestError, match=reason):
        genlab.find_runs(tmp_path, **options)  # type: ignore[arg-type]


# --- the file beside them


def test_what_was_read_is_kept_and_read_again_where_a_file_has_changed(tmp_path: Path) -> None:
    run, other = make(tmp_path, "a"), make(tmp_path, "b")
    genlab.find_runs(tmp_path)
    with sqlite3.connect(tmp_path / INDEX) as database:  # what is kept is used
        database.execute("UPDATE runs SET record = replace(record, 'digits', 'kept')")
    database.close()
    assert [run.data for run in genlab.find_runs(tmp_path, sort="name")] == ["kept", "kept"]
    (run / "status.json").write_text((run / "status.json").read_text().replace("done", "gone", 1))
    os.utime(run / "status.json", (1e9, 1e9))  # the time of a change cannot be set
    assert [run.data for run in genlab.find_runs(tmp_path, sort="name")] == ["", "kept"]
    for file in other.iterdir():
        file.unlink()
    assert names(genlab.find_runs(tmp_path)) == ["a"]
    with sqlite3.connect(tmp_path / INDEX) as database:
        assert database.execute("SELECT name FROM runs").fetchall() == [("a",)]
    database.close()


def _text(file: Path) -> None:
    file.write_text("this is no database")


def _cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def _lies(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute(
            """UPDATE runs SET record = '{"state": "done", "process": "x", "numbers": 5}'"""
        )
    database.close()


def _other_table(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE runs (something TEXT)")
    database.close()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [_text, _cut, _lies, _other_table, _folder])
def test_a_damaged_index_costs_nothing_but_time(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path, "a")
    first = genlab.find_runs(tmp_path)
    damage(tmp_path / INDEX)
    assert genlab.find_runs(tmp_path) == first
    assert genlab.find_runs(tmp_path) == first


def test_an_index_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path / "runs", "a")
    (tmp_path / "runs" / INDEX).symlink_to(tmp_path / "elsewhere.sqlite")
    assert names(genlab.find_runs(tmp_path / "runs")) == ["a"]
    assert not (tmp_path / "elsewhere.sqlite").exists()


def test_a_locked_index_is_gone_without(tmp_path: Path) -> None:
    make(tmp_path, "a")
    genlab.find_runs(tmp_path)
    other = sqlite3.connect(tmp_path / INDEX)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert names(genlab.find_runs(tmp_path)) == ["a"]
    finally:
        other.close()


def test_many_runs_are_listed_at_once(tmp_path: Path) -> None:
    """They are not read again, which takes several times as long."""
    for i in range(300):
        make(tmp_path, f"run-{i:05d}")
    genlab.find_runs(tmp_path)
    begun = time.process_time()
    assert len(genlab.find_runs(tmp_path)) == 300
    assert time.process_time() - begun < 0.3


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    make(tmp_path, "a")
    code = "import sys, genlab; genlab.find_runs('.'); print({'torch', 'numpy', 'pydantic'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


# --- the command


def test_the_table_fits_80_columns(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    make(tmp_path, "gaussian-digits-with-a-rather-long-name-001", changed=time.time() - 7300)
    make(
        tmp_path,
        "b\x1b[31m",
        outcome="failed",
        data="fashion",
        steps=100_000,
        frechet=123.456,
    )
    (make(tmp_path, "c") / "run.toml").write_text("x = [")
    said = command("runs", tmp_path)
    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 80
    for told in (
        "frechet 123.5",
        " fashion ",
        "100000",
        "failed",
        "damaged",
        "3 runs, the latest",
    ):
        assert told in said.out, said.out
    assert "\x1b[31m" not in said.out
    said = command("runs", tmp_path, "--most", "1", "--number", "frechet", "--where", "frechet>0")
    assert "1 more with --most 0" in said.out
    assert (
        json.loads(command("runs", tmp_path, "--json", "--sort", "name").out)[0]["steps"] == 100_000
    )


def test_deleting(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "deep/c"):
        make(tmp_path, name, outcome="failed")
    make(tmp_path, "d")
    make(tmp_path, "e", outcome="running", process=os.getpid())
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "a" / "samples").symlink_to(outside)
    assert "say which" in command("runs", tmp_path, "--delete").err
    assert "--yes is for" in command("runs", tmp_path, "--yes").err
    assert "--yes answers" in command("runs", tmp_path, "--delete", "--where", "state=failed").err
    assert len(genlab.find_runs(tmp_path)) == 5
    said = command("runs", tmp_path, "--delete", "--where", "state=failed", "--yes")
    assert said.out == "deleted 3 runs\n"
    said = command("runs", tmp_path, "--delete", "--where", "state=running", "--yes")
    assert said.out == "deleted 0 runs; 1 at work stay\n"
    assert sorted(names(genlab.find_runs(tmp_path))) == ["d", "e"]
    assert outside.is_dir()
    assert not list(tmp_path.glob(".deleted*"))
