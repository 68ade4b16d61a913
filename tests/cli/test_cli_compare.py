"""``genlab compare``, on densities that are fitted in a moment: what is told of how runs differ."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from scipy import stats

import genlab
from genlab.cli.console import numbers_table


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A mixture of each of two seeds, and a normal distribution of each of two; measured."""
    out = tmp_path_factory.mktemp("runs")
    return [
        genlab.run(
            density=name, dataset={"name": "moons", "train": 400, "test": 200}, seed=seed,
            metrics=["mmd"], draw=False, out=out / f"{name}-{seed}", device="cpu",
            set={"sampling.count": 100},
        ).path
        for name in ("gmm", "normal")
        for seed in (0, 1)
    ]  # fmt: skip


def value(path: Path, name: str) -> dict[str, Any]:
    (record,) = (r for r in genlab.open_run(path).records if r["name"] == name)
    return record


def test_it_tells_how_runs_differ(
    runs: list[Path], tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = command("compare", runs[0], runs[2], "--out", tmp_path)
    assert said.status == 0
    rows = [line.split() for line in said.out.splitlines() if line.strip()]
    assert ["density", "gmm", "normal"] in rows
    assert ["seed", "0", "0"] not in rows, "what is the same is not told"
    place = rows.index(["mmd"])
    record = value(runs[2], "mmd")
    low, high = record["interval"]
    assert low < record["value"] < high
    number, interval = f"{record['value']:.4g}", [f"{low:.4g}", "to", f"{high:.4g}"]
    assert rows[place + 2][:5] == ["normal-0", number, *interval]
    assert rows[place + 2][-1] == "100"
    assert "note: one seed only (each)" in " ".join(said.out.split())
    assert (tmp_path / "comparison.csv").is_file()


def test_as_json_and_in_python_it_is_the_same(
    runs: list[Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    said = json.loads(command("compare", *runs, "--out", tmp_path, "--json").out)
    found = genlab.compare(runs, tmp_path)
    assert said == json.loads(json.dumps(found.flat()))
    assert said["compared"] == ["gmm-0", "gmm-1", "normal-0", "normal-1"]
    assert said["settings"]["seed"] == [0, 1, 0, 1]
    assert said["warnings"] == []
    (mmd,) = (number for number in said["numbers"] if number["name"] == "mmd")
    assert mmd["records"] == [value(path, "mmd") for path in runs]
    assert all(Path(file).is_file() for file in said["files"])


def test_many_runs_are_told_by_value(
    runs: list[Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    said = command("compare", *runs, "--out", tmp_path)
    rows = [line.split() for line in said.out.splitlines()]
    assert ["density", "gmm", "gmm-0,", "gmm-1"] in rows
    assert ["seed", "0", "gmm-0,", "normal-0"] in rows
    assert ["1", "gmm-1,", "normal-1"] in rows


def test_over_seeds_it_tells_means_ranges_and_intervals(
    runs: list[Path], tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = command("compare", "--over", "seed", *runs[:3], "--out", tmp_path)
    assert said.status == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert ["gmm", "gmm-0,", "gmm-1"] in rows
    assert "one seed only (normal-0)" in " ".join(said.out.split())
    values = [value(path, "mmd")["value"] for path in runs[:2]]
    mean = sum(values) / 2
    low, high = stats.t.interval(0.95, 1, loc=mean, scale=stats.sem(values))
    words = f"gmm {mean:.4g} {low:.4g} to {high:.4g} {min(values):.4g} to {max(values):.4g} 2"
    assert words.split() in rows
    found = genlab.compare(runs[:3], tmp_path, over="seed").flat()
    assert found["groups"] == [
        {"name": "gmm", "runs": ["gmm-0", "gmm-1"], "values": [0, 1]},
        {"name": "normal", "runs": ["normal-0"], "values": [0]},
    ]
    (mmd,) = (number for number in found["numbers"] if number["name"] == "mmd")
    assert mmd["records"][0]["interval"] == pytest.approx([low, high])


def test_wrong_comparisons_are_refused(
    runs: list[Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    for given, wanted in (
        ((runs[0], runs[0]), "gmm-0 is there twice"),
        ((runs[0], runs[2], "--over", "sed"), "unknown setting that differs 'sed'"),
        ((runs[0], runs[2], "--over", "seed"), "no two of these runs differ in nothing but seed"),
        ((runs[0], tmp_path / "none"), "there is no run at"),
    ):
        said = command("compare", *given, "--out", tmp_path / "out")
        assert said.status == 2
        assert wanted in said.err
        assert len(said.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_runs_of_one_name_are_told_apart_by_the_folders_above(
    runs: list[Path], tmp_path: Path
) -> None:
    copies = [shutil.copytree(runs[k], tmp_path / kind / "a") for k, kind in enumerate("xy")]
    assert genlab.compare(copies, tmp_path / "out").names == ["x/a", "y/a"]


def test_the_table_of_numbers_has_intervals() -> None:
    console = Console(width=80)
    known = {"name": "nll", "value": 2.5, "interval": [2.25, 2.75], "standard_error": 0.125, "n": 9}
    with console.capture() as captured:
        console.print(numbers_table([known, {"name": "f", "value": 1.0, "n": 9, "baseline": 0.5}]))
    words = [line.split() for line in captured.get().splitlines()]
    assert ["nll", "2.5", "±", "0.12", "2.25", "to", "2.75", "9"] in words
    assert ["f", "1", "0.5", "9"] in words
    assert "±: standard error" in captured.get()
