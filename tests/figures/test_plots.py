"""The figures: what they hold is read back from their axes."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from torch import Tensor

from genlab import DataSpec, Step
from genlab.errors import RequestError
from genlab.report.figures.best_and_worst import Ranked, ranked
from genlab.report.figures.calibration import calibration
from genlab.report.figures.classification import classification
from genlab.report.figures.confusion import confusion
from genlab.report.figures.density import density
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.forward import forward
from genlab.report.figures.images import tile, to_uint8
from genlab.report.figures.interpolation import interpolation
from genlab.report.figures.lines import line_limits
from genlab.report.figures.loss import loss, loss_curve, running_median
from genlab.report.figures.panels import PAD, enlargement, mosaic_figure, spread
from genlab.report.figures.progressive import progressive
from genlab.report.figures.quality import quality
from genlab.report.figures.restoration import restoration
from genlab.report.figures.samples import samples
from genlab.report.figures.samples_over_training import samples_over_training
from genlab.report.figures.steps import measured_over_steps, over_steps
from genlab.report.figures.strips import time_labels
from genlab.report.figures.style import text_width
from genlab.report.figures.trajectory import Drift, drift

POINTS = DataSpec((2,), "vector", 2, ("in", "out"))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def images(n: int, c: int = 1, side: int = 8) -> Tensor:
    return torch.rand((n, c, side, side), generator=generator()) * 2 - 1


def spec(c: int = 1, side: int = 8) -> DataSpec:
    return DataSpec((c, side, side), "image", 3, ("cat", "dog", "automobile"))


def shown(ax: Axes) -> np.ndarray:
    """Return the pixels that are shown, of one channel where they are grey."""
    pixels = np.asarray(ax.images[0].get_array())
    return pixels[..., 0] if (pixels == pixels[..., :1]).all() else pixels


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def offsets(ax: Axes) -> np.ndarray:
    return np.asarray(ax.collections[0].get_offsets())


# -- samples -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("c", "side"), [(1, 8), (3, 32), (4, 8), (2, 28), (6, 5)])
def test_a_grid_holds_the_samples(c: int, side: int) -> None:
    x = images(7, c, side)
    (ax,) = samples(x, spec(c, side)).axes
    wanted = tile(x, columns=3, pad=PAD, scale=enlargement((side, side), 3))
    np.testing.assert_array_equal(shown(ax), wanted)


def test_a_pixel_of_the_mosaic_is_a_dot_of_the_picture() -> None:
    figure = samples(images(5), spec())
    ax = figure.axes[0]
    box = ax.get_position().bounds * np.tile(figure.get_size_inches() * figure.dpi, 2)
    height, width = shown(ax).shape
    np.testing.assert_allclose(box, [PAD, PAD, width, height], atol=1e-6)
    assert ax.images[0].get_interpolation() == "nearest"


@pytest.mark.xfail(
    tuple(map(int, matplotlib.__version__.split(".")[:2])) < (3, 11),
    reason="older versions move pixels where a picture is drawn one to one",
    strict=False,
)
def test_the_drawn_png_has_the_very_pixels() -> None:
    figure = samples(images(4), spec())
    with Image.open(io.BytesIO(figure_bytes(figure))) as image:
        drawn = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(drawn[PAD:-PAD, PAD:-PAD], shown(figure.axes[0]))


def test_balanced_classes_are_rows() -> None:
    x, y = images(6), torch.tensor([2, 0, 2, 0, 2, 0])
    (ax,) = samples(x, spec(), y=y).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "automobile"]
    wanted = tile(x[[1, 3, 5, 0, 2, 4]], 3, PAD, enlargement((8, 8), 3))
    np.testing.assert_array_equal(shown(ax), wanted)


def test_unbalanced_classes_are_captions() -> None:
    y = torch.tensor([0, 1, 2, -1, 7])
    figure = samples(images(5), spec(), y=y)
    assert texts(figure) == ["cat", "dog", "automobile", "", "7"]


def test_images_stand_beside_their_reference() -> None:
    x, real = images(4), -images(9)
    left, right = samples(x, spec(), reference=real).axes
    assert (left.get_title(), right.get_title()) == ("samples", "data")
    scale = enlargement((8, 8), 4)
    np.testing.assert_array_equal(shown(left), tile(x, 2, PAD, scale))
    np.testing.assert_array_equal(shown(right), tile(real[:4], 2, PAD, scale))


def test_points_stand_beside_their_reference_on_the_same_axes() -> None:
    x, real = torch.randn(80, 2, generator=generator()), torch.rand((50, 2), generator=generator())
    left, right = samples(x, POINTS, reference=real).axes
    np.testing.assert_allclose(offsets(left), x.numpy())
    np.testing.assert_allclose(offsets(right), real.numpy())
    assert left.get_xlim() == left.get_ylim() == right.get_xlim() == right.get_ylim()
    assert -0.2 < left.get_xlim()[0] < 0.05, "the reference sets the limits"
    low, high = left.get_xlim()
    outside = int(((x < low) | (x > high)).any(dim=1).sum())
    assert left.get_title() == f"80 samples, {outside} outside"


def test_limits_are_kept() -> None:
    (ax,) = samples(torch.zeros(3, 2), POINTS, limits=(-2, 2)).axes
    assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
    assert ax.get_aspect() == 1


def test_points_carry_the_colour_of_their_class() -> None:
    x = torch.tensor([[0.0, 0.0], [torch.nan, 0.0], [1.0, 1.0], [0.5, 0.5]])
    (ax,) = samples(x, POINTS, y=torch.tensor([0, 0, 1, 1])).axes
    colours = ax.collections[0].get_facecolors()
    assert len(colours) == 3, "what is no number is not drawn"
    assert not np.allclose(colours[0], colours[1])
    np.testing.assert_array_equal(colours[1], colours[2])
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["in", "out"]


def test_of_many_coordinates_two_are_shown_and_it_is_said() -> None:
    figure = samples(torch.randn(20, 5, generator=generator()), DataSpec((5,), "vector"))
    assert figure.get_supxlabel() == "first 2 of 5 coordinates"


def test_numbers_make_a_histogram() -> None:
    figure = samples(torch.randn(200, 1, generator=generator()), DataSpec((1,), "vector"))
    assert len(figure.axes[0].patches) == 60
    assert figure_bytes(figure)


def test_samples_that_are_all_nan_are_still_a_figure() -> None:
    figure = samples(torch.full((4, 2), torch.nan), POINTS)
    assert figure.axes[0].get_title() == "4 samples, 4 outside"


def test_labels_must_match_and_nothing_is_no_figure() -> None:
    with pytest.raises(RequestError, match="4 samples but 3 labels"):
        samples(images(4), spec(), y=torch.zeros(3))
    with pytest.raises(RequestError, match="no samples"):
        samples(images(0), spec())


def test_of_a_volume_the_middle_slice_is_shown_and_it_is_said() -> None:
    x = torch.stack([images(2, 1, 6) for _ in range(5)], 2) * torch.linspace(0, 1, 5)[:, None, None]
    figure = samples(x, DataSpec((1, 5, 6, 6), "volume"))
    wanted = tile(x[:, :, 2], columns=2, pad=PAD, scale=enlargement((6, 6), 2))
    np.testing.assert_array_equal(shown(figure.axes[0]), wanted)
    assert [text.get_text() for text in figure.texts] == ["the middle slice of each volume"]
    beside = samples(x, DataSpec((1, 5, 6, 6), "volume"), reference=x)
    np.testing.assert_array_equal(shown(beside.axes[0]), shown(beside.axes[1]))


def test_series_are_lines_in_cells_of_one_height() -> None:
    x = torch.linspace(-1, 1, 5).expand(3, 2, 5) * torch.tensor([1.0, -0.5])[:, None]
    x[2, 1, 2] = torch.nan
    figure = samples(x, DataSpec((2, 5), "series"), limits=(-1, 1), columns=2)
    (ax,) = figure.axes
    rising, falling = (lines.get_segments() for lines in ax.collections)
    assert len(rising) == len(falling) == 4, "a cell that is left over has an empty line"
    first = np.asarray(rising[0])
    np.testing.assert_allclose(first[:, 0], np.linspace(0.06, 0.94, 5))
    np.testing.assert_allclose(first[:, 1], np.linspace(1.06, 1.94, 5))
    third = np.asarray(rising[2])
    np.testing.assert_allclose(third[:, 1], np.linspace(0.06, 0.94, 5))
    assert figure.get_supxlabel() == "5 points of 2 channels, from −1 to 1"
    assert not np.allclose(ax.collections[0].get_color(), ax.collections[1].get_color())
    assert figure_bytes(figure)


def test_series_stand_beside_data_whose_range_is_theirs() -> None:
    x, real = 3 * torch.ones(2, 1, 4), torch.linspace(0, 1, 8).reshape(2, 1, 4)
    figure = samples(x, DataSpec((1, 4), "series"), reference=real)
    assert [ax.get_title() for ax in figure.axes] == ["samples", "data"]
    low, high = line_limits(real)
    assert -0.1 < low < 0 < 1 < high < 1.1
    outside = np.asarray(figure.axes[0].collections[0].get_segments()[0])
    np.testing.assert_allclose(outside[:, 1], 0.94)
    assert line_limits(torch.full((2, 2), torch.nan)) == (-1, 1)


# -- forward and progressive -------------------------------------------------------------------


def trajectory(n: int, states: int, shape: tuple[int, ...]) -> list[Step]:
    g = generator()
    times = torch.linspace(1, 0, states).tolist()
    return [
        Step(t, torch.rand((n, *shape), generator=g), torch.rand((n, *shape), generator=g))
        for t in times
    ]


def cell(ax: Axes, row: int, column: int, side: int, columns: int) -> np.ndarray:
    """Return one image of a strip, at its own size."""
    scale = enlargement((side, side), columns)
    step = scale * side + PAD
    top, left = row * step, column * step
    return shown(ax)[top : top + scale * side : scale, left : left + scale * side : scale]


def labels_above(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_xticklabels()]


def test_a_forward_strip_has_examples_as_rows_and_times_as_columns() -> None:
    x_t, times = [images(3) * (1 - 0.2 * i) for i in range(4)], [0, 0.25, 0.5, 1]
    (ax,) = forward(x_t, times, spec()).axes
    assert labels_above(ax) == ["t = 0", "t = 0.25", "t = 0.5", "t = 1"]
    for row in range(3):
        for column in range(4):
            wanted = to_uint8(x_t[column])[row, ..., 0]
            np.testing.assert_array_equal(cell(ax, row, column, 8, 4), wanted)


def test_labels_stand_over_the_middle_of_their_columns() -> None:
    (ax,) = forward([images(2)] * 4, [0, 0.1, 0.2, 1], spec()).axes
    scale = enlargement((8, 8), 4)
    middles = [i * (8 * scale + PAD) + 4 * scale - 0.5 for i in range(4)]
    np.testing.assert_allclose(ax.get_xticks(), middles)


def test_arrows_of_the_drift_are_where_and_what_was_measured() -> None:
    at, arrows = torch.randn(2, 9, 2, generator=generator())
    x = torch.zeros(4, 2)
    figure = drift([Drift(t, x, x, at, arrows * (1 + t)) for t in (0.0, 1.0)])
    for ax, scale in zip(figure.axes[4:6], (1, 2), strict=True):
        (field,) = ax.collections
        np.testing.assert_allclose(field.get_offsets(), at)
        np.testing.assert_allclose(np.stack([field.U, field.V], 1), scale * arrows, rtol=1e-6)


def test_a_long_note_lies_within_the_picture() -> None:
    """Of a picture that is narrower than the note alone, with a margin on either side."""
    note = "a note that is much longer than the picture above it is wide, which it has to be anyway"
    pixels = tile(images(1), 1, PAD, 1)
    figure, _ = mosaic_figure([pixels], note=note)
    (text,) = [t for t in figure.findobj(Text) if t.get_text() == note]
    box, width = text.get_window_extent(), figure.bbox.width
    assert box.x0 >= PAD - 1
    assert box.x1 <= width - PAD + 1


def test_forward_points_have_one_panel_per_time() -> None:
    x_t = [torch.randn(30, 2, generator=generator()) * (1 + i) for i in range(8)]
    figure = forward(x_t, [i / 7 for i in range(8)], POINTS)
    panels = [ax for ax in figure.axes if ax.collections]
    assert [ax.get_title() for ax in panels][::7] == ["t = 0", "t = 1"]
    for ax, x in zip(panels, x_t, strict=True):
        np.testing.assert_allclose(offsets(ax), x.numpy())
    assert len({ax.get_xlim() for ax in panels}) == 1


def test_states_and_times_must_match() -> None:
    with pytest.raises(RequestError, match="2 states, 1 times"):
        forward([images(1)] * 2, [0], spec())


@pytest.mark.parametrize("show", ["estimate", "x_t"])
def test_progressive_ends_with_the_result(show: str) -> None:
    states = trajectory(3, 51, (1, 8, 8))
    (ax,) = progressive(states, spec(), show=show).axes  # type: ignore[arg-type]
    labels = labels_above(ax)
    assert len(labels) == 11
    assert (labels[0], labels[5], labels[-1]) == ("t = 1", "t = 0.5", "t = 0")
    first = states[0].estimate if show == "estimate" else states[0].x_t
    np.testing.assert_array_equal(cell(ax, 1, 0, 8, 11), to_uint8(first)[1, ..., 0])
    np.testing.assert_array_equal(cell(ax, 2, 10, 8, 11), to_uint8(states[-1].x_t)[2, ..., 0])
    assert ax.get_ylabel() == {"estimate": r"$\hat{x}_0$", "x_t": "$x_t$"}[show]


def test_progressive_shows_a_short_walk_whole() -> None:
    (ax,) = progressive(trajectory(20, 4, (3, 8, 8)), spec(3)).axes
    assert len(labels_above(ax)) == 4
    scale = enlargement((8, 8), 4)
    assert shown(ax).shape[0] == 8 * (8 * scale + PAD) - PAD, "eight rows at most"


def test_progressive_points_have_one_panel_per_time() -> None:
    figure = progressive(trajectory(30, 21, (2,)), POINTS)
    titles = [ax.get_title() for ax in figure.axes if ax.collections]
    assert (len(titles), titles[0], titles[-1]) == (11, "t = 1", "t = 0")


def test_a_wrong_trajectory_is_refused() -> None:
    with pytest.raises(RequestError, match="empty"):
        progressive([], spec())
    with pytest.raises(RequestError, match="Did you mean 'estimate'"):
        progressive(trajectory(1, 2, (2,)), POINTS, show="estimates")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["series", "volume"])
def test_series_and_volumes_have_a_row_per_example_and_a_column_per_time(kind: Any) -> None:
    shape = (2, 16) if kind == "series" else (1, 3, 8, 8)
    states = trajectory(5, 4, shape)
    figure = progressive(states, DataSpec(shape, kind), rows=3, show="x_t")
    (ax,) = figure.axes
    assert labels_above(ax) == ["t = 1", "t = 0.667", "t = 0.333", "t = 0"]
    if kind == "series":
        assert [len(lines.get_segments()) for lines in ax.collections] == [12, 12]
        low, high = line_limits(*[state.x_t[:3] for state in states])
        wanted = (states[1].x_t[2, 1].numpy() - low) / (high - low) * 0.88 + 0.06
        drawn = np.asarray(ax.collections[1].get_segments()[2 * 4 + 1])
        np.testing.assert_allclose(drawn[:, 1], wanted.clip(0.06, 0.94), atol=1e-6)
    else:
        wanted = to_uint8(states[1].x_t[:, :, 1])[2, ..., 0]
        np.testing.assert_array_equal(cell(ax, 2, 1, 8, 4), wanted)


def test_samples_over_training_are_labelled_by_their_step() -> None:
    states = [(step, images(3)) for step in (10, 2000, 30_000)]
    assert labels_above(samples_over_training(states, spec()).axes[0]) == [
        "step 10", "step 2,000", "step 30,000"
    ]  # fmt: skip
    many = [(step, images(3)) for step in range(1000, 21_000, 1000)]
    shown = labels_above(samples_over_training(many, spec(), columns=20).axes[0])
    assert shown[:2] == ["step 1,000", "2,000"], "there is little room"
    levels = [(step, torch.full((1, 1, 8, 8), 2 * step / 9 - 1)) for step in range(10)]
    (ax,) = samples_over_training(levels, spec(), columns=2).axes
    assert [cell(ax, 0, k, 8, 2)[0, 0] for k in (0, 1)] == [0, 255], "the first and the last"
    with pytest.raises(RequestError, match=r"evaluation\.times"):
        samples_over_training([], spec())


def test_time_labels_shorten_where_there_is_little_room() -> None:
    assert time_labels([1, 0.125, 0]) == ["t = 1", "t = 0.125", "t = 0"]
    assert time_labels([1, 0.125, 0], room=0.3) == ["t = 1", "0.125", "0"]


def test_spread_holds_both_ends() -> None:
    assert spread(51, 11) == list(range(0, 51, 5))
    assert spread(3, 11) == [0, 1, 2]
    assert spread(1000, 11)[-1] == 999


# -- loss --------------------------------------------------------------------------------------


def history(losses: list[float], rate: float | None = 1e-3) -> list[dict[str, float]]:
    extra = {} if rate is None else {"lr": rate}
    return [{"step": 10.0 * (i + 1), "loss": v, **extra} for i, v in enumerate(losses)]


def test_figure_and_page_draw_one_curve() -> None:
    curve = loss_curve(history(np.geomspace(1, 0.01, 60).tolist()))
    assert curve is not None
    upper = loss(history(np.geomspace(1, 0.01, 60).tolist())).axes[0]
    assert upper.get_ylim() == curve.limits
    assert [tick.get_text() for tick in upper.get_yticklabels()] == [t for _, t in curve.loss_ticks]
    assert [t for _, t in curve.loss_ticks] == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]
    assert curve.logarithmic
    np.testing.assert_allclose(curve.up(curve.limits), [0, 1], atol=1e-12)
    np.testing.assert_allclose(curve.up(0.1), 0.5)
    np.testing.assert_allclose(curve.across(curve.steps), np.linspace(0, 1, 60))
    thin = curve.thinned(7)
    assert (len(thin.steps), thin.steps[0], thin.steps[-1]) == (7, 10, 600)
    assert thin.median[3] == curve.median[np.searchsorted(curve.steps, thin.steps[3])]


def test_a_scale_that_is_asked_for_is_kept() -> None:
    nearly_flat = history([1.2, 1.1, 1.15])
    assert loss(nearly_flat, scale="logarithmic").axes[0].get_yscale() == "log"
    assert loss(nearly_flat, scale="logarithmic").axes[0].get_yticklabels()
    assert loss(history([5.0, 0.1]), scale="linear").axes[0].get_yscale() == "linear"
    assert loss(history([5.0, -0.1]), scale="logarithmic").axes[0].get_yscale() == "linear"


def test_the_curve_has_every_logged_step_and_the_rate() -> None:
    losses = np.geomspace(1, 0.01, 60).tolist()
    upper, lower = loss(history(losses)).axes
    points, median = upper.lines
    np.testing.assert_allclose(points.get_xydata()[:, 0], 10 * np.arange(1, 61))
    np.testing.assert_allclose(points.get_xydata()[:, 1], losses)
    np.testing.assert_allclose(median.get_ydata()[5:-5], losses[5:-5])
    np.testing.assert_allclose(lower.lines[0].get_ydata(), 1e-3)
    assert upper.get_yscale() == "log"


@pytest.mark.parametrize("losses", [[5.0, 1.0, -1.0], [1.0, 0.9, 0.8], [2.0]])
def test_a_loss_that_is_negative_or_flat_is_on_a_linear_axis(losses: list[float]) -> None:
    figure = loss(history(losses))
    assert figure.axes[0].get_yscale() == "linear"
    assert figure_bytes(figure)


def test_infinite_losses_are_left_out() -> None:
    upper, _ = loss(history([1.0, float("nan"), float("inf"), 0.5])).axes
    assert upper.lines[0].get_ydata().tolist() == [1.0, 0.5]


def test_without_rates_there_is_one_panel() -> None:
    (ax,) = loss(history([1.0, 0.5], rate=None)).axes
    assert ax.get_xlabel() == "step"


def test_no_history_is_still_a_figure() -> None:
    figure = loss([])
    assert texts(figure) == ["no loss was logged"]
    assert figure_bytes(figure)
    (ax,) = figure.axes[:1]
    said, panel = ax.texts[0].get_window_extent(), ax.get_window_extent()
    assert panel.x0 < said.x0 < said.x1 < panel.x1
    assert panel.y0 < said.y0 < said.y1 < panel.y1


def test_the_running_median_ignores_spikes_and_follows_the_start() -> None:
    values = np.concatenate([np.linspace(10, 1, 40), np.ones(160)])
    spiked = values.copy()
    spiked[[70, 120, 199]] = 50.0
    smooth = running_median(spiked)
    np.testing.assert_allclose(smooth[:30], values[:30])
    np.testing.assert_allclose(smooth[50:], 1.0)


def test_the_running_median_is_that_of_a_window() -> None:
    values = np.random.default_rng(0).normal(size=400)
    smooth = running_median(values)
    for i in (10, 57, 200, 389):  # a window of a fortieth on each side
        assert smooth[i] == np.median(values[i - 10 : i + 11])
    assert smooth[3] == np.median(values[:7])
    assert smooth[397] == np.median(values[387:])


def test_steps_compares_numbers_of_one_size_of_sample() -> None:
    """Four of 2,048 samples make the line, and the one of 5,000 is no fifth point of it."""
    many = [
        {"name": "frechet", "value": 9.0 / steps, "baseline": 0.1, "n": 2048, "sampler": "ddim",
         "sampling_steps": steps}
        for steps in (5, 10, 20, 50)
    ]  # fmt: skip
    odd = [{**many[-1], "value": 8.0, "n": 5000}, {**many[0], "n": 1000, "sampling_steps": None}]
    chosen = {"against": "train", "guidance": 2.0, "temperature": 0.5, "checkpoint": "best"}
    odd += [
        {**record, "value": 7.0, key: value} for record in many for key, value in chosen.items()
    ]
    [ax] = [ax for ax in over_steps([*odd, *many]).axes if ax.axison]
    [line] = [line for line in ax.lines if line.get_marker() == "o"]
    assert line.get_xydata().tolist() == [[r["sampling_steps"], r["value"]] for r in many]


def test_steps_leaves_out_what_is_the_same_for_every_trajectory() -> None:
    def measured(name: str, *values: float) -> list[dict[str, Any]]:
        return [
            {"name": name, "value": value, "n": 2048, "sampler": "ddim", "sampling_steps": steps}
            for steps, value in zip((5, 10), values, strict=True)
        ]

    alike = measured("classes", 10.0, 10.0)
    both = over_steps([*measured("frechet", 2.0, 1.0), *alike])
    assert [ax.get_title() for ax in both.axes if ax.axison] == ["frechet"]
    assert [ax.get_title() for ax in over_steps(alike).axes if ax.axison] == ["classes"]


def test_a_number_that_was_measured_once_has_no_line() -> None:
    once = [{"name": "frechet", "value": 1.0, "n": 9, "sampler": "ddim", "sampling_steps": 5}]
    assert measured_over_steps(once) == []
    with pytest.raises(RequestError, match="--steps 5 --steps 10"):
        over_steps(once)
    other_size = {**once[0], "n": 5, "sampling_steps": 10}
    assert measured_over_steps([*once, once[0], other_size]) == []


def test_quality_has_a_panel_per_number_and_its_baseline() -> None:
    evaluations = [
        {"step": 10 * k, "elapsed_s": 60.0 * k, "n": 50, "values": {"a": 1 / k, "b": k, "c": 0, "d": 1},
         "baselines": {"a": 0.25}}
        for k in (1, 2)
    ]  # fmt: skip
    a, b, *_ = quality(evaluations).axes
    baseline, line = a.lines
    assert baseline.get_ydata() == [0.25, 0.25]
    assert line.get_xydata().tolist() == [[1, 1], [2, 0.5]]
    assert len(b.lines) == 1
    figure = quality(evaluations, numbers=("b",), against="steps")
    (only,) = figure.axes
    assert only.lines[0].get_xydata().tolist() == [[10, 1], [20, 2]]
    assert figure.get_supxlabel() == "steps of training (50 samples each; dashed: real vs real)"
    with pytest.raises(RequestError, match=r"evaluation\.times"):
        quality([])


# -- classes and densities ---------------------------------------------------------------------


def log_posteriors(*rows: list[float]) -> Tensor:
    return torch.tensor(rows).log()


def test_confusion_counts_true_classes_in_rows() -> None:
    spec = DataSpec((2,), "vector", 2, ("in", "out"))
    given = log_posteriors([0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4])
    (ax,) = confusion(given, torch.tensor([0, 0, 1, -1]), spec).axes
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.5, 0.5], [0, 1]])
    assert ax.get_title() == "accuracy 66.67 % of 3"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert [t.get_text() for t in ax.texts] == ["1", "1", "1"]


@pytest.mark.parametrize(("names", "turned"), [(("0", "10"), False), (("cat", "automobile"), True)])
def test_long_names_of_classes_lean(names: tuple[str, str], turned: bool) -> None:
    spec = DataSpec((2,), "vector", 2, names)
    (ax,) = confusion(log_posteriors([0.9, 0.1]), torch.tensor([0]), spec).axes
    assert all((label.get_rotation() > 0) == turned for label in ax.get_xticklabels())
    assert not any(label.get_rotation() for label in ax.get_yticklabels())


def test_the_calibration_error_is_that_of_the_bins() -> None:
    given = log_posteriors([0.95, 0.05], [0.92, 0.08], [0.65, 0.35], [0.4, 0.6])
    upper, lower = calibration(given, torch.tensor([0, 1, 0, -1])).axes
    error = (2 * abs(0.5 - 0.935) + abs(1 - 0.65)) / 3
    assert upper.get_title() == f"expected calibration error {error:.4f}"
    np.testing.assert_array_equal(upper.lines[0].get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_allclose(upper.lines[1].get_xydata(), [[0.65, 1], [0.935, 0.5]], atol=1e-6)
    assert lower.get_ylim()[0] < 1, "one example is seen"


def test_a_density_is_shown_where_it_is() -> None:
    x = torch.randn(400, 2, generator=generator())
    at = torch.tensor([0.8, -0.5])
    figure = density(lambda p: -8 * (p - at).square().sum(1), x, x[:50], side=41)
    heat = np.asarray(figure.axes[0].images[0].get_array())
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 0.5 < heat.max() <= 1, "the density, and not its logarithm"
    low, high = figure.axes[1].get_xlim()
    line = np.linspace(low, high, 41)
    assert abs(line[column] - 0.8) < 0.1
    assert abs(line[row] + 0.5) < 0.1
    assert [ax.get_title() for ax in figure.axes[:3]] == [
        "density p(x)", "50 samples", "400 points of the data"
    ]  # fmt: skip
    with pytest.raises(RequestError, match="over the plane; this data has 3"):
        density(lambda p: p[:, 0], torch.zeros(3, 3), torch.zeros(3, 3))


def test_regions_belong_to_the_class_with_the_largest_posterior() -> None:
    x = torch.randn(60, 2, generator=generator())
    y = (x[:, 0] > 0).long()
    figure = classification(
        x, y, x, y, spec=POINTS, side=20, encode=lambda p: 2 * p, decode=lambda z: z / 2,
        classify=lambda p: torch.stack([-p[:, 0], p[:, 0]], 1).log_softmax(1),
    )  # fmt: skip
    latent, *_, regions = figure.axes
    drawn = np.sort(np.asarray(latent.collections[0].get_offsets()), axis=0)
    np.testing.assert_allclose(drawn, np.sort(2 * x.numpy(), axis=0), rtol=1e-6)
    for ax in figure.axes[:2]:
        assert not ax.collections[0].get_linewidths().any(), "points without an edge"
    left, right = (path.vertices[:, 0] for path in regions.collections[0].get_paths())
    assert left.max() < 0.3
    assert right.min() > -0.3
    assert regions.get_title() == "regions"
    with pytest.raises(RequestError, match=r"the plane; this data has the shape \(1, 8, 8\)"):
        classification(x, y, x, y, spec=spec(), encode=abs, decode=abs, classify=abs)


# -- other figures of images -------------------------------------------------------------------


def test_a_ranking_shows_the_nearest_below_each_sample() -> None:
    x, near = torch.full((3, 1, 4, 4), 1.0), torch.full((3, 1, 4, 4), -1.0)
    figure = ranked([Ranked("best", x, near, torch.tensor([0.9, 0.9, 0.9]))])
    pixels = shown(figure.axes[0])
    assert (pixels[5, 5], pixels[-5, 5]) == (255, 0)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "best\n0.9"
    with pytest.raises(RequestError):
        ranked([])
    with pytest.raises(RequestError):
        drift([])


def test_paths_stand_between_their_sources() -> None:
    a, b = images(2), -images(2)
    (ax,) = interpolation(a, b, torch.stack([a, b]), spec()).axes
    assert labels_above(ax) == ["source", "λ = 0", "1", "source"]
    for column, x in enumerate((a, a, b, b)):
        np.testing.assert_array_equal(cell(ax, 1, column, 8, 4), to_uint8(x)[1, ..., 0])
    figure = interpolation(
        a, b, torch.stack([a, b]), spec(), names=["means", ""], note="both sources degraded"
    )
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["means", ""]
    first, second = ax.get_yticks()
    assert first < shown(ax).shape[0] / 2 < second, "each name stands beside its row"
    assert ax.get_position().x0 * figure.get_figwidth() > text_width("means")
    assert [text.get_text() for text in figure.texts] == ["both sources degraded"]
    (ax,) = interpolation(a, b, torch.stack([a, a, b]), spec(), even=True).axes
    assert labels_above(ax) == ["source", "λ = 0", "", "1", "source"], "each row has its own"
    with pytest.raises(RequestError, match="of the kind 'vector'"):
        interpolation(a, b, a, POINTS)


def test_restored_images_stand_beside_what_they_were() -> None:
    x_0, x_t, restored = images(3), images(3) * 0.5, images(3) * 0.8
    (ax,) = restoration(x_t, {"direct": restored}, x_0, rows=2).axes
    assert labels_above(ax) == ["original", "degraded", "direct"]
    for column, x in enumerate((x_0, x_t, restored)):
        np.testing.assert_array_equal(cell(ax, 1, column, 8, 3), to_uint8(x)[1, ..., 0])
    assert labels_above(restoration(x_t, {}).axes[0]) == ["degraded"]
