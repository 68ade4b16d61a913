"""What ``genlab show`` tells of settings and experiments."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from genlab.config import described_settings
from genlab.experiments import experiment_names, experiment_text


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_show_settings_names_every_setting_whole_at_80_columns(command: Callable[..., Any]) -> None:
    lines = command("show", "settings").out.splitlines()
    assert max(map(len, lines)) <= 80
    for table, settings in described_settings().items():
        heading = lines.index("run" if table == "run" else f"[{table}]")
        rows = lines[heading + 3 :]
        for setting in settings:
            assert any(row.split()[:1] == [setting.name] for row in rows), setting.key


def test_show_settings_of_one_table(command: Callable[..., Any]) -> None:
    rows = json.loads(command("show", "settings", "training", "--json").out)
    by_key = {row["key"]: row for row in rows}
    assert all(key.startswith("training.") for key in by_key)
    assert by_key["training.warmup"]["type"] == "float <= 1 >= 0"
    assert by_key["training.batch"]["others"]["vectors"] == 512
    text = " ".join(command("show", "settings", "sampling").out.split())
    assert "guidance 1 float >= 0 classifier-free" in text
    assert "warmup" not in text


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_says_what_it_is_and_how_it_is_started(
    name: str, command: Callable[..., Any]
) -> None:
    text = command("show", "experiment", name).out
    body, _, start = text.rpartition("start it with ")
    tables = tomllib.loads(experiment_text(name))
    assert start.startswith(f"genlab {'sweep' if 'sweep' in tables else 'run'} {name}")
    assert all(budget in start for budget in tables["budget"])
    heading, _, rest = body.partition("\n\n")
    assert tomllib.loads(rest) == tables
    about = json.loads(command("show", "experiment", name, "--json").out)["about"]
    assert about.split() == heading.split()[2:]
    assert len(about.split()) > 4


def test_the_list_says_what_every_experiment_is(command: Callable[..., Any]) -> None:
    rows = json.loads(command("list", "experiments", "--json").out)
    assert [row["name"] for row in rows] == experiment_names()
    assert all(len(row["summary"].split()) > 4 and "arXiv" not in row["summary"] for row in rows)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("show settings trainin", "Did you mean 'training'"),
        ("show settings backbone", "genlab show backbone NAME"),
        ("show settings prior", "genlab show density NAME"),
        ("show settings training --out a.png", "leave --out away"),
        ("show experiment", "which experiment? There are: cold-blur-mnist"),
        ("show experiment ddpm-mnst", "Did you mean 'ddpm-mnist'"),
        ("show degradation", "which degradation? There are: blur, "),
        ("show nonsense", "unknown role 'nonsense'"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    line: str, answer: str, command: Callable[..., Any]
) -> None:
    said = command(*line.split())
    assert said.status == 2
    assert answer in said.err
    assert len(said.err.splitlines()) == 1
