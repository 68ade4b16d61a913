"""Classes whose names are numbers of others: what Python and the command line make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genlab

NAMES = ("1", "2", "3")


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A run on folders that are called 1, 2 and 3, so that 1 is a name, and the number of "2"."""
    folder = tmp_path_factory.mktemp("numbered")
    for level, name in enumerate(NAMES):
        (folder / "d" / name).mkdir(parents=True)
        for i in range(8):
            pixels = np.full((8, 8), 100 * level + i, np.uint8)
            Image.fromarray(pixels).save(folder / "d" / name / f"{i}.png")
    return genlab.run(
        dataset={"name": "image-folder", "path": str(folder / "d"), "test_share": 0.5}, steps=1,
        backbone={"name": "unet", "channels": [8]}, out=folder / "run", measure=False, draw=False,
        set={"training.conditional": True, "sampling.count": 3, "sampling.steps": 1, "training.batch": 4},
    )  # fmt: skip


def test_an_int_is_a_number_in_python(numbered: genlab.Run) -> None:
    assert numbered.spec.names == NAMES
    labels = numbered.model.labels(3, [0, 1, 2])
    assert labels is not None
    assert labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("word", "label"), [("name:1", 0), ("index:1", 1), ("3", 2), ("0", 0)])
def test_a_word_of_the_command_line(
    numbered: genlab.Run, tmp_path: Path, command: Callable[..., Any], word: str, label: int
) -> None:
    out = tmp_path / "x.npz"
    assert command("sample", numbered.path, "-n", 2, "--label", word, "--out", out).status == 0
    with np.load(out) as found:
        assert found["y"].tolist() == [label] * 2
    path = tmp_path / "path.npz"
    given = ("--from", word, "--to", "name:2", "--points", 2, "--pairs", 1, "--out", path)
    assert command("interpolate", numbered.path, *given).status == 0
    option = f'labels=["{word}"]'
    picture = tmp_path / "x.png"
    said = command("figures", numbered.path, "samples", "--set", option, "--out", picture)
    assert said.status == 0


@pytest.mark.parametrize("word", ["1", "2"])
def test_a_word_that_means_two_classes_is_refused(
    numbered: genlab.Run, command: Callable[..., Any], word: str
) -> None:
    for given in (
        ("sample", numbered.path, "-n", 2, "--label", word),
        ("interpolate", numbered.path, "--from", word, "--to", "3"),
        ("figures", numbered.path, "samples", "--set", f'labels=["{word}"]'),
    ):
        said = command(*given)
        assert said.status == 2
        assert f"write name:{word} or index:{word}" in said.err.replace("\n", " ")
