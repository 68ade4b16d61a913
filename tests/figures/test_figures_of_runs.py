"""Figures that need a whole run: the trajectory of points, and the ends of rankings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import genlab
from genlab.errors import RequestError
from genlab.evaluation import nearest
from genlab.figures.drift import Drift, drift
from genlab.figures.ranked import Ranked, ranked
from genlab.runs.gallery import _mean_step


def points(n: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(n, 2, generator=torch.Generator().manual_seed(0))


def test_the_trajectory_figure_is_three_by_three() -> None:
    columns = [Drift(t, points(30), points(20), points(9), points(9)) for t in (0.0, 0.5, 1.0)]
    figure = drift(columns, note="undefined at t = 0")
    axes = np.array(figure.axes).reshape(3, 3)
    assert [ax.get_title() for ax in axes[0]] == ["t = 0", "t = 0.5", "t = 1"]
    for ax in axes.flat:
        assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
        assert list(ax.get_xticks()) == list(ax.get_yticks()) == [-2, 0, 2]
    assert len(axes[0, 1].collections[0].get_offsets()) == 30
    assert len(axes[1, 1].collections[0].get_offsets()) == 20
    arrows = axes[2, 2].collections[0]
    assert pytest.approx(points(9)[:, 0].numpy()) == arrows.U
    with pytest.raises(RequestError):
        drift([])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    settings = {
        "backbone": {"name": "mlp", "width": 16, "depth": 1},
        "training": {"steps": 4, "batch": 32}, "sampling": {"count": 50, "steps": 4},
    }  # fmt: skip
    return genlab.run(
        dataset="swiss-roll", set=settings, out=tmp_path_factory.mktemp("points") / "run"
    )


def test_the_drift_is_the_mean_of_the_ancestral_step(run: genlab.Run) -> None:
    x_t = points(5)
    sampler = genlab.build("sampler", "ddpm")
    t, s = 0.6, 0.4

    class Still:
        """The restorer, for a sampler whose noise is averaged away below."""

        degradation = run.degradation

        def __call__(self, x: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return run.restorer(x, now)

    many = x_t.repeat_interleave(40_000, 0)
    now, then = torch.full((len(many),), t), torch.full((len(many),), s)
    state = sampler.init(Still(), many, now, None, generator=torch.Generator().manual_seed(1))
    x_s = sampler.step(Still(), many, now, then, state)[0].reshape(5, 40_000, 2)
    error = x_s.std(1) / 40_000**0.5
    assert ((x_s.mean(1) - x_t - _mean_step(run, x_t, t, s)).abs() < 5 * error).all()


def test_the_trajectory_fits_points_of_the_plane_alone(
    run: genlab.Run, digits_run: genlab.Run
) -> None:
    assert "trajectory" in run.figures()
    assert len(run.figure("trajectory").axes) == 9
    assert "trajectory" not in digits_run.figures()
    assert "best-and-worst" not in run.figures()


def test_both_ends_of_both_rankings_are_shown(digits_run: genlab.Run) -> None:
    figure = digits_run.figure("best-and-worst")
    (ax,) = figure.axes
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert [label.split("\n")[0] for label in labels[::2]] == [
        "best by judge-confidence", "worst by judge-confidence", "nearest to data", "farthest from it"
    ]  # fmt: skip
    with np.load(digits_run.folder.samples_file) as file:
        x = torch.from_numpy(file["x"])
    distance = nearest(x, digits_run.examples("train"))[0].sort().values
    spans = [label.split("\n")[1] for label in labels[::2]]
    assert spans[2] == f"{distance[0]:.3g} to {distance[11]:.3g}"
    assert spans[3] == f"{distance[-12]:.3g} to {distance[-1]:.3g}"


def test_a_ranking_shows_the_nearest_below_each_sample() -> None:
    x, near = torch.full((3, 1, 4, 4), 1.0), torch.full((3, 1, 4, 4), -1.0)
    figure = ranked([Ranked("best", x, near, torch.tensor([0.9, 0.9, 0.9]))])
    pixels = np.asarray(figure.axes[0].images[0].get_array())[..., 0]
    assert pixels[5, 5] == 255
    assert pixels[-5, 5] == 0
    assert figure.axes[0].get_yticklabels()[0].get_text() == "best\n0.9"
    with pytest.raises(RequestError):
        ranked([])
