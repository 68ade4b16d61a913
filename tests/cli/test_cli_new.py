"""``genlab new``, as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from genlab.cli.app import exit_status


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_new_says_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["new", "degradation", "ripple"]) == 0
    said = capsys.readouterr().out
    commands = ["cd genlab-ripple", "uv run pytest", "uv run genlab run --degradation ripple"]
    assert [said.index(command) for command in commands] == sorted(map(said.index, commands))
    assert "genlab-ripple/src/genlab_ripple/degradation.py" in said
    assert Path("genlab-ripple/pyproject.toml").is_file()


def test_new_writes_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["new", "metrics", "gap", "--out", "deep/down"]) == 0
    assert (tmp_path / "deep/down/genlab-gap/src/genlab_gap/metric.py").is_file()
    assert """uv run genlab run --set 'metrics=["gap"]'""" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["degradatio", "ripple"], "'degradation'"),
        (["degradation", "blur"], "there already"),
        (["degradation", "SoftRipple"], "'soft-ripple'"),
        (["degradation", "none"], "'None'"),
    ],
)
def test_a_wrong_request_is_one_line_and_nothing_is_written(
    arguments: list[str], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(["new", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert wanted in captured.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["new", "degradation", "ripple"]) == 0
    mine = Path("genlab-ripple/README.md")
    mine.write_text("mine")
    assert exit_status(["new", "degradation", "ripple"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert mine.read_text() == "mine"


def test_coursework_is_a_folder_and_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(["new", "coursework", "deep/course"]) == 0
    said = capsys.readouterr().out
    commands = ["cd deep/course", "python -m pytest", "python -m genlab run a.toml"]
    assert [said.index(command) for command in commands] == sorted(map(said.index, commands))
    Path("deep/course/text.md").write_text("mine")
    assert exit_status(["new", "coursework", "deep/course"]) == 2
    assert "deep/course exists already: choose another folder" in capsys.readouterr().err
    assert Path("deep/course/text.md").read_text() == "mine"
