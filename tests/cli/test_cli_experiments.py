"""An experiment's own settings hold unless the command line says otherwise."""

from __future__ import annotations

import os
import threading
import tomllib
from pathlib import Path

import pytest

from genlab import Outcome
from genlab.cli.app import exit_status
from genlab.cli.series_display import SeriesDisplay
from genlab.runs import series
from genlab.runs.lock import locked

TINY = """\
dataset = "moons"
degradation = "mix"
metrics = []
figures = []
[training]
steps = 2
[sampling]
count = 8
steps = 2
"""


@pytest.mark.parametrize(("options", "seed"), [([], 5), (["--seed", "0"], 0)])
def test_an_experiments_seed_holds_unless_another_is_asked_for(
    options: list[str], seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('seed = 5\ndevice = "cpu"\ndataset = "moons"\n', "utf-8")
    assert exit_status(["run", str(file), "--dry-run", *options]) == 0
    config = tomllib.loads(capsys.readouterr().out)
    assert config["seed"] == seed
    assert config["device"] == "cpu"


def test_a_series_that_measures_nothing_is_done_and_says_that_it_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    file = tmp_path / "mine.toml"
    file.write_text(TINY + "[sweep]\nseed = [0, 1]\n", "utf-8")
    assert exit_status(["sweep", str(file), "--out", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    assert "mine is not compared: none of these runs has numbers" in said
    words = [line.split() for line in said.splitlines()]
    begun = words.index(["run", "status", "numbers"])
    assert [line for line in words[begun + 1 :] if line[1:2] == ["done"]] == [
        ["mine/0", "done"], ["mine/1", "done"]
    ]  # fmt: skip
    assert not list(tmp_path.rglob("comparison.csv"))


def test_a_run_that_another_process_is_at_is_waited_for_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(series, "_PATIENCE", 0.0)
    file = tmp_path / "mine.toml"
    file.write_text(TINY + '[sweep]\nsampler = ["naive", "cold"]\n', "utf-8")
    first = tmp_path / "runs" / "mine" / "naive"
    first.mkdir(parents=True)
    taken, said = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(first, "the same elsewhere"):
            taken.set()
            said.wait(60)

    told = SeriesDisplay.waits

    def waits(display: SeriesDisplay, outcome: Outcome) -> None:
        told(display, outcome)
        if outcome.job.path.name == "cold":  # the last of the two
            said.set()

    monkeypatch.setattr(SeriesDisplay, "waits", waits)
    threading.Thread(target=hold, daemon=True).start()
    assert taken.wait(60)
    assert exit_status(["sweep", str(file), "--out", str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    waited = [line for line in lines if " waits: " in line]
    assert len(waited) == 2, "each is told once"
    assert f"process {os.getpid()} on " in waited[0]
    assert waited[1].endswith("mine/cold waits: another process trains naive")
    assert [line.split()[-1] for line in lines if " of 2: " in line] == ["done", "done"]


def test_a_series_is_listed_and_cut_into_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every run is in one part, with those that train the same; nothing is carried out."""
    file = tmp_path / "mine.toml"
    file.write_text('[sweep]\nseed = [0, 1, 2]\nsampler = ["ddim", "ddpm"]\n', "utf-8")
    out = tmp_path / "runs"

    def listed(*options: str) -> list[str]:
        assert exit_status(["sweep", str(file), "--out", str(out), "--list", *options]) == 0
        return [line.split()[-1] for line in capsys.readouterr().out.splitlines()]

    whole = listed()
    assert whole == [f"mine/{seed}-{sampler}" for seed in (0, 1, 2) for sampler in ("ddim", "ddpm")]
    parts = [listed("--only", f"{i}/2") for i in (1, 2)]
    assert parts == [whole[:2] + whole[4:], whole[2:4]]
    assert not out.exists()
    for wrong in ("3/2", "0/2", "half"):
        assert exit_status(["sweep", str(file), "--out", str(out), "--only", wrong]) == 2
        assert "the I-th of N parts is asked for by I/N" in " ".join(
            capsys.readouterr().err.split()
        )
