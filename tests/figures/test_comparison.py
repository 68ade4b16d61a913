"""Runs side by side."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab.errors import RequestError
from genlab.evaluation.comparison import Compared, Number
from genlab.report.comparison import Comparison, comparison
from genlab.report.comparison_files import write_comparison
from genlab.report.figures.comparison import (
    Curves,
    Degraded,
    bars,
    curves,
    degradations,
    side_by_side,
)
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


def number(
    name: str, *values: float | None, how: dict[str, Any] | None = None, **more: Any
) -> Number:
    records = [None if v is None else {"name": name, "value": v, **more} for v in values]
    return Number(name, how or {}, tuple(records))


def test_two_runs_of_one_name_have_a_bar_each() -> None:
    figure = bars(["a", "a"], [number("kernel", 1.0, 3.0), number("frechet", None, 2.0)])
    left, right = figure.axes
    assert [patch.get_width() for patch in left.patches] == [1, 3]
    assert [patch.get_width() for patch in right.patches] == [2]
    assert left.patches[0].get_y() < left.patches[1].get_y() == right.patches[0].get_y()
    assert left.yaxis_inverted(), "the first run is at the top"
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "a"]
    with pytest.raises(RequestError, match="no numbers"):
        bars([], [])


def test_bars_have_intervals_and_baselines() -> None:
    given = number("kernel", 1.0, interval=[0.75, 1.5], baseline=0.25)
    ax, _ = bars(["a"], [given, number("frechet", 1.0)]).axes
    marks, whiskers = sorted(
        (np.asarray(c.get_segments()[0]) for c in ax.collections), key=lambda s: np.ptp(s[:, 0])
    )
    np.testing.assert_allclose(whiskers[:, 0], [0.75, 1.5])
    np.testing.assert_allclose(marks, [[0.25, -0.4], [0.25, 0.4]])
    shown = bars(["a"], [number("f", 2.0, how={"sampler": "ddim"}), given]).axes
    assert [ax.get_title() for ax in shown] == ["kernel"], "what was measured besides is left out"


def trained(name: str, kind: str = "denoising", scale: float = 1.0, watched: bool = True) -> Curves:
    steps = range(10, 210, 10)
    return Curves(
        name, kind, [{"step": s, "loss": scale / s} for s in steps],
        [{"step": s, "values": {"frechet": scale * s, "kernel": 1.0}, "baselines": {"frechet": 7.0}}
         for s in (100, 200)] if watched else [],
    )  # fmt: skip


def test_curves_lie_over_each_other() -> None:
    figure = curves([trained("a"), trained("b", scale=2.0), trained("b", scale=3.0)])
    assert figure is not None
    losses, frechet, _ = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["loss, running median", "frechet", "kernel"]
    for scale, line in zip((1.0, 2.0, 3.0), losses.lines, strict=True):
        np.testing.assert_allclose(line.get_ydata(), scale / np.asarray(line.get_xdata()), rtol=0.3)
    assert losses.get_yscale() == "log"
    *lines, dashed = frechet.lines
    assert [list(line.get_ydata()) for line in lines] == [[100, 200], [200, 400], [300, 600]]
    assert list(dashed.get_ydata()) == [7.0, 7.0]
    colours = [line.get_color() for line in lines]
    assert colours == [line.get_color() for line in losses.lines]
    assert colours[0] != colours[1] == colours[2], "runs of one name share a colour"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    assert [line.get_color() for line in legend.get_lines()] == colours[:2]


def test_losses_of_another_kind_have_a_panel_of_their_own() -> None:
    given = [trained("a", watched=False), trained("b", "likelihood", watched=False)]
    figure = curves([*given, Curves("fitted", "")])
    assert figure is not None
    assert [ax.get_title() for ax in figure.axes] == [
        "loss (denoising), running median", "loss (likelihood), running median"
    ]  # fmt: skip
    assert [len(ax.lines) for ax in figure.axes] == [1, 1]
    assert curves([Curves("fitted", "")]) is None


@pytest.mark.parametrize("count", [1, 3, 14])
def test_no_words_of_the_curves_overlap(count: int) -> None:
    """As they are drawn: legend, titles, labels of ticks and the line below."""
    figure = curves([trained(f"a-long-name-of-run-{i}", watched=count > 1) for i in range(count)])
    assert figure is not None
    figure_bytes(figure)
    (legend,) = figure.legends
    texts = [*legend.get_texts(), *(t for t in figure.texts if t.get_text())]
    for ax in (ax for ax in figure.axes if ax.axison):
        texts.append(ax.title)
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    whole = figure.bbox
    assert all(
        b.x0 >= whole.x0 and b.x1 <= whole.x1 and b.y0 >= 0 and b.y1 <= whole.y1 for b in boxes
    )
    apart = [
        (a.get_text(), b.get_text())
        for i, a in enumerate(texts)
        for b in texts[:i]
        if a.get_text() and b.get_text() and a.get_window_extent().overlaps(b.get_window_extent())
    ]
    assert not apart


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


def names_in(files: Iterable[Path], folder: Path) -> list[str]:
    assert all(file.is_file() and file.parent == folder for file in files)
    return [file.name for file in files]


def compared(*names: str, **more: Any) -> Comparison:
    records = [{"name": "frechet", "value": 1.5 - i, "n": 9, **more} for i in range(len(names))]
    runs = [
        Compared(name, name, {"dataset": {"name": "digits"}, "seed": i},
                 {"steps": 9, "seconds": {"training": 2.5}, "metrics": [record]})
        for i, (name, record) in enumerate(zip(names, records, strict=True))
    ]  # fmt: skip
    return comparison(runs)


def test_a_comparison_is_a_table_and_figures(make_run: Any, tmp_path: Path) -> None:
    noise = make_run("digits")
    found = write_comparison(
        compared("blur", "noise", interval=[0.25, 2.0]), [noise, noise], tmp_path
    )
    assert names_in(found.files, tmp_path) == [
        "comparison.csv", "numbers.png", "curves.png", "samples.png", "degradations.png"
    ]  # fmt: skip
    with (tmp_path / "comparison.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [row["run"] for row in read] == ["blur", "noise"]
    assert [row["frechet"] for row in read] == ["1.5", "0.5"]
    assert (read[0]["frechet low"], read[0]["frechet high"]) == ("0.25", "2.0")
    assert (read[0]["data"], read[0]["made of"], read[0]["steps"]) == ("digits", "blur", "9")
    assert read[0]["training_s"] == "2.5"

    bare = {"history": (), "evaluations": ()}
    mixed = [make_run("digits", **bare), make_run("digits", "flow", **bare)]
    found = write_comparison(compared("noise", "flow"), mixed, tmp_path / "mixed")
    assert "degradations.png" not in names_in(found.files, tmp_path / "mixed")

    points = make_run("moons", **bare)
    found = write_comparison(compared("noise", "points"), [points, noise], tmp_path / "apart")
    assert names_in(found.files, tmp_path / "apart") == [
        "comparison.csv", "numbers.png", "curves.png"
    ]  # fmt: skip
    found = write_comparison(compared("one", "other"), [points, points], tmp_path / "bare")
    assert "curves.png" not in names_in(found.files, tmp_path / "bare")


def test_a_comparison_is_shown_in_a_notebook_and_as_plain_values(
    make_run: Any, tmp_path: Path
) -> None:
    run = make_run("moons")
    found = write_comparison(
        compared("<one>", "two", interval=[0.25, 2.0], baseline=0.125), [run, run], tmp_path
    )
    html = found._repr_html_()
    for shown in ("&lt;one&gt;", "0.25 to 2", "0.125", "seed", "data:image/png"):
        assert shown in html
    flat = json.loads(json.dumps(found.flat()))
    assert flat["compared"] == ["<one>", "two"]
    assert flat["settings"] == {"seed": [0, 1]}
    assert flat["numbers"][0]["records"][1]["value"] == 0.5
    assert flat["warnings"] == list(found.warnings) == []
    assert "one" in repr(found)
    over = comparison(found.runs, over="seed")
    assert over.flat()["groups"] == [{"name": "<one>", "runs": ["<one>", "two"], "values": [0, 1]}]
    assert over.flat()["numbers"][0]["records"][0]["range"] == [0.5, 1.5]
    assert "1 (mean of 2)" in over._repr_html_()
    (row,) = csv.DictReader(io.StringIO(over.csv()))
    assert (row["frechet"], row["frechet runs"], row["frechet min"]) == ("1.0", "2", "0.5")


def test_runs_that_cannot_be_sampled_are_compared_all_the_same(
    make_run: Any, tmp_path: Path
) -> None:
    class Lost:
        """Has numbers, and neither samples nor a model."""

        spec, history, evaluations = make_run("moons").spec, (), ()

        def samples(self, n: int) -> Any:
            raise RequestError("the backbone has to be handed in")

    found = write_comparison(compared("a", "b"), [Lost(), Lost()], tmp_path)  # type: ignore[list-item]
    assert names_in(found.files, tmp_path) == ["comparison.csv", "numbers.png"]
    assert found.warnings == ("no figure of samples: the backbone has to be handed in",)


def test_the_samples_of_a_comparison_are_those_that_runs_have_left(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model is asked for any."""
    run = make_run("digits", "flow", history=(), evaluations=())
    drawn = []
    for value in (-1.0, -1.0, 1.0):
        left = torch.full((40, 1, 8, 8), value)
        monkeypatch.setattr(run, "samples", lambda n, left=left: (left[:n], None), raising=False)
        monkeypatch.setattr(type(run.model), "sample", None)
        found = write_comparison(compared("a"), [run], tmp_path / str(len(drawn)))
        (file,) = (file for file in found.files if file.name == "samples.png")
        drawn.append(file.read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


def test_of_very_many_runs_there_is_a_table_and_no_picture(make_run: Any, tmp_path: Path) -> None:
    names = [str(i) for i in range(51)]
    found = write_comparison(compared(*names), [make_run("moons")] * len(names), tmp_path)
    assert names_in(found.files, tmp_path) == ["comparison.csv"]
    assert "51 are compared, and a figure has room for 50" in found.warnings[-1]
    assert len((tmp_path / "comparison.csv").read_text().splitlines()) == 52


def test_the_samples_of_a_comparison_are_those_of_the_seed(make_run: Any, tmp_path: Path) -> None:
    run = make_run("digits", "flow", history=(), evaluations=())
    drawn = []
    for k, seed in enumerate((0, 0, 1)):
        found = write_comparison(compared("a"), [run], tmp_path / str(k), seed=seed)
        (file,) = (file for file in found.files if file.name == "samples.png")
        drawn.append(file.read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]
    assert isinstance(run.model, genlab.DensityModel)
