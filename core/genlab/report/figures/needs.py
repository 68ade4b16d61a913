"""What figures need of a run: each question is answered by a reason in words, or by None."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, StrictInt, StrictStr
from torch import Tensor

from genlab.components.dataset import DataSpec, Kind
from genlab.components.degradation import GaussianDegradation
from genlab.components.density import Flow
from genlab.diffusion.model import DensityModel, DiffusionModel
from genlab.errors import RequestError
from genlab.report.figure import Results
from genlab.report.figures.strips import CLOUD

__all__ = [
    "Columns",
    "Label",
    "Rows",
    "Time",
    "density_of",
    "diffusion_of",
    "no_classes",
    "no_density",
    "no_diffusion",
    "no_plane",
    "not_of_kind",
    "of_classes",
    "posteriors",
    "shown",
]

Time = Annotated[float, Field(ge=0, le=1)]
"""A time, from 0 (clean) to 1 (fully degraded)."""

Rows = Annotated[int, Field(ge=1, le=100)]
"""How many examples are shown, one below the other."""

Columns = Annotated[int, Field(ge=1, le=50)]
"""How many are shown side by side."""

Label = StrictInt | StrictStr
"""A class, by number (an int) or name (a string)."""


def no_diffusion(run: Results) -> str | None:
    """Say that the model degrades nothing."""
    if isinstance(run.model, DiffusionModel):
        return None
    return "the model is a density, which degrades nothing and walks nothing back"


def no_density(run: Results) -> str | None:
    """Say that the model is no density of the data."""
    return None if isinstance(run.model, DensityModel) else "the model is no density of the data"


def no_plane(run: Results) -> str | None:
    """Say that the data is no points of the plane."""
    if run.spec.shape == (2,):
        return None
    return f"it shows points of the plane, and this data is {said(run.spec)}"


def not_of_kind(run: Results, *kinds: Kind) -> str | None:
    """Say that the data is none of these kinds."""
    if run.spec.kind in kinds:
        return None
    wanted = " or ".join(f"{kind}s" for kind in kinds)
    return f"it shows {wanted}, and this data is {said(run.spec)}"


def no_classes(run: Results) -> str | None:
    """Say that the model knows no classes, or the test split has no labels."""
    if not run.spec.classes:
        return "there are no classes"
    if not run.model.conditional:
        return "the model was trained without classes"
    y = run.data.test.y
    return None if y is not None and bool((y >= 0).any()) else "the test split has no labels"


def unknown_labels(run: Results, labels: tuple[Label, ...] | None) -> str | None:
    """Say that the model cannot follow these labels."""
    if labels is None:
        return None
    if not run.model.conditional:
        return "labels: the model was trained without classes"
    return no_such_class(run.spec, labels)


def no_such_class(spec: DataSpec, labels: tuple[Label, ...]) -> str | None:
    """Say which of the labels is no class of the data."""
    if not spec.classes:
        return "labels: there are no classes"
    try:
        for label in labels:
            spec.class_of(label)
    except RequestError as error:
        return str(error)
    return None


def said(spec: DataSpec) -> str:
    """Name the data in words, such as ``"images of the shape (1, 8, 8)"``."""
    plural = spec.kind if spec.kind == "series" else f"{spec.kind}s"
    return f"{plural} of the shape {spec.shape}"


def diffusion_of(run: Results) -> DiffusionModel:
    """Return the model as one that walks back.

    Raises:
        RequestError: It is a density.
    """
    if isinstance(run.model, DiffusionModel):
        return run.model
    raise RequestError(no_diffusion(run))


def density_of(run: Results) -> DensityModel:
    """Return the model as a density of the data.

    Raises:
        RequestError: It is none.
    """
    if isinstance(run.model, DensityModel):
        return run.model
    raise RequestError(no_density(run))


def gaussian_of(model: DiffusionModel) -> GaussianDegradation:
    """Return the degradation of a model as Gaussian noise.

    Raises:
        RequestError: It is another one.
    """
    degradation = model.restorer.degradation
    if isinstance(degradation, GaussianDegradation):
        return degradation
    raise RequestError(f"{degradation!r} is no GaussianDegradation")


def is_flow(run: Results) -> bool:
    """Say whether the model has a latent space."""
    return isinstance(run.model, DensityModel) and isinstance(run.model.density, Flow)


def shown(spec: DataSpec, rows: int) -> int:
    """Return how many examples a strip takes: its rows, or a cloud of vectors."""
    return CLOUD if spec.kind == "vector" else rows


def of_classes(labels: tuple[Label, ...] | None, n: int) -> list[Label] | None:
    """Return a class for each of ``n`` samples, in turns; None where none was asked for."""
    return [labels[i % len(labels)] for i in range(n)] if labels else None


def posteriors(run: Results, n: int | None) -> tuple[Tensor, Tensor]:
    """Return what the model makes of test examples.

    Args:
        run: The run, whose model knows classes.
        n: How many examples at most; None: all.

    Returns:
        Log posteriors ``(N, classes)`` and the true labels ``(N,)``.
    """
    test = run.data.test
    x, y = test.first(len(test) if n is None else n)
    if y is None:
        raise RequestError("the test split has no labels")
    with torch.no_grad():
        return density_of(run).classify(x.cpu()), y.cpu()
