"""Files of strangers write nowhere but in their place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import genlab
from genlab.guards import file_name, parsed_toml, require_name
from genlab.runs.inside import require_inside

Refused = Callable[..., str]

BAD_NAMES = ["../../evil", "/evil", "..", ".", ".hidden", "a/b", "a\\b", "a\0b", "a\nb", "x" * 300, "nul",
             "ä" * 150, " a", "a ", "a.", "-rf"]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_experiment_does_not_lead_elsewhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    text = name.encode("unicode_escape").decode().replace("\\x", "\\u00").replace("\\\\", "\\\\")
    Path("strange.toml").write_text(f'experiment = "{text}"\n', "utf-8")
    Path("series.toml").write_text(f'experiment = "{text}"\n[sweep]\nseed = [0, 1]\n', "utf-8")
    assert "experiment = " in refused("run", "strange.toml")
    assert "experiment = " in refused("sweep", "series.toml")
    if "\0" not in name:
        assert "experiment = " in refused("run", "--set", f"experiment='''{name}'''")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_becomes_a_file_is_a_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / file_name(name)
    file.write_text("it can be written")
    assert file.resolve().parent == tmp_path.resolve()
    assert len(file.name) <= 100
    assert require_name("x", file.name) == file.name


@pytest.mark.parametrize(
    "name", ["blur-8-gaussians", "progressive-x_t", "lr=0.001", "Müller (2)", "数字"]
)
def test_names_stay_as_they_are(name: str) -> None:
    assert file_name(name) == name


def test_an_experiment_of_a_run_folder_does_not_lead_elsewhere(
    stranger: Path, refused: Refused
) -> None:
    file = stranger / "run.toml"
    tables = file.read_text("utf-8").partition("\n")[2]  # without the checksum
    file.write_text('experiment = "../../evil"\n' + tables, "utf-8")
    for command in ("sample", "resume", "figures", "evaluate"):
        assert "'../../evil'" in refused(command, stranger)


def test_labels_of_a_sweep_do_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcomes = genlab.sweep({"degradation": ["../../../evil", ".."]}, out="runs/series", steps=1)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    for outcome in outcomes:
        assert outcome.job.path.resolve().parent == tmp_path / "runs" / "series"


@pytest.mark.parametrize("place", ["samples", "figures", "checkpoints", "samples/training", "metrics.jsonl",
                                   "evaluations.jsonl", "figures/deep"])  # fmt: skip
@pytest.mark.parametrize("there", ["outside", "outside/new"])
def test_nothing_is_written_through_a_link(
    place: str, there: str, stranger: Path, tmp_path: Path, refused: Refused
) -> None:
    link = stranger / place
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    target = tmp_path / there
    if link.suffix and target.is_dir():
        target = target / "precious"
    link.symlink_to(os.path.relpath(target, link.parent))
    for arguments in (
        ["resume", stranger, "--steps", "70"], ["sample", stranger, "-n", "2"], ["figures", stranger, "loss"]
    ):  # fmt: skip
        said = refused(*arguments)
        assert f"{link} is a link out of the run folder" in said


def test_a_pipe_is_not_waited_for(stranger: Path) -> None:
    file = stranger / "metrics.jsonl"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(genlab.RequestError, match=r"metrics\.jsonl is a pipe"):
        genlab.open_run(stranger)


def test_a_file_that_is_a_link_is_replaced_and_not_followed(
    stranger: Path, tmp_path: Path, command: Callable[..., object]
) -> None:
    target = tmp_path / "outside" / "precious"
    link = stranger / "figures" / "loss.png"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    command("figures", stranger, "loss")
    assert target.read_text() == "mine"
    assert link.read_bytes().startswith(b"\x89PNG")
    assert not link.is_symlink()


def test_a_run_folder_can_be_a_link_itself(stranger: Path) -> None:
    Path("link").symlink_to(stranger)
    inner = stranger / "checkpoints" / "best.safetensors"
    inner.symlink_to("last.safetensors")
    require_inside(Path("link"))
    assert genlab.open_run("link", checkpoint="best").sample(1).shape == (1, 1, 8, 8)


def test_a_long_text_is_read_in_a_time_of_its_length() -> None:
    """A pattern that goes back takes hours, beyond the limit of a test."""
    assert parsed_toml("seed = 0x" + "f" * 200)["seed"] == 16**200 - 1
    with pytest.raises(ValueError, match="digits"):
        parsed_toml("seed = 0x" + "f" * 200_000)
    words = "a b" * 60_000
    assert parsed_toml(f"x = '{words}'") == {"x": words}


def test_tables_that_lie_deep_are_refused_before_they_are_read() -> None:
    for wrong in (".".join("x" * 40) + " = 1", "[" + " . ".join('"a"' for _ in range(40)) + "]"):
        with pytest.raises(ValueError, match="more than 16 deep"):
            parsed_toml(wrong)
    assert parsed_toml("a.b.c = 1.5") == {"a": {"b": {"c": 1.5}}}
