"""Figures of little data: each is drawn, or left out with its reason."""

from __future__ import annotations

import pytest
import torch
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from genlab.components import ArrayDataset, loaded
from genlab.report.gallery import fitting, usual_figures
from genlab.testing.results import SmallRun, small_runs

RUNS = small_runs()[:6]
"""Of every kind of data, by diffusion and by a flow."""


class Little(SmallRun):
    """A run with as many samples as there are test examples."""

    def samples(self, n: int) -> tuple[Tensor, Tensor | None]:
        n = min(n, len(self.data.test))
        return self.model.sample(n, seed=self.seed), self.model.labels(n, seed=self.seed)


def little(run: SmallRun, train: int, labels: list[int]) -> Little:
    """The same run on a few examples, with these labels in its test split."""
    x, n = run.data.train.first(60)[0].clamp(-1, 1), len(labels)
    test = (x[train : train + n], torch.tensor(labels))
    data = loaded(ArrayDataset(x=x[:train], y=torch.arange(train) % 2, test=test))
    return Little(
        run.name, run.model, data, history=run.history[:1], evaluations=run.evaluations[:1],
        records=run.records[:1],
    )  # fmt: skip


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
@pytest.mark.parametrize(("train", "labels"), [(2, [0]), (3, [1, 1]), (2, [-1])])
def test_what_fits_is_drawn_and_the_rest_says_why(
    run: SmallRun, train: int, labels: list[int]
) -> None:
    made, figures = little(run, train, labels), usual_figures()
    reasons = fitting(made, figures)
    assert "forward" in reasons
    for name, reason in reasons.items():
        if reason is None:
            assert isinstance(figures[name].draw(made), Drawing), name
        else:
            assert len(reason) > 5, name
            assert "Error" not in reason, (name, reason)
