"""Files appear whole or not at all, drafts of the dead are swept, errors of the system are put in words."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab.errors import FileError, is_out_of_memory, worded_os_error
from genlab.files import draft, host_mark, sweep_drafts, write_text
from genlab.runs.start import start_run
from genlab.training import Checkpoint, write_checkpoint


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace
    by_handle = "/proc/self/fd/{}"

    def flushed(handle: int) -> None:
        told.append(
            ("flush", os.readlink(by_handle.format(handle)) if os.path.isdir("/proc") else "")
        )
        fsync(handle)

    def renamed(a: Any, b: Any) -> None:
        told.append(("rename", str(b)))
        replace(a, b)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    file = tmp_path / "a.txt"
    write_text(file, "whole")
    assert [what for what, _ in told] == ["flush", "rename", "flush"]
    assert told[2][1] in ("", str(tmp_path))
    assert file.read_text() == "whole"


def test_a_draft_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(ValueError, match="no"), draft(file) as path:  # noqa: PT012
        path.write_text("half")
        raise ValueError("no")
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_drafts_of_the_dead_are_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    below = tmp_path / "checkpoints"
    below.mkdir()
    gone = [
        below / f".draft-{host_mark()}-{dead.pid}-x.npz",
        tmp_path / f".draft-{host_mark()}-z-x",
    ]
    old = tmp_path / ".draft-00000000-1-old.json"
    kept = [
        tmp_path / f".draft-{host_mark()}-{os.getpid()}-x.json", tmp_path / ".draft-00000000-1-x.json",
        tmp_path / "run.toml",
    ]  # fmt: skip
    for file in (*gone, old, *kept):
        file.write_text("half")
    os.utime(old, (0, 0))
    sweep_drafts(tmp_path)
    assert sorted(f for f in tmp_path.rglob("*") if f.is_file()) == sorted(kept)


ERRORS = {
    errno.ENOSPC: "the disk is full", errno.EROFS: "can only be read", errno.EACCES: "no permission",
    errno.ENAMETOOLONG: "the name is too long", errno.ENOTDIR: "is a file and no folder",
    errno.EIO: "does not answer", errno.ESTALE: "still connected", errno.EDQUOT: "quota",
}  # fmt: skip


@pytest.mark.parametrize("code", ERRORS)
def test_what_the_system_refuses_is_said_in_words(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    assert ERRORS[code] in worded_os_error(OSError(code, os.strerror(code), "x"))
    monkeypatch.setattr(os, "replace", refused)
    file = tmp_path / "a.txt"
    with pytest.raises(FileError) as caught:
        write_text(file, "whole")
    assert str(file) in str(caught.value)
    assert ERRORS[code] in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_and_a_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the name is too long"):
        write_text(tmp_path / ("a" * 300) / "x.txt", "")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file"):
        write_text(tmp_path / "file" / "x.txt", "")
    longest = tmp_path / ("a" * 250 + ".txt")  # a draft of it must not need a longer name
    write_text(longest, "whole")
    assert longest.read_text() == "whole"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_by_the_writer_of_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    import genlab.training.checkpoint as module

    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError(
            "Error while serializing: IoError(Os { code: 28, kind: StorageFull })"
        )

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(FileError, match=r"c\.safetensors: the disk is full"):
        write_checkpoint(tmp_path / "c.safetensors", Checkpoint({"a": torch.ones(3)}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_ran_out_is_known(error: Exception, is_memory: bool) -> None:
    assert is_out_of_memory(error) is is_memory


TINY: dict[str, Any] = {
    "dataset": {"name": "8-gaussians", "train": 100, "test": 50}, "metrics": ["sliced-wasserstein"],
    "backbone": {"class": "genlab.testing.tiny:Perceptron"}, "figures": [],
    "training": {"steps": 3, "batch": 8}, "sampling": {"count": 20, "steps": 2, "batch": 10},
}  # fmt: skip


@pytest.mark.parametrize(
    ("at", "error", "told"),
    [
        ("genlab.training.objectives:Denoising.__call__", MemoryError(),
         r"memory ran out in the stage training, with training\.batch=8: try --set training\.batch=4"),
        ("genlab.diffusion.model:DiffusionModel.sample", MemoryError(),
         r"memory ran out in the stage sampling, with sampling\.batch=10: try --set sampling\.batch=5"),
        ("genlab.components.dataset:Examples.take", OSError(errno.EIO, "gone", "photos/1.png"),
         r"the stage training failed: photos/1\.png: the disk does not answer.* then genlab resume"),
    ],
)  # fmt: skip
def test_a_run_says_in_words_what_the_system_could_not_do(
    at: str, error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    module, _, name = at.partition(":")
    owner, _, method = name.partition(".")
    kind = getattr(importlib.import_module(module), owner)
    begun = False

    class Begun(genlab.Tracker):
        def run_started(self) -> None:
            nonlocal begun
            begun = True

    whole = getattr(kind, method)

    def refused(self: Any, *given: Any, **named: Any) -> Any:
        if not begun:
            return whole(self, *given, **named)
        raise error

    monkeypatch.setattr(kind, method, refused)
    with pytest.raises(genlab.RunError, match=told):
        start_run(TINY, out=tmp_path / "run", trackers=[Begun()])
    assert genlab.open_run(tmp_path / "run").status.outcome == "failed"


def test_a_place_that_cannot_be_written_to_is_one_line(
    digits_run: genlab.Run, tmp_path: Path, command: Any
) -> None:
    (tmp_path / "file").touch()
    said = command(
        "sample", digits_run.path, "-n", 2, "--steps", 2, "--out", tmp_path / "file/x.png"
    )
    assert said.status == 1
    (line,) = said.err.splitlines()
    assert "file" in line
    said = command("run", "--steps", 1, "--out", tmp_path / ("a" * 300))
    assert said.status == 2
    assert "the name is too long" in said.err


@pytest.mark.parametrize(
    "command_line", [["run", "--steps", "1", "--out", "run"], ["resume", "DONE"]]
)
def test_one_of_several_processes_that_knows_no_others_is_refused(
    command_line: list[str], digits_run: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: Any,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = command(*(str(digits_run.path) if part == "DONE" else part for part in command_line))
    assert said.status == 2
    assert "WORLD_SIZE = 2, and RANK is not set" in said.err
    assert list(tmp_path.iterdir()) == []
