"""Whole models: labels, batches, steps, guidance and ranges of what is sampled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab import (
    DataSpec,
    DegradationTags,
    DensityModel,
    DiffusionModel,
    Prior,
    RequestError,
    Restorer,
    build,
)
from genlab.diffusion.checks import checked_data
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow, StepDown

VECTOR = DataSpec((2,), "vector")
CLASSES = DataSpec((2,), "vector", 3, ("1", "2", "3"))
IMAGE = DataSpec((1, 2, 2), "image")


class Shows(nn.Module):
    """A network that says the label of an example, and remembers times and labels."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.labels: list[list[int] | None] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.times.append(float(t[0]))
        self.labels.append(None if y is None else y.tolist())
        out = torch.zeros_like(x)
        return out if y is None else out + y.reshape(-1, *[1] * (x.ndim - 1))


def model(
    spec: DataSpec = VECTOR,
    *,
    prediction: Any = "x0",
    network: nn.Module | None = None,
    **more: Any,
) -> DiffusionModel:
    noise = CosineNoise()
    restorer = Restorer(network or Shows(), noise, prediction=prediction)
    return DiffusionModel(spec, restorer, Prior(noise, spec, None), StepDown(), **more)


def asked(made: DiffusionModel) -> Shows:
    backbone = made.restorer.backbone.module
    assert isinstance(backbone, Shows)
    return backbone


# --- labels


def test_labels_by_number_and_name() -> None:
    made = model(CLASSES, conditional=True)
    for label, want in (
        (1, [1, 1, 1]), ("1", [0, 0, 0]), ([0, 1, 2], [0, 1, 2]), (["3", 0, "1"], [2, 0, 0]),
        (torch.tensor([2, 0, 1]), [2, 0, 1]), ((2, 2, 0), [2, 2, 0]),
        (np.int64(1), [1, 1, 1]), (np.array([1, 0, 2]), [1, 0, 2]), (torch.tensor(1), [1, 1, 1]),
        ([np.int64(1), "1", torch.tensor(2)], [1, 0, 2]), ("index:1", [1, 1, 1]), ("name:1", [0, 0, 0]),
    ):  # fmt: skip
        found = made.labels(3, label)
        assert found is not None
        assert found.tolist() == want
        assert found.dtype == torch.int64


def test_labels_are_drawn_evenly_and_by_the_seed() -> None:
    made = model(CLASSES, conditional=True)
    drawn = made.labels(30_000, seed=3)
    assert drawn is not None
    counts = drawn.bincount(minlength=3)
    assert len(counts) == 3
    assert bool(((counts - 10_000).abs() < 5 * math.sqrt(30_000 * 2 / 9)).all())
    assert torch.equal(drawn, made.labels(30_000, seed=3))  # type: ignore[arg-type]
    assert not torch.equal(drawn, made.labels(30_000, seed=4))  # type: ignore[arg-type]


def test_without_classes_there_are_no_labels() -> None:
    assert model(CLASSES).labels(4) is None


