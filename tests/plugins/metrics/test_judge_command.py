"""The command that trains a judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import genlab
from genlab.cli.judge import judge
from genlab_plugins.metrics.judge import fingerprint, load_judge

app = typer.Typer()
app.command()(judge)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_writes_a_judge_to_a_file_and_says_how_good_it_is(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    said = call("digits", "--epochs", "0.2", "--seed", "4", "--out", str(file))
    record = load_judge(file).record
    assert (record.dataset, record.seed, record.accuracy_on) == ("digits", 4, "test")
    assert f"{record.accuracy:.2%}" in said


def test_without_a_file_it_lands_where_metrics_look(cache: Path, digits: Any) -> None:
    dataset, train, _ = digits
    call("digits", "--epochs", "0.1")
    (file,) = cache.iterdir()
    assert file.name.startswith(fingerprint(train, dataset.spec))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--epochs", "1", "--minutes", "1"], "give one of them"),
        (["digits", "--epochs", "0"], "positive"),
        (["digits", "--minutes", "-1"], "positive"),
        (["digits", "--out", "judge.pt"], "safetensors"),
        (["moons"], "images with labels"),
        (["diggits"], "digits"),
        (["digits", "--device", "quantum"], "there are auto"),
        (["image-folder"], "--data"),
        (["mnist", "--data", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_request_is_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(genlab.RequestError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
