"""Which figures fit a run, and what each draws of it."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Drawing
from PIL import Image
from torch import Tensor

import genlab
from genlab.components.registry import Entry, Registry
from genlab.errors import RequestError
from genlab.report import gallery
from genlab.report.figures.best_and_worst import BestAndWorst
from genlab.report.figures.calibration import Calibration
from genlab.report.figures.classification import Classification
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.forward import Forward
from genlab.report.figures.images import to_uint8
from genlab.report.figures.interpolation import Interpolation, interpolation
from genlab.report.figures.progressive import Progressive
from genlab.report.figures.quality import Quality
from genlab.report.figures.samples import Samples, samples
from genlab.report.figures.steps import Steps
from genlab.report.figures.style import PALETTE
from genlab.report.figures.trajectory import Trajectory, mean_step
from genlab.report.pairs import example_pairs

ORDER = [
    "loss", "quality", "samples-over-training", "samples", "best-and-worst", "steps", "trajectory",
    "forward", "progressive", "progressive-x_t", "interpolation", "density", "classification",
    "confusion", "calibration",
]  # fmt: skip
RECORDED = {"loss", "quality", "steps"}
ALWAYS = {"samples-over-training", "samples", *RECORDED}
WALKS = {"forward", "progressive", "progressive-x_t"}
CLASSES = {"confusion", "calibration"}
SMALL: Mapping[str, dict[str, Any]] = {
    "samples": {"n": 9}, "best-and-worst": {"n": 12, "columns": 3}, "trajectory": {"n": 50},
    "samples-over-training": {"columns": 2, "rows": 2}, "forward": {"times": [0, 1], "rows": 2},
    "progressive": {"columns": 3, "rows": 2}, "progressive-x_t": {"columns": 3, "rows": 2},
    "interpolation": {"pairs": 2, "points": 3}, "density": {"n": 50, "side": 20},
    "classification": {"n": 50, "side": 20},
}  # fmt: skip


def small() -> dict[str, genlab.Figure]:
    components = genlab.registry("figure")
    return {name: components.get(name)(**SMALL.get(name, {})) for name in ORDER}


def white_edges(png: bytes) -> bool:
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("L"))
    return all((edge > 250).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def reasons(run: Any) -> dict[str, str]:
    found = gallery.fitting(run, gallery.usual_figures())
    return {name: reason for name, reason in found.items() if reason is not None}


def test_the_built_in_figures_come_first_and_in_their_order() -> None:
    assert gallery.figure_names()[: len(ORDER)] == ORDER
    assert list(gallery.usual_figures()) == gallery.figure_names()


@pytest.mark.parametrize(
    ("data", "model", "fitting", "twice"),
    [
        ("digits", "diffusion", WALKS | {"best-and-worst", "interpolation"}, set(ORDER)),
        ("digits", "flow", {"best-and-worst", "interpolation", *CLASSES}, set()),
        ("moons", "diffusion", WALKS | {"trajectory"}, {"trajectory"}),
        (
            "moons",
            "flow",
            {"density", "classification", *CLASSES},
            {"density", "classification", *CLASSES},
        ),
        ("series", "diffusion", WALKS, {"samples"}),
        ("volumes", "diffusion", WALKS, set()),
    ],
)
def test_every_figure_that_fits_is_drawn_the_same_each_time(
    make_run: Any, data: str, model: str, fitting: set[str], twice: set[str]
) -> None:
    run, figures, wrong = make_run(data, model, drawn=12), small(), []
    if (data, model) != ("digits", "diffusion"):  # these are the same for all
        figures = {name: figures[name] for name in ORDER if name not in RECORDED}
    before = dict(matplotlib.rcParams)
    files = dict(gallery.figure_files(run, figures, warn=wrong.append, formats=("png",)))
    assert wrong == []
    assert set(files) == (ALWAYS | fitting) & set(figures)
    assert set(reasons(run)) == set(ORDER) - ALWAYS - fitting
    assert dict(matplotlib.rcParams) == before
    for name, made in files.items():
        assert white_edges(made["png"]), f"something is cut off in {name}"
    for name in twice & set(files):
        assert figure_bytes(figures[name].draw(run), "png") == files[name]["png"], name


@pytest.mark.parametrize(
    ("data", "model", "changes", "name", "reason"),
    [
        ("digits", "flow", {"history": []}, "loss", "no finite loss was logged"),
        ("digits", "flow", {"evaluations": []}, "quality", "evaluation.times=8"),
        ("digits", "flow", {"evaluations": []}, "samples-over-training", "evaluation.times=8"),
        ("digits", "flow", {"records": []}, "steps", "--steps 10"),
        ("moons", "flow", {}, "best-and-worst", "shows images, and this data is vectors"),
        ("series", "diffusion", {}, "interpolation", "this data is series of the shape (2, 48)"),
        ("digits", "flow", {}, "forward", "which degrades nothing"),
        ("digits", "diffusion", {}, "trajectory", "points of the plane"),
        ("digits", "diffusion", {}, "confusion", "no density"),
        ("series", "flow", {}, "calibration", "there are no classes"),
        ("digits", "flow", {"conditional": False}, "calibration", "trained without classes"),
    ],
)
def test_what_does_not_fit_says_why(
    make_run: Any, data: str, model: str, changes: dict[str, Any], name: str, reason: str
) -> None:
    assert reason in reasons(make_run(data, model, **changes))[name]


class Blurred(genlab.Degradation):
    """Fades to nothing, without noise."""

    tags = genlab.DegradationTags(data=frozenset({"vector"}))

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        return None

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return x_0 * (1 - t[:, None])

    def summarize(self, x_1: Tensor) -> Tensor:
        return x_1[:, :0]

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return torch.zeros(len(c), *shape)


def test_the_trajectory_needs_gaussian_noise(make_run: Any) -> None:
    run = make_run("moons")
    run.model.restorer.degradation = Blurred()
    assert "Blurred() is none" in reasons(run)["trajectory"]


def test_too_few_images_are_a_reason(make_run: Any) -> None:
    run = make_run("digits")
    one = genlab.Examples(run.data.test.x[:1], run.data.test.y[:1])
    run.data = genlab.Data(run.spec, run.data.train, one, run.data.dataset)
    assert "no pair of images" in reasons(run)["interpolation"]
    no_threes = genlab.Examples(run.data.train.x[:9], torch.arange(9) % 3)
    run.data = genlab.Data(run.spec, run.data.train, no_threes, run.data.dataset)
    assert Interpolation(labels=(0, 1)).fits(run) is None
    assert "no example of the class 3" in str(Interpolation(labels=(0, 3)).fits(run))
    assert "unknown class 'cow'" in str(Interpolation(labels=(0, "cow")).fits(run))


# -- drawing one -------------------------------------------------------------------------------


def test_an_unknown_figure_or_option_is_told_with_what_there_is(make_run: Any) -> None:
    run = make_run("digits")
    with pytest.raises(
        RequestError, match=r"unknown figure .* 'lost'.*'loss'.*There are: .*quality"
    ):
        gallery.draw(run, "lost")
    with pytest.raises(RequestError, match=r"figure\.row\. Did you mean 'rows'"):
        gallery.draw(run, "forward", row=3)
    with pytest.raises(RequestError, match="less than or equal to 1"):
        gallery.draw(run, "forward", times=[0, 1.5])
    with pytest.raises(RequestError, match=r"has its options already: rows"):
        gallery.draw(run, Forward(), rows=3)


def test_a_figure_that_does_not_fit_is_refused_with_those_that_do(make_run: Any) -> None:
    with pytest.raises(RequestError) as told:
        gallery.draw(make_run("series"), "interpolation")
    assert "'interpolation' does not fit: it shows images" in str(told.value)
    assert str(told.value).endswith(
        "These do: loss, quality, samples-over-training, samples, steps, forward, progressive, "
        "progressive-x_t"
    )
    with pytest.raises(RequestError, match="'Mute' does not fit: ValueError: no answer"):
        gallery.draw(make_run("series"), Mute)


def test_a_name_a_class_and_an_object_draw_the_same(make_run: Any) -> None:
    run = make_run("digits")
    options = {"times": (0.0, 0.5), "rows": 2}
    drawn = [
        gallery.draw(run, "forward", **options),
        gallery.draw(run, Forward, **options),
        gallery.draw(run, Forward(times=(0, 0.5), rows=2)),
    ]
    assert len({figure_bytes(figure) for figure in drawn}) == 1


# -- figures that fail -------------------------------------------------------------------------


class Mute(genlab.Figure):
    """Cannot say whether it fits."""

    def fits(self, run: Any) -> str | None:
        raise ValueError("no answer")

    def draw(self, run: Any) -> Drawing:
        raise NotImplementedError


class Broken(genlab.Figure):
    """Cannot be drawn."""

    def fits(self, run: Any) -> str | None:
        return None

    def draw(self, run: Any) -> Drawing:
        raise ZeroDivisionError("by nothing")


class Garbled(Broken):
    """Can be drawn, but not written: its title is no formula."""

    def draw(self, run: Any) -> Drawing:
        figure = Drawing()
        figure.suptitle(r"$\nothing{$")
        return figure


def test_a_figure_that_fails_is_told_and_loses_no_other(make_run: Any) -> None:
    figures = {"mute": Mute(), "broken": Broken(), "garbled": Garbled(), "loss": small()["loss"]}
    wrong: list[str] = []
    run = make_run("digits")
    names = [name for name, _ in gallery.figure_files(run, figures, warn=wrong.append)]
    assert names == ["loss"]
    assert wrong[0].startswith(
        "the figure 'mute' was not drawn: ValueError: no answer (test_gallery"
    )
    assert wrong[1].startswith("the figure 'broken' was not drawn: ZeroDivisionError: by nothing (")
    assert wrong[2].startswith("the figure 'garbled' was not drawn: ValueError")
    assert len(wrong) == 3
    assert [name for name, _ in gallery.drawn(run, figures, warn=wrong.append)] == [
        "garbled",
        "loss",
    ]


def test_a_foreign_figure_comes_last_and_a_broken_one_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = [
        Entry("figure", name, value, "other", "1.0")
        for name, value in (
            ("a-foreign", "genlab.report.figures.loss:Loss"), ("b-broken", "no_such_module:Nothing"),
            ("loss", "genlab.report.figures.loss:Loss"), ("samples", "genlab.report.figures.samples:Samples"),
        )
    ]  # fmt: skip
    found = Registry("figure", entries)
    monkeypatch.setattr(gallery, "registry", lambda role: found)
    wrong: list[str] = []
    assert list(gallery.usual_figures(warn=wrong.append)) == ["loss", "samples", "a-foreign"]
    assert len(wrong) == 1
    assert wrong[0].startswith("the figure 'b-broken' is left out: the figure 'b-broken' of the")
    with pytest.warns(UserWarning, match="b-broken"):
        gallery.usual_figures()


# -- what figures take from a run --------------------------------------------------------------


def shown(figure: Drawing, k: int = 0) -> np.ndarray:
    return np.asarray(figure.axes[k].images[0].get_array())


def test_samples_of_a_class_are_drawn_in_turns(make_run: Any) -> None:
    run = make_run("digits", "flow")
    figure = Samples(n=8, columns=4, labels=(3, "7")).draw(run)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["3", "7"]
    x = run.model.sample(8, seed=run.seed, label=[3, 7] * 4)
    wanted = samples(x, run.spec, y=torch.tensor([3, 7] * 4), columns=4)
    np.testing.assert_array_equal(shown(figure), shown(wanted))
    assert Samples(labels=(3,)).fits(run) is None
    assert "unknown class '11'" in str(Samples(labels=(11,)).fits(run))
    without = make_run("digits", "flow", conditional=False)
    assert "without classes" in str(Progressive(labels=(3,)).fits(make_run("series")))
    assert "without classes" in str(Samples(labels=(3,)).fits(without))


def test_a_number_that_was_not_measured_is_told_with_those_that_were(make_run: Any) -> None:
    run = make_run("digits", "flow")
    assert Quality(numbers=("kernel",)).fits(run) == (
        "the numbers of the evaluations are: frechet, prdc/density"
    )
    assert len(Quality(numbers=("frechet",)).draw(run).axes) == 1
    assert Steps(numbers=("kernel",)).fits(run) is None
    (ax,) = Steps(numbers=("kernel",)).draw(run).axes
    assert ax.get_title() == "kernel"
    assert "several counts" in str(Steps(numbers=("prdc",)).fits(run))


def test_a_figure_that_is_drawn_all_the_same_says_what_is_missing(make_run: Any) -> None:
    with pytest.raises(RequestError, match="the model is a density, which degrades nothing"):
        Forward().draw(make_run("digits", "flow"))
    with pytest.raises(RequestError, match="the model is no density of the data"):
        Calibration().draw(make_run("digits"))
    without = make_run("digits", "flow", conditional=False)
    without.data = without.data.__class__(
        without.spec, without.data.train, genlab.Examples(without.data.test.x), without.data.dataset
    )
    with pytest.raises(RequestError, match="the test split has no labels"):
        Calibration().draw(without)
    with pytest.raises(RequestError, match="no classes"):
        Classification().draw(make_run("moons", "flow", conditional=False))
    moons = make_run("moons")
    moons.model.restorer.degradation = Blurred()
    with pytest.raises(RequestError, match="no GaussianDegradation"):
        mean_step(moons.model, torch.zeros(1, 2), 0.5, 0.4)


def test_columns_and_rows_are_those_that_are_asked_for(make_run: Any) -> None:
    run = make_run("series")
    (left, right) = Samples(n=6, columns=2).draw(run).axes
    assert (left.get_xlim(), left.get_ylim()) == (right.get_xlim(), right.get_ylim())
    assert (left.get_xlim(), left.get_ylim()) == ((0, 2), (0, 3))
    (ax,) = Progressive(columns=3, rows=2).draw(run).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["t = 1", "t = 0.5", "t = 0"]
    assert ax.get_ylim() == (0, 2)


def test_forward_degrades_test_examples_with_one_draw_for_all_times(make_run: Any) -> None:
    run = make_run("volumes")
    (ax,) = Forward(times=(0.0, 1.0), rows=3).draw(run).axes
    x_0 = run.data.test.first(3)[0]
    middle = to_uint8(x_0[:, :, 3])[0, ..., 0]
    height, width = middle.shape
    pixels = np.asarray(ax.images[0].get_array())[..., 0]
    scale = (pixels.shape[0] + 4) // 3 // height
    np.testing.assert_array_equal(pixels[: height * scale : scale, : width * scale : scale], middle)
    (left, right) = Forward(times=(0.5, 0.5)).draw(make_run("moons")).axes
    np.testing.assert_array_equal(
        left.collections[0].get_offsets(), right.collections[0].get_offsets()
    )


class Brightness(genlab.Metric):
    """Prefers bright images."""

    tags = genlab.MetricTags(data=frozenset({"image"}))

    def fit(self, train: genlab.Examples, spec: genlab.DataSpec, *, seed: int) -> float:
        return float(train.first(100)[0].mean())

    def score(self, fitted: float, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"brightness": float(x.mean())}

    def score_each(self, fitted: float, x: Tensor) -> Tensor:
        return x.flatten(1).mean(1) - fitted


def test_both_ends_of_both_rankings_are_shown(make_run: Any) -> None:
    run = make_run("digits", "flow", built_metrics={"bright": Brightness()})
    figure = BestAndWorst(n=40, columns=3).draw(run)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [label.split("\n")[0] for label in labels[::2]] == [
        "best by bright", "worst by bright", "nearest to data", "farthest from data"
    ]  # fmt: skip
    x, _ = run.samples(40)
    distance = genlab.nearest(x, run.data.train)[0].sort().values
    spans = [label.split("\n")[1] for label in labels[::2]]
    assert spans[2] == f"{distance[0]:.3g} to {distance[2]:.3g}"
    assert spans[3] == f"{distance[-3]:.3g} to {distance[-1]:.3g}"
    best = int((x.flatten(1).mean(1)).argmax())
    wanted = to_uint8(x[best : best + 1])[0, ..., 0]
    scale = (shown(figure).shape[1] + 4) // 3 // 8
    np.testing.assert_array_equal(
        shown(figure)[: 8 * scale : scale, : 8 * scale : scale, 0], wanted
    )
    few = BestAndWorst(n=5, columns=12).draw(make_run("digits", "flow", drawn=5))
    assert len(few.axes[0].get_yticks()) == 4, "without such a metric there is one ranking"


def test_the_drift_is_the_mean_of_the_state_before_given_the_estimate(make_run: Any) -> None:
    """x_s and x_t are jointly Gaussian given x_0: the mean of one given the other is textbook."""
    model = make_run("moons").model
    x_t = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    t, s = 0.6, 0.4
    degradation, times = model.restorer.degradation, torch.tensor([t, s], dtype=torch.float64)
    (a_t, a_s), (s_t, s_s) = degradation.alpha(times), degradation.sigma(times)
    x_0 = model.restorer(x_t, torch.full((5,), t))
    covariance = a_t / a_s * s_s**2
    mean = a_s * x_0 + covariance / s_t**2 * (x_t - a_t * x_0)
    torch.testing.assert_close(mean_step(model, x_t, t, s), (mean - x_t).float())


def test_the_trajectory_reads_forward_reverse_and_drift(make_run: Any) -> None:
    run = make_run("moons")
    figure = Trajectory(times=(0.0, 0.3, 1.0), n=30, arrows=5).draw(run)
    axes = np.array(figure.axes).reshape(3, 3)
    assert [ax.get_title() for ax in axes[0]] == ["t = 0", "t = 0.3", "t = 1"]
    drawn = [[np.asarray(ax.collections[0].get_offsets()) for ax in row] for row in axes[:2]]
    np.testing.assert_allclose(drawn[0][0], run.data.test.first(30)[0])
    walked = list(run.model.trajectory(30, seed=run.seed))
    for k, step in enumerate((10, 7, 0)):
        np.testing.assert_allclose(drawn[1][k], walked[step].x_t)
    assert len(axes[2, 0].collections[0].U) == 25
    assert "10 steps; it is undefined at t = 0" in figure.get_supxlabel()
    late = Trajectory(times=(1,), n=3).draw(run)
    assert late.get_supxlabel() == "drift of one of 10 steps"


@pytest.mark.parametrize(("width", "ticks"), [(0.5, [-2, 0, 2]), (2.0, [-4, 0, 4])])
def test_a_trajectory_holds_all_of_the_data(
    make_run: Any, monkeypatch: pytest.MonkeyPatch, width: float, ticks: list[int]
) -> None:
    run = make_run("moons")
    x = width * run.data.test.first(500)[0]
    monkeypatch.setattr(type(run.data.test), "first", lambda examples, n: (x, None))
    figure = Trajectory(n=500, arrows=3).draw(run)
    reach = figure.axes[0].get_xlim()[1]
    assert float(x.abs().max()) <= reach <= 1.15 * max(float(x.abs().max()), 2)
    for ax in figure.axes:
        assert (*ax.get_xlim(), *ax.get_ylim()) == (-reach, reach) * 2
        assert ax.get_xticks().tolist() == ticks
    assert np.asarray(figure.axes[6].collections[0].get_offsets()).max() == pytest.approx(reach)


def test_between_the_ends_of_a_trajectory_noise_is_a_third_of_the_signal(make_run: Any) -> None:
    """To a step: of the ten steps of this run no other lies nearer."""
    run = make_run("moons")
    titles = [ax.get_title() for ax in Trajectory(n=5, arrows=3).draw(run).axes[:3]]
    assert (titles[0], titles[2]) == ("t = 0", "t = 1")
    times = torch.arange(1, 10, dtype=torch.float64) / 10
    noise = run.model.restorer.degradation
    angle = (
        noise.sigma(times) / noise.alpha(times)
    ).atan()  # nearly even in time for this schedule
    best = float(times[(angle - math.atan(1 / 3)).abs().argmin()])
    assert float(titles[1].removeprefix("t = ")) == pytest.approx(best)


def test_an_interpolation_begins_and_ends_with_the_classes(make_run: Any) -> None:
    run = make_run("digits", "flow")
    (ax,) = Interpolation(pairs=2, points=3, labels=(0, "7"), even=False).draw(run).axes
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["source", "λ = 0", "0.5", "1", "source"]
    pixels = np.asarray(ax.images[0].get_array())[..., 0]
    first = int((run.data.test.y == 0).nonzero()[0])
    step = (pixels.shape[0] + 4) // 2
    size = (step - 4) // 8
    wanted = to_uint8(run.data.test.take(torch.tensor([first]))[0])[0, ..., 0]
    np.testing.assert_array_equal(pixels[: 8 * size : size, : 8 * size : size], wanted)
    np.testing.assert_array_equal(
        pixels[: 8 * size : size, step : step + 8 * size : size], wanted
    )  # a flow comes back to where it was


def test_an_interpolation_has_the_options_that_it_is_given(make_run: Any) -> None:
    run = make_run("digits", seed=5)
    figure = Interpolation(pairs=1, points=3, t=0.9, path="slerp", even=False).draw(run)
    a, b = example_pairs(run.data.test, 1)
    between = genlab.interpolate(run.model, a, b, 3, 0.9, path="slerp", seed=5)
    np.testing.assert_array_equal(
        shown(figure), shown(interpolation(a, b, between, run.spec, note="t = 0.9"))
    )
    assert [text.get_text() for text in figure.texts] == ["both sources degraded to t = 0.9"]
    flow = Interpolation(pairs=1, points=3, t=0.9, even=False).draw(make_run("digits", "flow"))
    assert not flow.texts, "a flow degrades nothing"
    even = Interpolation(pairs=1, points=3, t=0.9).draw(run)
    between = genlab.interpolate(run.model, a, b, 3, 0.9, seed=5, even=True)
    wanted = interpolation(a, b, between, run.spec, note="a", even=True)
    np.testing.assert_array_equal(shown(even), shown(wanted))
    assert even.texts[0].get_text().endswith("0.9; points where neighbours differ alike")


def test_an_interpolation_at_several_times_has_a_row_for_each(make_run: Any) -> None:
    run = make_run("digits", seed=5)
    figure = Interpolation(points=3, t=(0.2, 0.9), even=False).draw(run)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "t = 0.2", "t = 0.9"
    ]  # fmt: skip
    a, b = example_pairs(run.data.test, 1)
    each = [genlab.interpolate(run.model, a, b, 3, t, seed=5) for t in (0.2, 0.9)]
    pair = [x.expand(2, *x.shape[1:]) for x in (a, b)]
    wanted = interpolation(*pair, torch.cat(each, 1), run.spec, names=["t = 0.2", "t = 0.9"])
    np.testing.assert_array_equal(shown(figure), shown(wanted))
    with pytest.raises(RequestError):
        Interpolation(t=())


def test_the_scale_of_the_loss_is_the_one_that_is_asked_for(make_run: Any) -> None:
    run = make_run("digits", "flow")
    scales = [gallery.draw(run, "loss", scale=s).axes[0].get_yscale() for s in (None, "linear")]
    assert scales == ["log", "linear"]


def test_estimates_and_states_are_two_figures(make_run: Any) -> None:
    run = make_run("digits")
    walked = list(run.model.trajectory(2, seed=run.seed))
    for name, x in (("progressive", walked[0].estimate), ("progressive-x_t", walked[0].x_t)):
        figure = gallery.draw(run, name, rows=2, columns=2)
        size = (shown(figure).shape[0] + 4) // 2 // 8
        drawn = shown(figure)[: 8 * size : size, : 8 * size : size, 0]
        np.testing.assert_array_equal(drawn, to_uint8(x)[0, ..., 0])


def test_samples_have_the_colour_of_their_class_in_latent_space(make_run: Any) -> None:
    run = make_run("moons", "flow")
    base = Classification(n=40, side=10).draw(run).axes[1].collections[0]
    x, y = run.model.sample(40, seed=run.seed), run.model.labels(40, seed=run.seed)
    z = run.model.flow.encode(x)[0]
    for label, colour in ((0, PALETTE[0]), (1, PALETTE[1])):
        of_class = (np.abs(base.get_facecolors()[:, :3] - to_rgb(colour)) < 1e-6).all(1)
        drawn = np.sort(np.asarray(base.get_offsets())[of_class], axis=0)
        np.testing.assert_allclose(drawn, np.sort(z[y == label].numpy(), axis=0), rtol=1e-5)


def test_calibration_counts_what_it_is_asked_for(make_run: Any) -> None:
    _, lower = Calibration(bins=4, n=50).draw(make_run("digits", "flow")).axes
    assert len(lower.patches) == 4
    assert sum(patch.get_height() for patch in lower.patches) == 50