@pytest.mark.parametrize(
    ("conditional", "n", "label", "message"),
    [
        (True, 2, [0, 1, 2], "there are 3 labels for 2 samples"),
        (True, 2, "four", r"unknown class 'four'.*There are: 1, 2, 3"),
        (True, 2, 3, "unknown class '3'"),
        (True, 2, [0, -1], "unknown class '-1'"),
        (
            False,
            2,
            0,
            r"label 0: the model was trained without classes.*training\.conditional=true",
        ),
        (True, 0, None, "n = 0: at least one sample is needed"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    conditional: bool, n: int, label: Any, message: str
) -> None:
    made = model(CLASSES, conditional=conditional)
    for refused in (made.labels, made.sample):
        with pytest.raises(RequestError, match=message):
            refused(n, label=label)


# --- sampling a diffusion


def test_a_sample_is_where_a_trajectory_ends() -> None:
    """The network says the label, which is the estimate, and so where ``StepDown`` ends at t = 0."""
    made = model(CLASSES, conditional=True)
    x = made.sample(5, label=[0, 2, 1, 0, 2])
    assert x.tolist() == [[0, 0], [2, 2], [1, 1], [0, 0], [2, 2]]
    assert asked(made).labels == [[0, 2, 1, 0, 2]] * 3


def test_class_0_is_a_class_and_no_label_is_none() -> None:
    made = model(CLASSES, conditional=True)
    made.sample(2, label=0)
    assert asked(made).labels[0] == [0, 0]
    plain = model(VECTOR)
    plain.sample(2)
    assert asked(plain).labels[0] is None


def test_labels_follow_their_examples_through_the_batches() -> None:
    made = model(CLASSES, conditional=True, batch=2, steps=1)
    label = [0, 2, 1, 0, 2]
    assert made.sample(5, label=label)[:, 0].tolist() == label
    assert asked(made).labels == [[0, 2], [1, 0], [2]]
    drawn = made.labels(5, seed=9)
    assert drawn is not None
    assert made.sample(5, seed=9)[:, 0].tolist() == drawn.tolist()


def noisy(**more: Any) -> DiffusionModel:
    return model(prediction="v", **more)


def test_batches_differ_and_the_same_seed_gives_the_same() -> None:
    made = noisy(batch=4)
    x = made.sample(10)
    assert x.shape == (10, 2)
    assert len({tuple(row) for row in x.tolist()}) == 10
    assert torch.equal(x, made.sample(10))
    assert not torch.equal(x, made.sample(10, seed=1))
    assert torch.equal(x[:4], made.sample(4)), "the first batch is that of fewer samples"
    assert not torch.equal(x, made.sample(10, batch=5))
    assert torch.equal(noisy().sample(10, batch=4), x)


def test_neighbouring_seeds_share_no_batch() -> None:
    made = noisy(batch=2)
    rows = [tuple(row) for seed in range(4) for row in made.sample(6, seed=seed).tolist()]
    assert len(set(rows)) == len(rows)


def test_what_is_drawn_is_told() -> None:
    told: list[int] = []
    noisy(batch=4).sample(10, advance=told.append)
    assert told == [4, 8, 10]


@pytest.mark.parametrize(
    ("of_model", "asked_for", "sampler", "steps"),
    [
        (None, None, None, StepDown.usual_steps),
        (7, None, None, 7),
        (7, 2, None, 2),
        (7, None, "ddim", 50),
        (7, 5, "ddim", 5),
    ],
)
def test_the_model_s_own_steps_are_used(
    of_model: int | None, asked_for: int | None, sampler: str | None, steps: int
) -> None:
    made = model(steps=of_model)
    built = None if sampler is None else build("sampler", sampler)
    made.sample(2, steps=asked_for, sampler=built)
    assert len(asked(made).times) == steps
    assert asked(made).times[0] == pytest.approx(1.0)
    assert len(list(made.trajectory(2, steps=asked_for, sampler=built))) == steps + 1


@pytest.mark.parametrize("steps", [0, -3])
def test_no_step_is_refused(steps: int) -> None:
    with pytest.raises(RequestError, match=f"steps = {steps}: a trajectory has at least one step"):
        model().sample(2, steps=steps)


@pytest.mark.parametrize(
    ("own", "asked_for", "scale"), [(1.0, None, 1), (2.0, None, 2), (2.0, 0.5, 0.5), (1.0, 3, 3)]
)
def test_guidance_is_the_model_s_own_unless_it_is_said(
    own: float, asked_for: float | None, scale: float
) -> None:
    """The network says the label y, and -1 without one: guided, -1 + w (y + 1)."""
    made = model(CLASSES, conditional=True, guidance=own, steps=1)
    x = made.sample(3, label=[0, 1, 2], guidance=asked_for)
    torch.testing.assert_close(x[:, 0], -1 + scale * torch.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("conditional", "guidance", "message"),
    [
        (False, 2.0, r"guidance: the model was trained without classes"),
        (True, -1.0, r"guidance = -1\.0: it is a finite number of at least 0"),
        (True, math.inf, r"guidance = inf: it is a finite number"),
        (True, math.nan, r"guidance = nan: it is a finite number"),
    ],
)
def test_wrong_guidance_is_refused(conditional: bool, guidance: float, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        model(CLASSES, conditional=conditional).sample(2, guidance=guidance)


class Beyond(nn.Module):
    """Says 3 everywhere."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.full_like(x, 3.0)


class Overshoots(StepDown):
    """Ends beyond the estimate."""

    def step(
        self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any
    ) -> tuple[Tensor, Any]:
        return 5 * restorer(x_t, t), state


def test_what_is_bounded_is_kept_in_its_bounds() -> None:
    """Both the estimates and where a trajectory ends; vectors are not bounded."""
    image = model(IMAGE, network=Beyond())
    estimate = image.estimates()(torch.zeros(1, 1, 2, 2), torch.ones(1))
    assert bool((estimate == 1).all())
    assert bool((image.sample(2, sampler=Overshoots()) == 1).all())
    vector = model(VECTOR, network=Beyond())
    assert bool((vector.estimates()(torch.zeros(1, 2), torch.ones(1)) == 3).all())
    assert bool((vector.sample(2, sampler=Overshoots()) == 15).all())
    assert image.averaged


def test_a_trajectory_of_a_deterministic_degradation_starts_under_its_noise() -> None:
    """Fade advises noise of .04, and the prior's states are constant: the rest is noise."""
    fade = Fade()
    spec = DataSpec((1, 8, 8), "image")
    density = AffineFlow(DataSpec((1,), "vector"))
    restorer = Restorer(Beyond(), fade)
    made = DiffusionModel(spec, restorer, Prior(fade, spec, density), StepDown())
    first, *_, before, last = made.trajectory(200, steps=3)
    noise = first.x_t - first.x_t.mean((-2, -1), keepdim=True)
    assert float(noise.square().mean().sqrt()) == pytest.approx(0.04 * math.sqrt(63 / 64), rel=0.03)
    assert torch.equal(last.x_t, before.estimate)


# --- a density


def density(spec: DataSpec, **more: Any) -> DensityModel:
    torch.manual_seed(1)
    return DensityModel(spec, AffineFlow(spec), **more)


def test_a_density_is_sampled_at_once() -> None:
    made = density(VECTOR, batch=3)
    x = made.sample(8)
    assert x.shape == (8, 2)
    assert torch.equal(x, made.sample(8))
    assert not torch.equal(x, made.sample(8, seed=1))
    assert len({tuple(row) for row in x.tolist()}) == 8, "batches differ"
    told: list[int] = []
    made.sample(8, advance=told.append)
    assert told == [3, 6, 8]


def test_a_density_follows_labels() -> None:
    made = density(CLASSES, conditional=True, batch=700)
    assert isinstance(made.density, AffineFlow)
    assert made.density.centres is not None
    centres = made.density.centres.detach()
    y = torch.arange(3000) % 3
    x = made.sample(3000, label=y)
    for k in range(3):
        torch.testing.assert_close(x[y == k].mean(0), centres[k], rtol=0, atol=0.15)
    assert float(made.sample(4000, label=0).mean(0)[0]) == pytest.approx(
        float(centres[0, 0]), abs=0.08
    )


@pytest.mark.parametrize("given", [{"steps": 3}, {"sampler": StepDown()}, {"guidance": 1.0}])
def test_a_density_takes_no_trajectory(given: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="takes neither steps nor a sampler nor guidance"):
        density(VECTOR).sample(2, **given)


def test_a_temperature_is_the_factor_of_the_noise() -> None:
    """The model's own unless it is said; the same noise at every temperature."""
    warm, cool = density(VECTOR), density(VECTOR, temperature=0.25)
    x, centre = warm.sample(50, seed=1), warm.sample(50, seed=1, temperature=1e-9)
    torch.testing.assert_close(cool.sample(50, seed=1), centre + 0.25 * (x - centre))
    torch.testing.assert_close(warm.sample(50, seed=1, temperature=0.25), cool.sample(50, seed=1))
    torch.testing.assert_close(cool.sample(50, seed=1, temperature=1), x)
    torch.testing.assert_close(cool.log_prob(x), warm.log_prob(x))


def test_only_flows_take_a_temperature_above_0() -> None:
    for wrong in (0, -1.0, math.nan, math.inf, "hot"):
        with pytest.raises(RequestError, match=r"it is a finite number above 0"):
            density(VECTOR, temperature=wrong)
        with pytest.raises(RequestError, match=r"it is a finite number above 0"):
            density(VECTOR).sample(2, temperature=wrong)  # type: ignore[arg-type]
    normal = build("density", "normal", VECTOR)
    with pytest.raises(RequestError, match=r"temperature = 0\.5: Normal is sampled as it is"):
        DensityModel(VECTOR, normal, temperature=0.5)
    assert DensityModel(VECTOR, normal, temperature=1).temperature == 1
    with pytest.raises(RequestError, match="a diffusion takes no temperature"):
        model().sample(2, temperature=0.5)


def test_samples_of_images_stay_in_their_range() -> None:
    made = density(IMAGE)
    x = made.sample(200)
    assert float(x.abs().max()) == 1.0
    assert float(density(VECTOR).sample(200).abs().max()) > 1.0


def test_log_densities_are_those_of_the_density_in_any_batch() -> None:
    made = density(VECTOR, batch=3)
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    want = -0.5 * (x.square().sum(1) + 2 * math.log(2 * math.pi))
    torch.testing.assert_close(made.log_prob(x), want.float())
    assert not made.log_prob(x).requires_grad


def test_posteriors_are_those_of_the_density() -> None:
    made = density(CLASSES, conditional=True, batch=3)
    x = torch.randn(7, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made.classify(x), made.density.classify(x))
    with pytest.raises(RequestError, match="trained without classes; genlab run --classify"):
        density(CLASSES).classify(x)


def test_a_flow_has_a_latent_space_and_another_density_has_none() -> None:
    made = density(VECTOR)
    assert made.flow is made.density
    assert made.averaged
    normal = DensityModel(VECTOR, build("density", "normal", VECTOR))
    assert not normal.averaged
    with pytest.raises(RequestError, match="Normal is no flow and has no latent space"):
        _ = normal.flow


def test_data_of_another_shape_is_refused() -> None:
    for refused in (density(VECTOR).log_prob, lambda x: checked_data(x, VECTOR)):
        with pytest.raises(
            RequestError, match=r"the data has the shape \(3,\), the model's \(2,\)"
        ):
            refused(torch.zeros(4, 3))


def test_tags_of_a_stochastic_degradation_are_not_needed_for_sampling() -> None:
    class Covered(Fade):
        """Draws something for each example."""

        tags = DegradationTags(stochastic=True)

        def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:  # type: ignore[override]
            return torch.rand(len(x_0), 1, generator=generator)

    class Keeps(StepDown):
        """Keeps the draw where it can be seen."""

        seen: Tensor | None = None

        def init(self, restorer: Any, x_t: Any, t: Any, z: Any, *, generator: Any) -> Any:
            self.seen = z
            return z

    spec, sampler = DataSpec((1, 2, 2), "image"), Keeps()
    covered = Covered()
    prior = Prior(covered, spec, AffineFlow(DataSpec((1,), "vector")))
    made = DiffusionModel(spec, Restorer(Beyond(), covered), prior, sampler)
    made.sample(5)
    assert sampler.seen is not None
    assert len(sampler.seen.unique()) == 5, "a draw for each example"
