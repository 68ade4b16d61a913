"""The best and the worst samples, each with the training image that is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.components.metric import ScoresEach
from genlab.errors import RequestError
from genlab.evaluation.neighbours import nearest
from genlab.report.figure import Figure, Results
from genlab.report.figures.images import opaque, tile_pixels, to_uint8
from genlab.report.figures.needs import Columns, not_of_kind
from genlab.report.figures.panels import PAD, enlargement, mosaic_figure
from genlab.report.figures.style import DPI, SMALL, lean, style, text_width
from genlab.seeds import sub_seed

__all__ = ["BestAndWorst", "Ranked", "ranked"]

_SPACE = 4 * PAD  # dots between a pair of rows and the next


class BestAndWorst(Figure):
    """Samples at both ends of a ranking, each above the training image that is nearest to it.

    They are ranked by the first metric of the run that scores each sample, and by the distance to the nearest
    training image.

    Args:
        n: How many of the run's samples are ranked.
        columns: How many are shown of each end.
    """

    def __init__(
        self, *, n: Annotated[int, Field(ge=2, le=100_000)] = 1000, columns: Columns = 12
    ) -> None:
        self.n, self.columns = n, columns

    def fits(self, run: Results) -> str | None:
        """Ask for images."""
        return not_of_kind(run, "image")

    def draw(self, run: Results) -> Drawing:
        """Rank the samples of the run."""
        x, train = run.samples(self.n)[0], run.data.train
        distance, where = nearest(x, train)
        real = train.take(where.to(train.device))[0].cpu()
        rankings = {**_scores(run, x), ("nearest to data", "farthest from data"): -distance}
        count = min(self.columns, max(len(x) // 2, 1))
        ends = []
        for (best, worst), scores in rankings.items():
            order = scores.argsort(descending=True)
            for title, some in ((best, order[:count]), (worst, order[-count:])):
                ends.append(Ranked(title, x[some], real[some], scores[some].abs()))
        return ranked(ends)


def _scores(run: Results, x: Tensor) -> dict[tuple[str, str], Tensor]:
    """Return what the first metric that scores each sample makes of them, by the titles of both ends."""
    for name, metric in run.built_metrics.items():
        if isinstance(metric, ScoresEach):
            fitted = metric.fit(run.data.train, run.spec, seed=sub_seed(run.seed, "metric"))
            return {(f"best by {name}", f"worst by {name}"): metric.score_each(fitted, x)}
    return {}


@dataclass(frozen=True)
class Ranked:
    """One end of a ranking.

    Args:
        title: What the samples have in common, such as ``"nearest to data"``.
        x: Samples in the order of the ranking, ``(B, C, H, W)``.
        nearest: The training image nearest to each, ``(B, C, H, W)``.
        scores: What they were ranked by, ``(B,)``.
    """

    title: str
    x: Tensor
    nearest: Tensor
    scores: Tensor


@style()
def ranked(ends: Sequence[Ranked]) -> Drawing:
    """Show ends of rankings: a row of samples, and below it the nearest training images.

    Args:
        ends: The ends, each with the same number of samples.
    """
    if not ends or not len(ends[0].x):
        raise RequestError("there are no samples to rank")
    columns = len(ends[0].x)
    rows = [row for end in ends for row in (end.x, end.nearest)]
    labels = [
        label
        for end in ends
        for label in (f"{end.title}\n{_range(end.scores)}", "nearest\nin training")
    ]
    pixels = [opaque(to_uint8(row)) for row in rows]
    scale = enlargement(pixels[0].shape[1:3], columns)
    mosaics = [tile_pixels(row, columns, PAD, scale) for row in pixels]
    left = round(max(text_width(line) for label in labels for line in label.split("\n")) * DPI)
    height = mosaics[0].shape[0]
    pair = 2 * height + PAD
    starts = [i // 2 * (pair + _SPACE) + i % 2 * (height + PAD) for i in range(len(rows))]
    whole = np.full((starts[-1] + height, *mosaics[0].shape[1:]), 255, np.uint8)
    for start, mosaic in zip(starts, mosaics, strict=True):
        whole[start : start + height] = mosaic
    figure, (ax,) = mosaic_figure([whole], left=left + 3 * PAD)
    ax.set_yticks([start + height / 2 for start in starts], labels)
    lean(ax)
    ax.tick_params(axis="y", length=0, pad=3, labelsize=SMALL)
    return figure


def _range(scores: Tensor) -> str:
    low, high = float(scores.min()), float(scores.max())
    one, two = f"{low:.3g}", f"{high:.3g}"
    return one if one == two else f"{one} to {two}"
