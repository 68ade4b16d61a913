"""Wrong arguments of Python are refused as the command line's are: one error in words, before any work."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import genlab
from genlab import DensityModel, DiffusionModel, RequestError
from genlab.diffusion import between, latent_mean, restore_by_posterior
from genlab.evaluation import restore_by, restore_given
from genlab.testing import Fade
from genlab.testing.results import SmallRun, small_runs
from genlab.testing.tiny import StepDown

RUNS = {run.name.split(", ")[0] + run.name.split(",")[1]: run for run in small_runs()[:4]}
IMAGES, POINTS = RUNS["images by diffusion"], RUNS["points by a flow"]
NAN = float("nan")


def diffusion(run: SmallRun = IMAGES) -> DiffusionModel:
    assert isinstance(run.model, DiffusionModel)
    return run.model


def flow() -> DensityModel:
    assert isinstance(POINTS.model, DensityModel)
    return POINTS.model


def a_pair() -> tuple[Tensor, Tensor]:
    x = IMAGES.data.test.first(2)[0]
    return x[:1], x[1:]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


X, Y = a_pair()
POINT = torch.zeros(3, 2)

OF_DATA: dict[str, tuple[Callable[[Any], object], Tensor]] = {
    "log_prob": (lambda x: flow().log_prob(x), POINT),
    "classify": (lambda x: flow().classify(x), POINT),
    "latent_mean": (lambda x: latent_mean(flow(), x), POINT),
    "evaluate": (lambda x: genlab.evaluate(x, POINTS.data, "mmd"), POINT),
    "interpolate from": (lambda x: genlab.interpolate(flow(), x, POINT), POINT),
    "interpolate to": (lambda x: genlab.interpolate(flow(), POINT, x), POINT),
    "interpolate a diffusion": (lambda x: genlab.interpolate(diffusion(), x, X, t=0.5), X),
    "restore": (lambda x: genlab.restore(diffusion(), x, t=0.5), X),
    "restore by a sampler": (lambda x: restore_by(diffusion(), x, method=StepDown(), t=0.5), X),
    "restore by the posterior": (
        lambda x: restore_by_posterior(diffusion(), x, Fade(), t=0.5), X
    ),
    "restore given images": (
        lambda x: restore_given(diffusion(), x, degrade=True, methods=["direct"]), X
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_DATA)
def test_data_of_another_shape_or_type_is_refused(name: str) -> None:
    use, right = OF_DATA[name]
    for wrong in (
        right[..., :1], right[:, None], right.flatten(), right.long(), right > 0, right[:0],
        torch.tensor(0.5), right.tolist(), None, "x",
    ):  # fmt: skip
        with pytest.raises(RequestError, match=r"shape|floats|tensor|no example|class"):
            use(wrong)


@pytest.mark.parametrize("name", OF_DATA)
def test_data_of_any_precision_is_taken(name: str) -> None:
    use, right = OF_DATA[name]
    want = use(right)
    for x in (right.double(), right.double().numpy()):
        found = use(x)
        if isinstance(want, Tensor) and isinstance(found, Tensor):
            torch.testing.assert_close(found, want)


COUNTS = [0, -1, 1.5, NAN, True, "3", 2.0]
TIMES = [0.0, -0.5, 1.5, NAN, math.inf, True, "0.5", None]
SCALES = [NAN, -1.0, math.inf, -math.inf, True, "2"]
LABELS = [1.0, NAN, True, 7, -1, "nine", [0], [0.0] * 4, torch.zeros(4), torch.zeros(4, 1).long()]
SAMPLERS = ["step-down", StepDown, 3]
Z = torch.randn(X.shape, generator=generator())

ASKED: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
    "n": (lambda v: diffusion().sample(v), COUNTS),
    "n of a trajectory": (lambda v: diffusion().trajectory(v), COUNTS),
    "n of a density": (lambda v: flow().sample(v), COUNTS),
    "n of labels": (lambda v: diffusion().labels(v), COUNTS),
    "n of a prior": (lambda v: diffusion().prior.sample(v, generator=generator()), COUNTS),
    "batch": (lambda v: diffusion().sample(2, batch=v), COUNTS),
    "batch of a density": (lambda v: flow().sample(2, batch=v), COUNTS),
    "steps": (lambda v: diffusion().sample(2, steps=v), COUNTS),
    "steps of a trajectory": (lambda v: diffusion().trajectory(2, steps=v), COUNTS),
    "steps of a restoration": (
        lambda v: genlab.restore(diffusion(), X, t=0.5, sampler=StepDown(), steps=v), COUNTS
    ),
    "steps of the posterior": (
        lambda v: restore_by_posterior(diffusion(), X, Fade(), steps=v), COUNTS
    ),
    "steps of a path": (lambda v: genlab.interpolate(diffusion(), X, Y, steps=v), COUNTS),
    "steps of the free function": (
        lambda v: genlab.trajectory(
            diffusion().estimates(), StepDown(), X, steps=v, generator=generator()
        ), COUNTS,
    ),
    "points": (lambda v: genlab.interpolate(diffusion(), X, Y, v), COUNTS),
    "points of a flow": (lambda v: genlab.interpolate(flow(), POINT, POINT, v), COUNTS),
    "points of a path": (lambda v: between(X, Y, v), COUNTS),
    "path": (lambda v: genlab.interpolate(flow(), POINT, POINT, path=v), ["curve", 3, ""]),
    "t": (lambda v: genlab.restore(diffusion(), X, t=v), TIMES),
    "t of the posterior": (lambda v: restore_by_posterior(diffusion(), X, Fade(), t=v), TIMES),
    "t of a path": (lambda v: genlab.interpolate(diffusion(), X, Y, t=v), TIMES),
    "start": (
        lambda v: genlab.trajectory(
            diffusion().estimates(), StepDown(), X, start=v, generator=generator()
        ), TIMES,
    ),
    "guidance": (lambda v: diffusion().sample(4, label=1, guidance=v), SCALES),
    "guidance of a trajectory": (lambda v: diffusion().trajectory(4, guidance=v), SCALES),
    "guidance of estimates": (lambda v: diffusion().estimates(guidance=v), SCALES),
    "label": (lambda v: diffusion().sample(4, label=v), LABELS),
    "label of a trajectory": (lambda v: diffusion().trajectory(4, label=v), LABELS),
    "label of a density": (lambda v: flow().sample(4, label=v), LABELS),
    "label of a restoration": (
        lambda v: genlab.restore(diffusion(), X.expand(4, -1, -1, -1), t=0.5, label=v), LABELS
    ),
    "sampler": (lambda v: diffusion().sample(2, sampler=v), SAMPLERS),
    "sampler of a path": (lambda v: genlab.interpolate(diffusion(), X, Y, sampler=v), SAMPLERS),
    "sampler of a restoration": (
        lambda v: genlab.restore(diffusion(), X, t=0.5, sampler=v), SAMPLERS
    ),
    "z": (
        lambda v: genlab.restore(diffusion(), X, t=0.5, z=v, sampler=StepDown()),
        [Z[0], Z[:, :, :4], torch.cat([Z, Z]), 3],
    ),
    "z of a degradation that draws nothing": (
        lambda v: restore_by_posterior(diffusion(), X, Fade(), z=v), [Z]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_for_wrongly_is_refused(name: str) -> None:
    use, values = ASKED[name]
    for wrong in values:
        with pytest.raises(RequestError) as refused:
            use(wrong)
        assert "\n" not in str(refused.value)


def test_numbers_of_numpy_are_numbers() -> None:
    model = diffusion()
    found = model.sample(
        np.int64(2), steps=np.int32(2), guidance=np.float32(1.5), label=np.int64(1)
    )  # type: ignore[arg-type]
    assert torch.equal(found, model.sample(2, steps=2, guidance=1.5, label=1))
    assert genlab.interpolate(model, X[0].numpy(), Y[0].numpy(), np.int64(3)).shape == (3, 1, 8, 8)  # type: ignore[arg-type]


def test_guidance_needs_classes() -> None:
    bare = diffusion(small_runs()[-1])
    for use in (bare.sample, bare.trajectory):
        with pytest.raises(RequestError, match="guidance: the model was trained without classes"):
            use(2, guidance=2.0)
