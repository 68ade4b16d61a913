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
from PIL import Image
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.files import figure_bytes
from genlab.figures.forward import forward
from genlab.figures.images import tile, to_uint8
from genlab.figures.loss import loss, running_median
from genlab.figures.panels import PAD, enlargement, spread, time_labels
from genlab.figures.progressive import progressive
from genlab.figures.quality import over_steps
from genlab.figures.samples import samples
from genlab.protocols import DataSpec

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


def test_labels_must_match() -> None:
    with pytest.raises(RequestError, match="4 samples but 3 labels"):
        samples(images(4), spec(), y=torch.zeros(3))


# -- forward and progressive -------------------------------------------------------------------


def walk(n: int, states: int, shape: tuple[int, ...]) -> list[tuple[float, Tensor, Tensor]]:
    g = generator()
    times = torch.linspace(1, 0, states).tolist()
    return [
        (t, torch.rand((n, *shape), generator=g), torch.rand((n, *shape), generator=g))
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


@pytest.mark.parametrize("show", ["x_0", "x_t"])
def test_progressive_ends_with_the_result(show: str) -> None:
    states = walk(3, 51, (1, 8, 8))
    (ax,) = progressive(states, spec(), show=show).axes  # type: ignore[arg-type]
    labels = labels_above(ax)
    assert len(labels) == 11
    assert (labels[0], labels[5], labels[-1]) == ("t = 1", "t = 0.5", "t = 0")
    first = states[0][2 if show == "x_0" else 1]
    np.testing.assert_array_equal(cell(ax, 1, 0, 8, 11), to_uint8(first)[1, ..., 0])
    np.testing.assert_array_equal(cell(ax, 2, 10, 8, 11), to_uint8(states[-1][1])[2, ..., 0])
    assert ax.get_ylabel() == {"x_0": r"$\hat{x}_0$", "x_t": "$x_t$"}[show]


def test_progressive_shows_a_short_walk_whole() -> None:
    (ax,) = progressive(walk(20, 4, (3, 8, 8)), spec(3)).axes
    assert len(labels_above(ax)) == 4
    scale = enlargement((8, 8), 4)
    assert shown(ax).shape[0] == 8 * (8 * scale + PAD) - PAD, "eight rows at most"


def test_progressive_points_have_one_panel_per_time() -> None:
    figure = progressive(walk(30, 21, (2,)), POINTS)
    titles = [ax.get_title() for ax in figure.axes if ax.collections]
    assert (len(titles), titles[0], titles[-1]) == (11, "t = 1", "t = 0")


def test_a_wrong_walk_is_refused() -> None:
    with pytest.raises(RequestError, match="empty"):
        progressive([], spec())
    with pytest.raises(RequestError, match="Did you mean 'x_0'"):
        progressive(walk(1, 2, (2,)), POINTS, show="x0")  # type: ignore[arg-type]


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


def test_the_running_median_ignores_spikes_and_follows_the_start() -> None:
    values = np.concatenate([np.linspace(10, 1, 40), np.ones(160)])
    spiked = values.copy()
    spiked[[70, 120, 199]] = 50.0
    smooth = running_median(spiked)
    np.testing.assert_allclose(smooth[:30], values[:30])
    np.testing.assert_allclose(smooth[50:], 1.0)


def test_steps_compares_numbers_of_one_size_of_sample() -> None:
    """Four of 2,048 samples make the line, and the one of 5,000 is no fifth point of it."""
    many = [
        {"name": "frechet", "value": 9.0 / steps, "floor": 0.1, "n": 2048, "sampler": "ddim",
         "sampling_steps": steps}
        for steps in (5, 10, 20, 50)
    ]  # fmt: skip
    odd = [{**many[-1], "value": 8.0, "n": 5000}, {**many[0], "n": 1000, "sampling_steps": None}]
    [ax] = [ax for ax in over_steps([*odd, *many]).axes if ax.axison]
    [line] = [line for line in ax.lines if line.get_marker() == "o"]
    assert line.get_xydata().tolist() == [[r["sampling_steps"], r["value"]] for r in many]


def test_steps_leaves_out_what_is_the_same_for_every_walk() -> None:
    def measured(name: str, *values: float) -> list[dict[str, Any]]:
        return [
            {"name": name, "value": value, "n": 2048, "sampler": "ddim", "sampling_steps": steps}
            for steps, value in zip((5, 10), values, strict=True)
        ]

    alike = measured("classes", 10.0, 10.0)
    both = over_steps([*measured("frechet", 2.0, 1.0), *alike])
    assert [ax.get_title() for ax in both.axes if ax.axison] == ["frechet"]
    assert [ax.get_title() for ax in over_steps(alike).axes if ax.axison] == ["classes"]
