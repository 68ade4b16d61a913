"""The command that trains a reference classifier."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import genlab
from genlab_plugins.commands.classifier import classifier
from genlab_plugins.metrics.classifier import fingerprint, load_classifier

app = typer.Typer()
app.command()(classifier)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_writes_a_file_and_says_how_good_it_is(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    output = call("digits", "--epochs", "0.2", "--seed", "4", "--out", str(file))
    record = load_classifier(file).record
    assert (record.dataset, record.seed, record.accuracy_on) == ("digits", 4, "test")
    assert f"{record.accuracy:.2%}" in output


def test_without_a_file_it_lands_where_metrics_look(cache: Path, digits: genlab.Data) -> None:
    call("digits", "--epochs", "0.1")
    (file,) = cache.iterdir()
    assert file.name.startswith(fingerprint(digits.train, digits.spec))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--epochs", "1", "--minutes", "1"], "one budget"),
        (["digits", "--epochs", "0"], "larger than 0"),
        (["digits", "--minutes", "-1"], "larger than 0"),
        (["digits", "--out", "classifier.pt"], "safetensors"),
        (["moons"], "images with labels"),
        (["diggits"], "digits"),
        (["digits", "--device", "quantum"], "there are auto"),
        (["image-folder"], "dataset.path"),
        (["mnist", "--data", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_request_is_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(genlab.RequestError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_it_is_an_entry_point() -> None:
    (point,) = entry_points(group="genlab.commands", name="classifier")
    assert point.load() is classifier
