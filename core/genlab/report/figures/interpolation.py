"""Interpolation: paths from one example to another, through a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.diffusion.interpolation import interpolate
from genlab.diffusion.paths import Path
from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import Label, is_flow, no_diffusion, no_such_class, not_of_kind
from genlab.report.figures.strips import headings, image_strip
from genlab.report.figures.style import style
from genlab.report.pairs import class_pairs, example_pairs

__all__ = ["Interpolation", "interpolation", "made_by"]

_Time = Annotated[float, Field(gt=0, le=1)]


class Interpolation(Figure):
    """Paths between pairs of test images: in degraded states, or in the latent space of a flow.

    Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), fig. 8, and fig. 9 for several times.

    Args:
        pairs: How many pairs of images.
        points: Points of a path, both ends included.
        t: How far both ends are degraded, for a diffusion. Several times: a row for each, of the first pair.
        path: ``"linear"`` or ``"slerp"``. None: slerp in the latent space of a flow, and linear in degraded
            states.
        labels: Classes by number or name that paths begin and end with. None: pairs of two classes each.
        even: Whether the points stand where neighbours differ alike, instead of at even lambda, at which a
            path may stand still for long and change at once.
    """

    def __init__(
        self,
        *,
        pairs: Annotated[int, Field(ge=1, le=20)] = 4,
        points: Annotated[int, Field(ge=2, le=30)] = 11,
        t: _Time | Annotated[tuple[_Time, ...], Field(min_length=1)] = 0.5,
        path: Path | None = None,
        labels: tuple[Label, Label] | None = None,
        even: bool = True,
    ) -> None:
        self.pairs, self.points, self.t, self.path, self.labels = pairs, points, t, path, labels
        self.even = even

    def fits(self, run: Results) -> str | None:
        """Ask for images, for something to interpolate in, and for a pair of test images."""
        reason = not_of_kind(run, "image")
        if reason:
            return reason
        if no_diffusion(run) and not is_flow(run):
            return "the model is neither a diffusion nor a flow: it has no latent space"
        if self.labels is not None and (reason := no_such_class(run.spec, self.labels)):
            return reason
        try:
            a, _ = self._ends(run)
        except RequestError as error:
            return str(error)
        return None if len(a) else "the test split has no pair of images to interpolate between"

    def draw(self, run: Results) -> Drawing:
        """Interpolate between test images."""
        a, b = self._ends(run)
        if no_diffusion(run):
            return self._drawn(run, a, b, self._between(run, a, b, 1.0), None)
        if isinstance(self.t, float):
            return self._drawn(run, a, b, self._between(run, a, b, self.t), self.t)
        a, b = (x[:1].expand(len(self.t), *x.shape[1:]) for x in (a, b))
        rows = [self._between(run, a[:1], b[:1], t) for t in self.t]
        names = [f"t = {t:.3g}" for t in self.t]
        return self._drawn(run, a, b, torch.cat(rows, 1), None, names)

    def _drawn(
        self,
        run: Results,
        a: Tensor,
        b: Tensor,
        between: Tensor,
        t: float | None,
        names: Sequence[str] = (),
    ) -> Drawing:
        note = made_by(t, self.even)
        return interpolation(a, b, between, run.spec, names=names, note=note, even=self.even)

    def _between(self, run: Results, a: Tensor, b: Tensor, t: float) -> Tensor:
        return interpolate(
            run.model, a, b, self.points, t, path=self.path, seed=run.seed, even=self.even
        )

    def _ends(self, run: Results) -> tuple[Tensor, Tensor]:
        if self.labels is None:
            return example_pairs(run.data.test, self.pairs)
        return class_pairs(run.data.test, run.spec, *self.labels, self.pairs)


def made_by(t: float | None, even: bool) -> str:
    """Return the note that says how far both ends are degraded, if at all, and where the points stand."""
    degraded = "" if t is None else f"both sources degraded to t = {t:.3g}"
    spaced = "points where neighbours differ alike" if even else ""
    return "; ".join(filter(None, [degraded, spaced]))


@style()
def interpolation(
    a: Tensor,
    b: Tensor,
    between: Tensor,
    spec: DataSpec,
    *,
    names: Sequence[str] = (),
    note: str = "",
    even: bool = False,
) -> Drawing:
    """Show paths between pairs of images: source, what the model made of the path, source.

    One row per pair. The columns beside the sources are their reconstructions, at lambda = 0 and 1.

    Source: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), fig. 8.

    Args:
        a: Where the paths begin, ``(B, C, H, W)``.
        b: Where they end, ``(B, C, H, W)``.
        between: Points of the paths, ``(points, B, C, H, W)``.
        spec: What the data is.
        names: One for each row, written at its left.
        note: A line below them.
        even: Whether the points stand where neighbours differ alike, at other lambda in every row.
    """
    if spec.kind != "image":
        raise RequestError(
            f"the figure of an interpolation shows images; this data is of the kind {spec.kind!r}"
        )
    count = len(between)
    shares = [f"{i / max(count - 1, 1):.2g}" for i in range(count)]
    columns = torch.stack([a.cpu(), *between.cpu(), b.cpu()], 1)
    middle = headings("λ = ", shares, 0)
    middle[1:-1] = [""] * (count - 2) if even else middle[1:-1]
    labels = ["source", *middle, "source"]
    return image_strip(columns, labels, names=names, note=note)
