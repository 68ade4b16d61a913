"""Runs side by side."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab.errors import RequestError
from genlab.report.comparison import write_comparison
from genlab.report.figures.comparison import Degraded, bars, degradations, side_by_side
from genlab.report.figures.files import figure_bytes


def test_a_row_is_an_example_at_several_times_and_samples() -> None:
    states = torch.linspace(-1, 1, 3).reshape(3, 1, 1, 1).expand(3, 1, 8, 8)
    rows = [Degraded(name, states, -torch.ones(2, 1, 8, 8)) for name in ("blur", "ink")]
    figure = degradations(rows, (0.0, 0.5, 1.0))
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["blur", "ink"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["t = 0", "t = 0.5", "t = 1"]
    pixels = np.asarray(left.images[0].get_array())[..., 0]
    assert (pixels[5, 5], pixels[5, -5]) == (0, 255)
    assert np.asarray(right.images[0].get_array())[5, 5, 0] == 0
    with pytest.raises(RequestError):
        degradations([], (0.0, 1.0))


def test_two_runs_of_one_name_have_a_bar_each() -> None:
    rows = [{"run": "a", "kernel": 1.0, "frechet": None}, {"run": "a", "kernel": 3.0, "frechet": 2}]
    left, right = bars(["kernel", "frechet"], rows).axes
    assert [patch.get_width() for patch in left.patches] == [1, 3]
    assert np.isnan(right.patches[0].get_width())
    assert left.patches[0].get_y() < left.patches[1].get_y()
    assert left.yaxis_inverted(), "the first run is at the top"
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "a"]
    with pytest.raises(RequestError, match="no numbers"):
        bars([], rows)


@pytest.mark.parametrize("data", ["digits", "moons", "series", "volumes"])
def test_samples_of_every_kind_stand_side_by_side(make_run: Any, data: str) -> None:
    run = make_run(data)
    x = run.samples(12)[0]
    figure = side_by_side([("Tall", x), ("Titles", x.flip(0)), ("Third", x)], run.spec)
    with Image.open(io.BytesIO(figure_bytes(figure))) as image:
        assert (np.asarray(image.convert("L"))[[0, -1]] > 250).all(), "a title is cut off"
    left, right, _ = figure.axes
    assert (left.get_title(), right.get_title()) == ("Tall", "Titles")
    assert left.get_xlim() == right.get_xlim()
    if data == "moons":
        offsets = [np.asarray(ax.collections[0].get_offsets()) for ax in (left, right)]
        np.testing.assert_allclose(offsets[0], offsets[1][::-1])
        wide = side_by_side([("near", x), ("far", 5 * x)], run.spec).axes
        assert wide[0].get_xlim() == wide[1].get_xlim()
        assert wide[1].get_xlim()[1] > 5 * float(x.max()) * 0.9, "all runs are in the picture"
    elif data == "series":
        first, last = (ax.collections[0].get_segments() for ax in (left, right))
        shift = np.asarray(last[-1]) - np.asarray(first[0])
        np.testing.assert_allclose(shift, np.broadcast_to([2, -3], shift.shape), atol=1e-9)
    else:
        one, other = (np.asarray(ax.images[0].get_array()) for ax in (left, right))
        size = (one.shape[0] + 4) // 2 - 4, (one.shape[1] + 4) // 6 - 4
        np.testing.assert_array_equal(one[: size[0], : size[1]], other[-size[0] :, -size[1] :])
        assert (one != other).any()
    with pytest.raises(RequestError, match="no runs"):
        side_by_side([], run.spec)


def names_in(files: list[Path], folder: Path) -> list[str]:
    assert all(file.is_file() and file.parent == folder for file in files)
    return [file.name for file in files]


def test_a_comparison_is_a_table_and_figures(make_run: Any, tmp_path: Path) -> None:
    names = ["frechet", "kernel"]
    rows = [
        {"run": run, "data": "digits", "made of": run, "steps": 9, "training_s": 2.5, "frechet": value,
         "kernel": None}
        for run, value in (("blur", 1.5), ("noise", 0.5))
    ]  # fmt: skip
    noise = make_run("digits")
    files = write_comparison([("blur", noise), ("noise", noise)], names, rows, tmp_path)
    assert names_in(files, tmp_path) == [
        "comparison.csv", "numbers.png", "samples.png", "degradations.png"
    ]  # fmt: skip
    with (tmp_path / "comparison.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [row["frechet"] for row in read] == ["1.5", "0.5"]

    mixed = [("noise", noise), ("flow", make_run("digits", "flow"))]
    files = write_comparison(mixed, names, rows, tmp_path / "mixed")
    assert names_in(files, tmp_path / "mixed") == ["comparison.csv", "numbers.png", "samples.png"]

    apart = [("noise", noise), ("points", make_run("moons"))]
    files = write_comparison(apart, names, rows, tmp_path / "apart")
    assert names_in(files, tmp_path / "apart") == ["comparison.csv", "numbers.png"]


def test_the_samples_of_a_comparison_are_those_of_the_seed(make_run: Any, tmp_path: Path) -> None:
    rows = [{"run": "a", "kernel": 1.0}]
    run = make_run("digits", "flow")
    drawn = []
    for k, seed in enumerate((0, 0, 1)):
        (*_, file) = write_comparison([("a", run)], ["kernel"], rows, tmp_path / str(k), seed=seed)
        drawn.append(file.read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]
    assert isinstance(run.model, genlab.DensityModel)
