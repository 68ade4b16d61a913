"""Files of a run folder: what is whole comes back, what is damaged is noticed and told in one line."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch

from genlab import RequestError
from genlab.files import write_bytes
from genlab.report.arrays import npz_bytes
from genlab.runs.folder import RunFolder
from genlab.runs.reading import (
    add_line,
    read_arrays,
    read_lines,
    read_table,
    read_toml,
    write_table,
    write_toml,
)
from genlab.runs.status import Status, read_status, write_status

TABLES = {"format": 2, "seed": 7, "training": {"steps": 60, "lr": 1e-3}, "names": ["ä", "b\nc"]}


def test_tables_come_back_and_a_changed_digit_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    write_toml(file, TABLES)
    assert read_toml(file) == TABLES
    text = file.read_text()
    file.write_text(text.replace("seed = 7", "seed = 3"))
    with pytest.raises(
        RequestError, match=r"run\.toml is damaged, or was changed by hand.*first line"
    ):
        read_toml(file)
    file.write_text(text.replace("seed = 7", "seed = 3").partition("\n")[2])
    assert read_toml(file) == TABLES | {"seed": 3}, "without its checksum it is meant"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = [", b"a = " + b"[" * 5000])
def test_text_that_is_no_toml_is_one_line(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(data)
    with pytest.raises(RequestError, match=r"run\.toml cannot be read") as caught:
        read_toml(file)
    assert len(str(caught.value)) < 300 + len(str(file))


def test_every_changed_byte_of_a_json_table_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    table = {"steps": 60, "metrics": [{"name": "mmd", "value": 0.125, "n": 50}]}
    write_table(file, table)
    assert read_table(file, "x") == table
    assert json.loads(file.read_text())["metrics"] == table["metrics"], "anybody can read it"
    data = file.read_bytes()
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            found = read_table(file, "measure again")
        except RequestError as error:
            assert "metrics.json" in str(error)  # noqa: PT017
        else:
            assert {k: v for k, v in found.items() if k in table} == table
    assert read_table(tmp_path / "none.json", "x") == {}


@pytest.mark.parametrize("data", [b"[]", b"3", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_table_is_told_with_what_helps(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "metrics.json"
    file.write_bytes(data)
    with pytest.raises(RequestError, match=r"metrics\.json"):
        read_table(file, "measure again")
    file.unlink()
    file.mkdir()
    with pytest.raises(RequestError, match=r"metrics\.json.*a folder and no file"):
        read_table(file, "measure again")


def test_a_log_loses_only_its_damaged_lines(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for step in (10, 20, 30):
        add_line(file, {"step": step, "loss": 0.5})
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"step": 40, "lo')
    assert [line["step"] for line in read_lines(file)] == [10, 20, 30], "a crash says nothing"
    file.write_bytes(
        whole.replace(b'"step": 20, "loss": 0.5', b'"step": 20, "loss": 0.7')
        + b'\xff\xfe\n[]\nnull\n{"loss": 3}\n{"step": "a"}\n'
    )
    with pytest.warns(UserWarning, match=r"metrics\.jsonl: 6 of 8 lines are damaged, and left out"):
        assert [line["step"] for line in read_lines(file)] == [10, 30]
    assert read_lines(tmp_path / "none.jsonl") == []


def test_samples_come_back_and_every_changed_byte_of_them_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    x, y = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), torch.arange(3)
    data = npz_bytes(x, y)
    write_bytes(file, data)
    found, labels = read_arrays(file, "draw again")
    assert torch.equal(found, x)
    assert labels is not None
    assert torch.equal(labels, y)
    for at in range(0, len(data), 3):
        file.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        try:
            found, labels = read_arrays(file, "draw again")
        except RequestError as error:
            assert "samples.npz" in str(error)  # noqa: PT017
            assert "draw again" in str(error)  # noqa: PT017
        else:
            assert torch.equal(found, x), "times and flags of the ZIP say nothing of the samples"
            assert labels is not None
            assert torch.equal(labels, y)
    for cut in (0, 10, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:cut])
        with pytest.raises(RequestError, match="draw again"):
            read_arrays(file, "draw again")


@pytest.mark.parametrize(
    "change",
    [{"outcome": "great"}, {"stage": "cooking"}, {"done": 3}, {"skipped": 5}, {"process": []},
     {"lines": 3}, {"lines": {"metrics.jsonl": "many"}}, {"done": {"page": "x"}}],
)  # fmt: skip
def test_a_status_that_makes_no_sense_says_that_nothing_is_done(
    tmp_path: Path, change: dict[str, object]
) -> None:
    file = tmp_path / "status.json"
    write_status(file, Status("interrupted", "training", {"prior": 1.5}, ("page",)))
    found = read_status(file)
    assert (found.outcome, found.stage, found.done) == ("interrupted", "training", {"prior": 1.5})
    assert found.skipped == ("page",)
    table = read_table(file, "x")
    file.write_text(json.dumps(table | change))
    assert read_status(file) == Status()


def test_lost_lines_of_a_finished_training_are_told(tmp_path: Path) -> None:
    """A log that ends earlier, at the end of a line, looks whole: the status knows how long it was."""
    folder = RunFolder(tmp_path)
    for step in (10, 20, 30):
        folder.add_step({"step": step, "loss": 1.0})
    done = Status("done", "", {"training": 1.0}, lines=folder.logged())
    write_status(folder.status_file, done)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(folder.history()) == 3
    *kept, _, _ = folder.history_file.read_text().split("\n")
    folder.history_file.write_text("\n".join([*kept, ""]))
    with pytest.warns(UserWarning, match=r"metrics\.jsonl: 1 of 3 lines are lost, and left out"):
        assert [line["step"] for line in folder.history()] == [10, 20]
    write_status(folder.status_file, done.without("training"))  # one that goes on from a checkpoint
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(folder.history()) == 2
