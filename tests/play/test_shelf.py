"""The runs that the page offers, and the port that it is served on."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from genlab import RequestError, Run
from genlab_plugins.play.ports import HOST, chosen_port
from genlab_plugins.play.shelf import Shelf


def test_a_folder_of_runs(circles_run: Run, tmp_path: Path) -> None:
    shutil.copytree(circles_run.path, tmp_path / "a")
    shutil.copytree(circles_run.path, tmp_path / "deep" / "b")
    (tmp_path / "c").mkdir()
    shelf = Shelf(folder=tmp_path)
    assert sorted(place.name for place in shelf.places()) == ["a", "deep/b"]
    opened = shelf.open(shelf.place("deep/b"))
    assert opened.run is not None
    assert (opened.view, opened.problem) == ("plane", "")
    assert shelf.open(shelf.place("deep/b")).run is opened.run, "it is not opened twice"
    with pytest.raises(RequestError, match="unknown run 'x'"):
        shelf.place("x")


@pytest.mark.parametrize(
    ("run", "view"),
    [("digits_run", "images"), ("circles_run", "plane"), ("moons_flow", "flow")],
)
def test_what_can_be_shown(run: str, view: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(run).path
    shelf = Shelf([path])
    (place,) = shelf.places()
    assert place.name == path.name
    assert place.summary is not None
    assert shelf.open(place).view == view


def test_what_is_no_run_says_so(circles_run: Run, tmp_path: Path) -> None:
    shutil.copytree(circles_run.path, tmp_path / "cut")
    (tmp_path / "cut" / "run.toml").write_text("format = 2\n")
    shutil.copytree(circles_run.path, tmp_path / "lost")
    (tmp_path / "lost" / "checkpoints" / "last.safetensors").write_bytes(b"no tensors")
    (tmp_path / "foreign").mkdir()
    shelf = Shelf([tmp_path / name for name in ("cut", "lost", "foreign", "gone")])
    opened = {place.name: shelf.open(place) for place in shelf.places()}
    assert opened["cut"].run is None
    assert "run.toml" in opened["cut"].problem
    assert opened["lost"].run is not None, "its curves and settings are there"
    assert "last.safetensors" in opened["lost"].problem
    assert "no run.toml" in opened["foreign"].problem
    assert "there is no run at" in opened["gone"].problem


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    shelf = Shelf([tmp_path / "a" / "run", tmp_path / "b" / "run"])
    assert [place.name for place in shelf.places()] == ["a/run", "b/run"]
    with pytest.raises(RequestError, match="twice"):
        Shelf([tmp_path / "a", tmp_path / "b" / ".." / "a"]).places()


def test_a_run_is_opened_anew_when_it_has_trained_on(circles_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(circles_run.path, path)
    shelf = Shelf([path])
    (place,) = shelf.places()
    before = shelf.open(place).run
    shutil.copyfile(path / "checkpoints" / "last.safetensors", path / "checkpoints" / "new")
    assert shelf.open(place).run is not before


def test_ports() -> None:
    free = chosen_port(0)
    assert 0 < free < 65536
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RequestError, match=f"--port {port} is taken"):
            chosen_port(port)
    with pytest.raises(RequestError, match="--port 70000: a port is a number from 0 to 65535"):
        chosen_port(70000)
    assert 8420 <= chosen_port(None) < 65536
