"""An experiment's own settings hold unless the command line says otherwise."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from genlab.cli.app import exit_status


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
    file.write_text(
        'dataset = "moons"\ndegradation = "mix"\nmetrics = []\nfigures = []\n[training]\nsteps = 2\n[sweep]\n'
        "seed = [0, 1]\n[sampling]\ncount = 8\nsteps = 2\n",
        "utf-8",
    )
    assert exit_status(["sweep", str(file), "--out", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    assert "mine is not compared: none of these runs has numbers" in said
    words = [line.split() for line in said.splitlines()]
    begun = words.index(["run", "status", "numbers"])
    assert [line for line in words[begun + 1 :] if line[1:2] == ["done"]] == [
        ["mine/0", "done"], ["mine/1", "done"]
    ]  # fmt: skip
    assert not list(tmp_path.rglob("comparison.csv"))


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
