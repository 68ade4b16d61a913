"""Every experiment, carried out under its smallest budget on embedded data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import genlab
from genlab.cli.app import _status
from genlab.experiments import experiment_names


@pytest.mark.slow
@pytest.mark.parametrize("name", experiment_names())
def test_reproduce(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENLAB_DATA", raising=False)
    assert _status(["reproduce", name, "--budget", "smoke", "--out", str(tmp_path)]) == 0
    runs = sorted((tmp_path / "smoke").rglob("run.toml"))
    assert runs
    for file in runs:
        run = genlab.open_run(file.parent)
        assert run.config.experiment == name
        numbers = {record["name"]: record["value"] for record in run.metrics["metrics"]}
        asked = {metric.name for metric in run.config.metrics or ()}
        assert {number.split("/")[0] for number in numbers} >= asked
        drawn = {p.stem for p in (run.path / "figures").glob("*.png")}
        assert drawn == set(run.figures())
        assert len(run.evaluations) == run.config.evaluation.times
        last = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[-1])
        assert last["step"] == run.config.training.steps
