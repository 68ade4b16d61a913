"""Terminals of few columns and few characters, and names that look like mark-up."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import genlab
from genlab.cli import console as display
from genlab.cli.app import exit_status
from genlab.cli.terminal import plain_console, show_what_can_be_shown

NAMES = "[red]cat[/red] :smile: $x_1$ <b>"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], str]]:
    """Give both streams an encoding, and return what was written to the first."""

    def redirect(encoding: str) -> Callable[[], str]:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline="\n"))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))

        def read() -> str:
            sys.stdout.flush()
            return raw.getvalue().decode(encoding)

        return read

    return redirect


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "cp437", "utf-8"])
def test_no_character_crashes_a_terminal_that_lacks_it(
    encoding: str, printed: Callable[[str], Callable[[], str]]
) -> None:
    read = printed(encoding)
    show_what_can_be_shown()
    text = "→ ↑ ± é 猫 \N{GRINNING FACE} \udce9 –"
    print(text)
    plain_console().print(text)
    plain_console().print(display.numbers_table([{"name": text, "value": 1.0, "n": 3}]))
    said = read()
    assert "?" in said
    if encoding == "ascii":
        assert said.startswith("-> ^ +- e ? ? ? -\n")
    if encoding == "cp1252":
        assert said.startswith("-> ^ ± é ? ? ? –\n")


@pytest.mark.parametrize(
    "line",
    ["list", "show degradation blur", "show settings", "show experiment ddpm-mnist", "--help"],
)
def test_commands_print_in_cp1252_and_ascii(
    line: str, printed: Callable[[str], Callable[[], str]]
) -> None:
    for encoding in ("cp1252", "ascii"):
        read = printed(encoding)
        assert exit_status(line.split()) == 0
        assert len(read()) > 100


def test_names_stand_in_tables_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console = plain_console()
    console.width = 200
    console.print(display.numbers_table([{"name": NAMES, "value": 1.0, "n": 3}]))
    console.print(f"note: {NAMES}")
    assert capsys.readouterr().out.count(NAMES) == 2


def test_numbers_fit_a_narrow_terminal_without_a_broken_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = {
        "value": -12.345,
        "standard_error": 0.012,
        "interval": [-12.357, -12.333],
        "n": 10_000,
        "baseline": 0.01234,
    }
    names = ["bound-above-entropy", "classifier-confidence/confidence", "total/variation"]
    console = plain_console()
    console.width = 80
    console.print(display.numbers_table([{"name": name, **record} for name in names], width=80))
    small = {"name": names[1], "value": 0.0068441, "n": 1000, "baseline": 0.00031234}
    both = [{**small, "interval": [0.97531, 0.98462]}, {**record, "name": "bound", "baseline": 1.0}]
    console.print(display.numbers_table(both, width=80))
    said = capsys.readouterr().out
    for whole in (
        "bound-above-entropy ",
        "classifier-confidence/ ",
        " confidence ",
        "total/variation ",
        "-12.36 to -12.33 ",
        " -12.35 ± 0.012",
        " 0.01234 ",
        " 0.0003123 ",
        " 10000",
    ):
        assert whole in said
    assert said.count("classifier-confidence/ ") == 2


def drawn(width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the last lines of a run's display in a terminal of a width."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None, markup=False)
    monkeypatch.setattr(display, "plain_console", lambda: console)
    shown = display.RunDisplay()
    shown.training_started()
    record = {"step": 123456, "loss": 0.123456, "examples_per_s": 12345.6}
    shown.step_done(0.4, record)
    shown.stage_started("evaluating at 40%", 10)
    shown.stage_advanced("evaluating at 40%", 3)
    shown.shown.stop()
    return [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", file.getvalue()))
            if line.strip()][-2:]  # fmt: skip


@pytest.mark.parametrize("width", [40, 52, 60, 70, 80, 100, 110, 160])
def test_bars_keep_to_one_line_each_and_show_what_there_is_room_for(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, evaluating = drawn(width, monkeypatch)
    assert len(training) <= width
    assert training.startswith("training ")
    assert evaluating.startswith("evaluating at 40% ")
    assert " 40%" in training
    assert training.rstrip().endswith("left")
    assert ("loss 0.1235" in training) == (width >= 52)
    assert ("step 123456" in training) == (width >= 70)
    assert ("12,346 examples/s" in training) == (width >= 110)
    cells = training.index(" 40%") - len("evaluating at 40% ")
    assert cells >= (15 if width >= 80 else 8 if width >= 60 else 4)


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("genlab.cli.console.time.monotonic", made)
    return made


def test_without_a_terminal_a_line_is_said_now_and_then(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = display.RunDisplay()
    shown.training_started()
    for step in range(1, 1001):  # a second for ten steps
        clock.now += 0.1
        record = {"step": step, "loss": 1 / step, "examples_per_s": 100.0}
        shown.step_done(step / 1000, record)
    shown.stage_started("sampling", 100)
    for done in range(1, 101):
        clock.now += 0.25
        shown.stage_advanced("sampling", done)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training"
    assert lines[1] == "training  10%  step 100  loss 0.0100  100 examples/s  1:30 left"
    assert len([line for line in lines if line.startswith("training ")]) == 10
    assert [line for line in lines if line.startswith("sampling")] == [
        "sampling", "sampling  40%  0:15 left", "sampling  80%  0:05 left",
    ]  # fmt: skip


def test_a_slow_training_says_something_every_half_minute(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = display.RunDisplay()
    shown.training_started()
    for step in range(1, 121):  # an hour, of which two minutes are shown
        clock.now += 1.0
        shown.step_done(step / 3600, {"step": step, "loss": 1.0, "examples_per_s": 1.0})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4
    assert lines[1].endswith("59:30 left")
    assert lines[-1].endswith("58:00 left")


def test_a_run_says_how_far_it_is(tmp_path: Path, command: Callable[..., Any]) -> None:
    """From its beginning to its end, into a pipe."""
    small = (
        "--set",
        "backbone.channels=[8]",
        "--set",
        "sampling.count=8",
        "--set",
        "sampling.steps=2",
    )
    said = command(
        "run", *small, "--steps", 4, "--no-measure", "--no-figures", "--out", tmp_path / "run"
    )
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("training ", "sampling"))][
        -1
    ] == "sampling"
    assert any(re.match(r"training 100%  step 4  loss [\d.]+", line) for line in lines)
    assert genlab.open_run(tmp_path / "run").status.skipped == ("measuring", "drawing")


def test_numbers_of_one_name_tell_what_they_were_measured_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    number = {"name": "frechet", "value": 1.0, "n": 3}
    records = [
        number,
        *({**number, "sampler": name, "sampling_steps": 5} for name in ("ddim", "ddpm")),
    ]
    console = plain_console()
    console.width = 120
    console.print(
        display.numbers_table(
            [*records, {**number, "guidance": 2.0, "temperature": 0.5, "against": "train"}]
        )
    )
    said = capsys.readouterr().out
    for how in ("ddim, 5 steps", "ddpm, 5 steps", "guidance 2, temperature 0.5, against train"):
        assert said.count(how) == 1
