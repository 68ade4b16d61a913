"""How a run of several processes ends: killed, stopped, refused; and how it goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab.runs.start import start_run
from genlab.runs.status import read_status

SMALL = [
    "run", "--dataset", "moons", "--backbone", "mlp", "--optimiser", "adamw", "--set",
    "backbone.width=8", "--set", "backbone.depth=1", "--set", "dataset.train=300", "--set",
    "training.batch=16", "--set",
    "training.log_every=1", "--set", "training.precision=fp32", "--set", "sampling.count=20",
    "--set", "sampling.batch=10", "--set", "sampling.steps=2", "--no-measure", "--no-figures",
]  # fmt: skip


def wait_for_steps(path: Path, steps: int) -> None:
    """Wait until a run has logged so many steps, and so has a checkpoint."""
    for _ in range(4000):
        file = path / "metrics.jsonl"
        if file.is_file() and file.read_bytes().count(b"\n") >= steps:
            return
        time.sleep(0.05)
    pytest.fail("it does not begin")


def losses(path: Path) -> list[float]:
    return [line["loss"] for line in genlab.open_run(path).history]


def test_a_killed_process_ends_the_run_and_one_goes_on(tmp_path: Path, two: Any) -> None:
    """In one line; and one process goes on where several were, as if it had been one from the start."""
    path, whole = tmp_path / "killed", tmp_path / "whole"
    often = ["--set", "training.save_every=0.1"]
    processes = two(["-m", "genlab", *SMALL, *often, "--steps", "100000", "--out", path])
    wait_for_steps(path, 40)
    processes[1].kill()
    first, second = (process.communicate(timeout=200) for process in processes)
    assert processes[0].returncode == 1
    (line,) = first[1].splitlines()
    assert line.startswith(
        "error: another process of the run has ended; stopped in the stage training"
    )
    assert f"to go on: genlab resume {path}" in line
    assert second == ("", "")
    assert read_status(path / "status.json").outcome == "failed"
    opened = genlab.open_run(path)
    of_two = losses(
        path
    )  # what is done anew after the last checkpoint has another budget, and other rates
    done = len(opened.history) + 5
    genlab.resume(path, steps=done)
    assert [line["step"] for line in genlab.open_run(path).history] == list(range(1, done + 1))

    config = opened.config
    request = {**config.flat(), "training": {**config.flat()["training"], "steps": 100000}}
    one = _losses_of_one(request, whole, done - 5)
    assert of_two == pytest.approx(one, rel=1e-4)


def _losses_of_one(request: dict[str, Any], path: Path, steps: int) -> list[float]:
    """Return the losses of the first steps of the same run in one process."""

    class Enough(genlab.Tracker):
        def step_done(self, step: int) -> None:
            if step >= steps:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_run(request, out=path, trackers=[Enough()])
    return losses(path)


def test_processes_of_a_command(tmp_path: Path) -> None:
    """They stop together, leave a checkpoint and the exit status, and go on; all of it is said once."""
    path = tmp_path / "run"
    command = [sys.executable, "-m", "genlab", *SMALL, "--steps", "100000", "--out", path]
    with subprocess.Popen(
        [*command, "--processes", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as crew:  # fmt: skip
        try:
            wait_for_steps(path, 5)
        finally:
            crew.send_signal(signal.SIGTERM)
        out, err = crew.communicate(timeout=200)
    assert crew.returncode == 3
    stops, error = err.splitlines()
    assert stops.startswith("SIGTERM: stops after this step")
    assert error.startswith("error: stopped in the stage training, with a checkpoint of step ")
    assert out.count("gaussian + mlp") == 1
    step = len(losses(path))
    again = subprocess.run(
        [sys.executable, "-m", "genlab", "resume", path, "--steps", str(step + 3), "--processes", "2"],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert (again.returncode, again.stderr) == (0, "")
    assert len(losses(path)) == step + 3
    assert len(genlab.open_run(path).folder.samples()[0]) == 20


def test_a_wrong_request_is_told_once(tmp_path: Path) -> None:
    said = subprocess.run(
        [
            sys.executable, "-m", "genlab", *SMALL, "--steps", "5", "--set", "training.batch=1",
            "--out", tmp_path / "run", "--processes", "2",
        ],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert said.returncode == 2
    (line,) = said.stderr.splitlines()
    assert line.startswith("error: training.batch = 1: 2 processes cut it into 2 parts")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "two"}, r"WORLD_SIZE = 'two': .* a whole number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, r"RANK = '2': .* below WORLD_SIZE = 2"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": ""}, "MASTER_PORT is not set"),
        ({"WORLD_SIZE": "3", "RANK": "0"}, "--processes 2: this is one of 3 processes already"),
    ],
)
def test_a_place_that_cannot_be_is_refused(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch, command: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    for name, value in {"MASTER_ADDR": "h", "MASTER_PORT": "1", **environment}.items():
        monkeypatch.setenv(name, value)
    said = command("run", "--steps", 1, "--out", tmp_path / "run", "--processes", 2)
    assert said.status == 2
    assert re.search(message, said.err)


def test_a_series_is_started_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in here.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(genlab.RequestError, match="a series of runs is started once"):
        genlab.sweep({"seed": [0, 1]}, out=tmp_path / "sweep", steps=1)
