"""Files of strangers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import genlab
from genlab.cli.app import exit_status


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: links as where they lead, files as their bytes."""
    found: dict[str, bytes | None] = {}
    for path in sorted(folder.rglob("*")):
        place = str(path.relative_to(folder))
        if path.is_symlink():
            found[place] = str(path.readlink()).encode()
        else:
            found[place] = path.read_bytes() if path.is_file() else None
    return found


@pytest.fixture
def stranger(digits_run: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder of one's own to spoil, in a working folder of its own; beside it lies ``outside``."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("mine")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    shutil.copytree(digits_run.path, work / "run")
    return Path("run")


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Give a command that must be refused in one line, with nothing written anywhere."""

    def give(*arguments: str | Path) -> str:
        before = tree(tmp_path)
        capsys.readouterr()
        status = exit_status(list(map(str, arguments)))
        said = capsys.readouterr().err.strip()
        assert status in (1, 2), said
        assert said.startswith("error: "), said
        assert "\n" not in said, said
        assert len(said) <= 300, said
        assert tree(tmp_path) == before
        return said

    return give
