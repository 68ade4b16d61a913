"""Locks and claims: one process at a time, however the others end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from genlab import RequestError
from genlab.runs import lock
from genlab.runs.folder import claimed
from genlab.runs.lock import LOCK, locked


def test_a_second_writer_is_refused_in_one_line(tmp_path: Path) -> None:
    with locked(tmp_path, "genlab resume"):
        wanted = rf"is taken: process {os.getpid()} on .* is at work there \(genlab resume\)"
        with pytest.raises(RequestError, match=wanted), locked(tmp_path, "genlab figures"):
            pass
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path, "genlab figures"):
        pass


def test_a_lock_is_given_back_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it fails"), locked(tmp_path, "genlab run"):
        raise ValueError("it fails")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    """It holds the lock while it lives, and its file stays when it is killed."""
    code = """
        import sys, time
        from importlib.util import module_from_spec, spec_from_file_location
        from pathlib import Path

        spec = spec_from_file_location("lock", sys.argv[1])  # alone: its package imports torch
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        with module.locked(Path(sys.argv[2]), "genlab run"):
            print("held", flush=True)
            time.sleep(600)
    """
    given = [sys.executable, "-c", textwrap.dedent(code), str(lock.__file__), str(tmp_path)]
    holder = subprocess.Popen(given, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(RequestError, match=f"process {holder.pid}"),
            locked(tmp_path, "genlab resume"),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path, "genlab resume"):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


@pytest.mark.parametrize("age", [10, 3600])
def test_a_writer_on_another_host_is_believed_while_it_shows_life(tmp_path: Path, age: int) -> None:
    file = tmp_path / LOCK
    file.write_text(json.dumps({"host": "elsewhere", "process": 7, "doing": "genlab run"}))
    os.utime(file, (time.time() - age, time.time() - age))
    if age < 60:
        with (
            pytest.raises(RequestError, match="process 7 on elsewhere is at work there"),
            locked(tmp_path, "genlab resume"),
        ):
            pass
        assert file.exists()
    else:
        with locked(tmp_path, "genlab resume"):
            pass


@pytest.mark.parametrize("known", [True, False])
def test_a_process_of_this_host_is_believed_where_the_file_system_knows_no_locks(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it knows them, a lock that nobody holds is free, whoever has got the number of its process."""

    def unknown(*_: object) -> None:
        raise OSError("no locks available")

    if not known:
        monkeypatch.setattr(lock.fcntl, "flock", unknown)
    file, alive, dead = tmp_path / LOCK, os.getppid(), 2**22 + 1
    for process in (alive, dead):
        record = {"host": socket.gethostname(), "process": process, "doing": "genlab run"}
        file.write_text(json.dumps(record))
        if process == alive and not known:
            with pytest.raises(RequestError, match=f"process {alive}"), locked(tmp_path, "a look"):
                pass
        else:
            with locked(tmp_path, "a look"):
                pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 3}', "\x00" * 9])
def test_a_lock_that_cannot_be_read_is_nobodys(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK).write_text(content)
    with locked(tmp_path, "genlab resume"):
        pass


def test_many_starts_at_once_have_a_folder_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def start(number: int) -> str:
        with claimed(None, "run") as folder:
            (folder.path / "run.toml").write_text(str(number))
            return folder.path.name

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(start, range(40)))
    assert sorted(names) == [f"run-{number:03d}" for number in range(1, 41)]
    written = sorted(int((tmp_path / "runs" / name / "run.toml").read_text()) for name in names)
    assert written == list(range(40))


def test_one_folder_has_one_of_many_that_want_it(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"

    def start(number: int) -> bool:
        try:
            with claimed(out, "run") as folder:
                (folder.path / "run.toml").write_text(str(number))
                return True
        except RequestError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(40))) == 1


def test_a_folder_in_which_nothing_was_written_is_gone(tmp_path: Path) -> None:
    with pytest.raises(KeyError), claimed(tmp_path / "run", "run"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_left_that_died_early_is_no_hindrance(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / LOCK).write_text("")
    (out / ".draft-0-1-x.toml").write_text("half")
    with claimed(out, "run") as folder:
        assert folder.path == out
    (out / "notes.txt").parent.mkdir(exist_ok=True)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(RequestError, match="taken by something else"), claimed(out, "run"):
        pass
    assert (out / "notes.txt").read_text() == "mine"
