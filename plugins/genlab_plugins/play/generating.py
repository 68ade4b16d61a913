"""Samples, and the way there: with any sampler, prior and class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab import (
    AdditiveDegradation,
    DiffusionModel,
    FittedDensity,
    RequestError,
    Run,
    Step,
    build,
    nearest,
    registry,
    sub_seed,
)

__all__ = ["OF_THE_RUN", "TEST_IMAGES", "Choice", "Likeness", "likenesses", "priors", "walk"]

OF_THE_RUN = "as trained"
"""The prior that the run has."""

TEST_IMAGES = "test images"
"""Fully degraded test images in the place of a prior: the best that any prior could draw."""


@dataclass(frozen=True)
class Choice:
    """What samples are asked for.

    Args:
        n: How many.
        steps: Steps of the sampler; None: those of the run, or the usual of another sampler.
        sampler: Its name; None: that of the run.
        seed: The seed.
        label: A class by its number; None: classes at random.
        guidance: Scale of guidance; None: that of the run.
        prior: Where trajectories start, one of :func:`priors`.
    """

    n: int = 16
    steps: int | None = None
    sampler: str | None = None
    seed: int = 0
    label: int | None = None
    guidance: float | None = None
    prior: str = OF_THE_RUN


@dataclass(frozen=True)
class Likeness:
    """The training image that is nearest to a sample.

    Args:
        image: It, ``(C, H, W)``.
        distance: Its distance, as the root of the mean square over the pixels, in grey levels of [-1, 1].
        index: Its number among the training images.
    """

    image: Tensor
    distance: float
    index: int


def priors(run: Run) -> list[str]:
    """Return where trajectories can start; nothing to choose where nothing is left of data at t = 1."""
    model = run.model
    if not isinstance(model, DiffusionModel) or model.prior.density is None:
        return []
    return [OF_THE_RUN, TEST_IMAGES, *_fitted()]


def walk(run: Run, choice: Choice) -> Iterator[Step]:
    """Give the states of samples on their way back, the last at t = 0; a density has that one alone.

    Args:
        run: The run.
        choice: What is asked for.

    Raises:
        RequestError: The sampler does not fit, or there is no such prior or class.
    """
    model = run.model
    if not isinstance(model, DiffusionModel):
        x = run.sample(choice.n, seed=choice.seed, label=choice.label)
        return iter([Step(0.0, x, x)])
    if choice.prior == TEST_IMAGES:
        return _from_test_images(run, model, choice)
    if choice.prior != OF_THE_RUN:
        if choice.prior not in _fitted():
            known = ", ".join(priors(run)) or "none"
            raise RequestError(f"prior = {choice.prior!r}: there are {known}")
        model = run.model_from(choice.prior)
    return model.trajectory(
        choice.n, seed=choice.seed, steps=choice.steps, label=choice.label,
        sampler=build("sampler", choice.sampler) if choice.sampler else None,
        guidance=choice.guidance,
    )  # fmt: skip


def likenesses(run: Run, x: Tensor) -> list[Likeness]:
    """Return the nearest training image of each sample.

    Args:
        run: The run.
        x: Samples ``(N, C, H, W)``.
    """
    distances, places = nearest(x, run.data.train)
    images = run.data.train.take(places.to(run.data.train.device))[0].cpu()
    size = x[0].numel() ** 0.5
    return [
        Likeness(image, float(distance) / size, int(place))
        for image, distance, place in zip(images, distances, places, strict=True)
    ]


def _fitted() -> list[str]:
    """Return the densities that are fitted at once, which a page need not wait for."""
    found = []
    for name in registry("density").names():
        try:
            cls = registry("density").get(name)
        except RequestError:  # a foreign one that cannot be imported
            continue
        if issubclass(cls, FittedDensity) and "vector" in cls.tags.data:
            found.append(name)
    return found


def _from_test_images(run: Run, model: DiffusionModel, choice: Choice) -> Iterator[Step]:
    x_0, y = _of_class(run, choice)
    degradation = run.degradation
    generator = torch.Generator(model.device).manual_seed(sub_seed(choice.seed, "play"))
    x_0 = x_0.to(model.device)
    z = degradation.draw(x_0, generator=generator)
    x_1 = degradation.degrade(x_0, torch.ones(len(x_0), device=model.device), z)
    return model.trajectory_from(
        x_1, None if isinstance(degradation, AdditiveDegradation) else z, generator=generator,
        steps=choice.steps, sampler=build("sampler", choice.sampler) if choice.sampler else None,
        y=y.to(model.device) if model.conditional and y is not None else None,
        guidance=choice.guidance,
    )  # fmt: skip


def _of_class(run: Run, choice: Choice) -> tuple[Tensor, Tensor | None]:
    """Return test images chosen at random, of the class that is asked for."""
    test, generator = run.data.test, torch.Generator().manual_seed(sub_seed(choice.seed, "play"))
    places = torch.randperm(len(test), generator=generator)
    if choice.label is not None and test.y is not None:
        places = places[test.y.cpu()[places] == choice.label]
    return test.take(places[: choice.n].to(test.device))
