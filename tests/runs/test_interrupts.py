"""Signals: the first leaves a mark, the second ends at once, and the handlers are put back."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab.errors import Interrupted
from genlab.runs.interrupts import Interrupts, listening
from genlab.runs.start import continue_run, start_run
from genlab.training import read_checkpoint

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_heard_and_a_second_one_ends_at_once(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    interrupts = Interrupts()
    with listening(interrupts):
        interrupts.look()
        os.kill(os.getpid(), number)
        assert interrupts.asked == number.name
        assert f"{number.name}: stops after this step" in capfd.readouterr().err
        with pytest.raises(Interrupted, match=number.name):
            interrupts.look()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_handlers_are_put_back_when_a_run_fails() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(ValueError, match="it fails"), listening(Interrupts()):
        raise ValueError("it fails")
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_other_threads_are_left_alone() -> None:
    found: list[Any] = []

    def listen() -> None:
        with listening(Interrupts()):
            found.extend(signal.getsignal(each) for each in SIGNALS)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(each) for each in SIGNALS]


TINY = {
    "dataset": {"name": "8-gaussians", "train": 100, "test": 50}, "metrics": ["sliced-wasserstein"],
    "backbone": {"class": "genlab.testing.tiny:Perceptron"}, "figures": [],
    "training": {"steps": 8, "batch": 8, "log_every": 1}, "sampling": {"count": 20, "steps": 2, "batch": 10},
}  # fmt: skip


class Signals(genlab.Tracker):
    """Sends a signal at a step, or at a piece of a stage."""

    def __init__(self, *, number: int, step: int = 0, stage: str = "") -> None:
        self.number, self.step, self.stage = number, step, stage
        self.steps: list[int] = []

    def step_done(self, step: int) -> None:
        self.steps.append(step)
        if step == self.step:
            os.kill(os.getpid(), self.number)

    def stage_advanced(self, stage: str, done: int) -> None:
        if self.stage and stage == self.stage and done:
            self.stage = ""
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_stops_after_the_step_with_a_checkpoint(
    number: signal.Signals, tmp_path: Path
) -> None:
    tracker = Signals(number=number, step=3)
    out = tmp_path / "run"
    wanted = rf"stopped in the stage training, with a checkpoint of step 3; to go on: genlab resume {out}$"
    with pytest.raises(Interrupted, match=wanted):
        start_run(TINY, out=out, trackers=[tracker])
    assert tracker.steps == [1, 2, 3]
    assert read_checkpoint(out / "checkpoints/last.safetensors").numbers["step"] == 3
    assert genlab.open_run(out).status.outcome == "interrupted"
    assert not (out / "run.lock").exists()


@pytest.mark.parametrize("stage", ["sampling", "measuring"])
def test_other_stages_stop_between_two_pieces(stage: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"stopped in the stage {stage}; to go on: genlab resume"):
        start_run(TINY, out=out, trackers=[Signals(number=signal.SIGTERM, stage=stage)])
    status = genlab.open_run(out).status
    assert (status.outcome, status.stage) == ("interrupted", stage)


class TwoSignals(Signals):
    """Sends a second signal while the run says how it has ended."""

    def run_ended(self) -> None:
        os.kill(os.getpid(), self.number)


def test_a_second_signal_says_how_to_go_on_wherever_it_lands(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"^stopped .*; to go on: genlab resume {out}$"):
        start_run(TINY, out=out, trackers=[TwoSignals(number=signal.SIGINT, step=2)])
    again = TwoSignals(number=signal.SIGINT, step=4)
    with pytest.raises(Interrupted, match=f"^stopped .*; to go on: genlab resume {out}$"):
        continue_run(out, trackers=[again])
    assert again.steps == [3, 4]


def test_before_there_is_a_folder_nothing_can_be_gone_on_with() -> None:
    interrupts = Interrupts()
    interrupts.hear(signal.SIGTERM, None)
    with pytest.raises(Interrupted, match=r"^stopped by SIGTERM$"):
        interrupts.look()


def test_a_step_that_is_broken_off_is_never_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a second signal does it: between the optimiser and the moving average."""
    from genlab.training.training import Training

    step = Training._step
    done: list[int] = []

    def broken(self: Training, x: Any, y: Any) -> Any:
        done.append(self.step)
        if len(done) == 5:
            self.average.update_parameters = _interrupt  # type: ignore[assignment]
        return step(self, x, y)

    monkeypatch.setattr(Training, "_step", broken)
    out = tmp_path / "run"
    with pytest.raises(Interrupted, match="with a checkpoint of step 0"):
        start_run(TINY, out=out)
    assert read_checkpoint(out / "checkpoints/last.safetensors").numbers["step"] == 0
    monkeypatch.undo()
    genlab.resume(out)
    whole = start_run(TINY, out=tmp_path / "whole")
    one, two = (read_checkpoint(at / "checkpoints/last.safetensors") for at in (out, whole.path))
    assert all(bool((one.tensors[key] == value).all()) for key, value in two.tensors.items())


def test_without_a_checkpoint_a_run_begins_anew_and_its_log_has_every_step_once(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        start_run(TINY, out=out, trackers=[Signals(number=signal.SIGINT, step=3)])
    assert len(genlab.open_run(out).history) == 3
    shutil.rmtree(out / "checkpoints")
    again = Signals(number=signal.SIGINT)
    continue_run(out, trackers=[again])
    assert again.steps == list(range(1, 9))
    assert [line["step"] for line in genlab.open_run(out).history] == again.steps


def test_what_was_evaluated_before_a_run_stopped_is_not_evaluated_again(tmp_path: Path) -> None:
    out, request = tmp_path / "run", {**TINY, "evaluation": {"times": 4, "count": 20}}
    with pytest.raises(Interrupted):
        start_run(request, out=out, trackers=[Signals(number=signal.SIGINT, step=5)])
    continue_run(out)
    assert [line["step"] for line in genlab.open_run(out).evaluations] == [2, 4, 6, 8]


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
