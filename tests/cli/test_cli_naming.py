"""Files that nobody has named: two different calls never overwrite each other in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import strategies
from PIL import Image

import genlab
from genlab.cli.naming import called_with, distinct_names, word_of
from genlab.runs.start import start_run
from genlab.testing import Fade
from genlab.testing.tiny import Perceptron

DIFFERING = [
    {}, {"--seed": 1}, {"-n": 5}, {"--steps": 3}, {"--sampler": "naive"}, {"--guidance": 2.0},
    {"--label": "0"}, {"--label": "1"}, {"--label": "0", "--steps": 3},
]  # fmt: skip


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A run of small images with two classes."""
    x = torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    request = {
        "dataset": genlab.ArrayDataset(x=x, y=torch.arange(20) % 2),
        "degradation": Fade(), "backbone": Perceptron, "sampler": "cold", "metrics": [],
        "training": {"steps": 2, "batch": 4, "conditional": True}, "sampling": {"count": 4, "steps": 2},
    }  # fmt: skip
    out = tmp_path_factory.mktemp("runs") / "tiny"
    return start_run(request, out=out, skip=["measuring", "drawing", "page"])


@pytest.fixture
def cli(
    tiny_run: genlab.Run, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Commands that open the run with its objects."""
    from genlab import api

    monkeypatch.setattr(api, "open_run", lambda *_, **__: tiny_run)
    return command


def written(said: Any) -> list[Path]:
    assert said.status == 0, said.err
    return [Path(line.rpartition(" samples: ")[2]) for line in said.out.splitlines()]


def test_calls_of_sample_that_differ_write_files_that_differ(
    cli: Callable[..., Any], tiny_run: genlab.Run
) -> None:
    files = []
    for options in DIFFERING:
        given = [word for pair in {"-n": 4, **options}.items() for word in pair]
        (file,) = written(cli("sample", tiny_run.path, *given))
        assert file.parent == tiny_run.path / "samples"
        files.append(file)
    assert len(set(files)) == len(DIFFERING)
    assert files[0].name == "sample-4-seed-0.png"
    usual = ("--sampler", "cold", "--steps", 2, "--guidance", 1.0)
    assert written(cli("sample", tiny_run.path, "-n", 4, *usual)) == files[:1], (
        "it asks for the same"
    )


def test_calls_of_interpolate_that_differ_write_files_that_differ(
    cli: Callable[..., Any], tiny_run: genlab.Run
) -> None:
    found = []
    for options in (
        (),
        ("--points", 3),
        ("--t", 0.3),
        ("--seed", 1),
        ("--steps", 3),
        ("--pairs", 1),
        ("--uniform",),
    ):
        ends = ("--from", "0", "--to", "1")
        found += written(cli("interpolate", tiny_run.path, *ends, *options))
    found += written(cli("interpolate", tiny_run.path, "--from", "1", "--to", "0"))
    assert len(set(found)) == len(found) == 16


def test_pictures_of_one_name_are_restored_into_files_of_their_own(
    cli: Callable[..., Any], tiny_run: genlab.Run, tmp_path: Path
) -> None:
    given = [tmp_path / each for each in ("a/x.png", "b/x.png", "a/X.PNG", "b/y.png", "b/y.jpg")]
    for file in given:
        file.parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4), 100).save(file)
    for number in range(2):  # the second call leaves what the first has written
        said = cli("restore", tiny_run.path, *given, "--method", "direct", "--t", 0.5)
        *each, figure = written(said)
        assert len({file.name.lower() for file in each}) == len(given)
        assert all(file.is_file() and file.parent == figure.parent for file in each)
        assert figure.parent.name == ("restored" if number == 0 else "restored-001")


@hypothesis.given(
    strategies.lists(
        strategies.lists(strategies.sampled_from(["a", "b", "A", "a-b"]), min_size=1, max_size=3),
        max_size=6,
    )
)
def test_names_of_files_are_distinct_whatever_their_folders(paths: list[list[str]]) -> None:
    names = distinct_names([Path(*parts).with_suffix(".png") for parts in paths])
    assert len({name.lower() for name in names}) == len(paths)
    assert all("/" not in name for name in names)
    stems = [parts[-1].lower() for parts in paths]
    if len(set(stems)) == len(stems):
        assert names == [parts[-1] for parts in paths]


def test_what_is_usual_stands_in_no_name() -> None:
    assert (
        called_with({"steps": 3, "sampler": None, "means": False}, {"steps": 3, "means": False})
        == ""
    )
    assert (
        called_with({"steps": 4, "means": True}, {"steps": 3, "means": False}) == "-steps-4-means"
    )
    assert word_of("cat") == "cat"
    assert len({word_of(text) for text in ("a/b", "a-b", "a:b", "../a-b")}) == 4
