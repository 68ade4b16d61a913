"""From a configuration to components that fit together, before any work."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import (
    ArrayDataset,
    Backbone,
    BackboneTags,
    DataSpec,
    Denoising,
    DensityModel,
    DensityTags,
    DiffusionModel,
    FittedDensity,
    Likelihood,
    Metric,
    MetricTags,
    RequestError,
    pick_device,
)
from genlab.config import (
    AllParts,
    Resolution,
    assemble,
    assemble_model,
    require_metrics_fit,
    resolve,
)
from genlab.testing import Fade
from genlab.testing.tiny import AffineFlow, Perceptron, StepDown, TwoNormals

CPU = torch.device("cpu")
IMAGES = ArrayDataset(
    x=torch.linspace(-1, 1, 8)[:, None, None, None].repeat(1, 1, 4, 4), y=torch.arange(8) % 2
)


def built(tables: dict[str, Any]) -> tuple[AllParts, Resolution]:
    backbone = {} if "density" in tables else {"backbone": Perceptron}
    resolution = resolve({"dataset": IMAGES, **backbone, **tables})
    spec = resolution.dataset.spec
    return assemble(resolution.config, spec, resolution.objects, device=CPU), resolution


def parts(**tables: Any) -> AllParts:
    return built(tables)[0]


# --- what is built


def test_a_diffusion_has_its_parts_and_its_settings() -> None:
    made = parts(
        degradation=Fade(), sampler=StepDown(), prior="normal", restorer={"jitter": 0.3},
        sampling={"steps": 7, "batch": 11, "guidance": 2.0}, training={"conditional": True},
        objective={"loss": "l2", "terminal": 0.5},
    )  # fmt: skip
    model = made.model
    assert isinstance(model, DiffusionModel)
    assert (model.steps, model.batch, model.guidance, model.conditional) == (7, 11, 2.0, True)
    assert model.sampler == StepDown()
    assert model.restorer.degradation == model.prior.degradation == Fade()
    assert (model.restorer.jitter, model.restorer.prediction) == (0.3, "x0")
    assert made.trained is model.restorer
    assert made.module is model.restorer.backbone
    assert isinstance(made.module, Perceptron)
    assert made.prior is model.prior.density
    assert isinstance(made.objective, Denoising)
    assert made.objective.restorer is model.restorer
    assert (made.objective.loss, made.objective.terminal) == ("l2", 0.5)
    assert list(made.metrics) == ["classifier-confidence"]


def test_the_usual_steps_are_the_sampler_s() -> None:
    model = parts(degradation=Fade(), sampler=StepDown()).model
    assert isinstance(model, DiffusionModel)
    assert model.steps == StepDown.usual_steps
    assert parts(degradation="gaussian").prior is None
    assert not model.conditional


def test_a_density_alone_has_its_parts() -> None:
    made = parts(density=AffineFlow, sampling={"batch": 11}, training={"conditional": True})
    model = made.model
    assert isinstance(model, DensityModel)
    assert (model.batch, model.conditional) == (11, True)
    assert model.density is made.module is made.trained
    assert made.prior is None
    assert isinstance(made.objective, Likelihood)
    assert made.objective.density is model.density
    fitted = parts(density="normal")
    assert fitted.objective is None
    assert isinstance(fitted.module, FittedDensity)


@pytest.mark.parametrize("conditional", [False, True])
def test_a_model_is_told_the_classes_where_it_learns_them(conditional: bool) -> None:
    """A prior knows them anyway, so that it gives samples of all of them."""
    made = parts(degradation=Fade(), prior=AffineFlow, training={"conditional": conditional})
    assert isinstance(made.module, Perceptron)
    assert (made.module.label is not None) == conditional
    assert isinstance(made.prior, AffineFlow)
    assert made.prior.centres is not None
    assert len(made.prior.centres) == 2
    alone = parts(density=AffineFlow, training={"conditional": conditional}).module
    assert isinstance(alone, AffineFlow)
    assert (alone.centres is not None) == conditional


class Plain(AffineFlow):
    """A flow without classes."""

    tags = DensityTags(data=frozenset({"vector", "image"}))


def test_a_prior_without_classes_is_told_none_and_refused_where_they_are_learned() -> None:
    prior = parts(degradation=Fade(), prior=Plain).prior
    assert isinstance(prior, Plain)
    assert prior.centres is None
    message = r"^training\.conditional: the prior 'Plain' knows no classes\. These do: .*gmm"
    with pytest.raises(RequestError, match=message):
        parts(degradation=Fade(), prior=Plain, training={"conditional": True})
    with pytest.raises(RequestError, match=r"the density 'Plain' knows no classes"):
        parts(density=Plain, training={"conditional": True})


def test_the_deviation_of_the_data_is_that_of_its_kind() -> None:
    for dataset, deviation in ((IMAGES, 0.5), (TwoNormals(), 1.0)):
        model = parts(dataset=dataset, degradation=Fade()).model
        assert isinstance(model, DiffusionModel)
        assert model.restorer.deviation == deviation


def weights(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def test_the_same_seed_builds_the_same_weights_and_leaves_the_global_generator() -> None:
    torch.manual_seed(9)
    state = torch.get_rng_state()
    found = []
    for seed in (3, 3, 4):
        made = parts(degradation=Fade(), prior=AffineFlow, seed=seed)
        assert made.prior is not None
        found.append((weights(made.module), weights(made.prior)))
    assert torch.equal(torch.get_rng_state(), state)
    for part in (0, 1):
        assert all(map(torch.equal, found[0][part], found[1][part]))
    assert not all(map(torch.equal, found[0][0], found[2][0]))


def test_a_model_without_its_training_is_the_same_model() -> None:
    made, resolution = built({"degradation": Fade(), "prior": AffineFlow})
    alone = assemble_model(resolution.config, IMAGES.spec, resolution.objects, device=CPU)
    assert not isinstance(alone, AllParts)
    assert all(map(torch.equal, weights(alone.module), weights(made.module)))
    assert alone.prior is not None
    assert made.prior is not None
    assert all(map(torch.equal, weights(alone.prior), weights(made.prior)))


def test_objects_are_used_as_they_are_and_modules_copied() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(1, 1, 1)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.layer(x)
            return out

    net, sampler = Net(), StepDown()
    made = parts(degradation=Fade(), backbone=net, sampler=sampler)
    assert made.model.sampler is sampler  # type: ignore[attr-defined]
    inner = made.module.module
    assert isinstance(inner, Net)
    assert inner is not net
    assert torch.equal(inner.layer.weight, net.layer.weight)


class Count(Metric):
    """Counts."""

    tags = MetricTags(data=frozenset({"image"}))

    def fit(self, train: Any, spec: Any, *, seed: int) -> None:
        return None

    def score(self, fitted: None, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"Count": len(x)}


def test_metrics_by_name_and_as_objects() -> None:
    count = Count()
    made = parts(
        degradation=Fade(), metrics=[count, {"name": "sliced-wasserstein", "projections": 3}]
    )
    assert made.metrics["Count"] is count
    assert made.metrics["sliced-wasserstein"].params == {"projections": 3}
    require_metrics_fit(made, IMAGES)
    with pytest.raises(RequestError, match="the metric 'Count' is for image data"):
        require_metrics_fit(made, TwoNormals())
    assert isinstance(parts(degradation=Fade(), metrics=Count).metrics["Count"], Count)


# --- what does not fit


class ImageFlow(AffineFlow):
    """A flow for images alone."""

    tags = DensityTags(conditional=True, data=frozenset({"image"}))


class Images(Backbone):
    """A network for images alone."""

    tags = BackboneTags(data=frozenset({"image"}))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"sampler": "ddim"},
            r"^the sampler 'ddim' needs a DiagonalDegradation, and Fade.*These fit it: .*cold",
        ),
        (
            {"dataset": TwoNormals(), "backbone": "unet"},
            r"^the backbone 'unet' is for image data, and this data is vector data of .*These fit: .*mlp",
        ),
        ({"dataset": TwoNormals(), "backbone": Images}, "^the backbone 'Images' is for image data"),
        (
            {"degradation": None, "density": ImageFlow, "dataset": TwoNormals()},
            "^the density 'ImageFlow' is for image data",
        ),
        (
            {"prior": ImageFlow},
            "^the density 'ImageFlow' is for image data, and this data is vector data",
        ),
        (
            {"objective": "likelihood"},
            r"^the objective 'likelihood' trains a Density, and this is a Restorer",
        ),
        (
            {"degradation": None, "density": AffineFlow, "objective": "denoising"},
            "^the objective 'denoising' trains a Restorer, and this is a AffineFlow",
        ),
        ({"restorer": {"prediction": "eps"}}, r"restorer\.prediction = 'eps' needs Gaussian noise"),
        ({"objective": {"weight": "edm"}}, r"objective\.weight = 'edm' needs Gaussian noise"),
        (
            {"degradation": "gaussian", "backbone": nn.Linear(2, 2)},
            "the module Linear is no backbone",
        ),
        (
            {"degradation": "mix", "sampler": {"name": "ddpm"}},
            "the sampler 'ddpm' needs a DiagonalDegradation",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(tables: dict[str, Any], message: str) -> None:
    given = {"degradation": Fade(), **tables}
    with pytest.raises(RequestError, match=message) as caught:
        built({k: v for k, v in given.items() if v is not None})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("slot", "built_for", "message"),
    [
        (
            "backbone",
            DataSpec((1, 8, 8), "image"),
            r"shape \(1, 8, 8\) with 0 classes, and this is of the shape",
        ),
        ("backbone", DataSpec((1, 4, 4), "image"), "with 0 classes, and this is .* with 2"),
        ("backbone", DataSpec((1, 4, 4), "image", 3), "with 3 classes"),
        (
            "prior",
            DataSpec((2,), "vector", 2),
            r"the prior AffineFlow was built for data of the shape \(2,\)",
        ),
        (
            "density",
            DataSpec((1, 4, 4), "image", 3),
            "the density AffineFlow was built for .* 3 classes",
        ),
    ],
)
def test_an_object_that_was_built_for_other_data_is_refused(
    slot: str, built_for: DataSpec, message: str
) -> None:
    cls = Perceptron if slot == "backbone" else AffineFlow
    degradation = {} if slot == "density" else {"degradation": Fade()}
    with pytest.raises(RequestError, match=message):
        parts(**degradation, **{slot: cls(built_for)}, training={"conditional": True})


def test_an_object_that_knows_more_classes_than_it_is_told_is_not() -> None:
    made = parts(
        degradation=Fade(),
        backbone=Perceptron(IMAGES.spec),
        prior=AffineFlow(DataSpec((1,), "vector", 2)),
    )
    assert isinstance(made.module, Perceptron)


def test_times_that_need_more_of_a_degradation_say_so_before_any_work() -> None:
    from genlab.testing import NoisyFade

    with pytest.raises(RequestError, match="log-snr"):
        parts(
            dataset=TwoNormals(),
            degradation=NoisyFade(),
            sampler={"name": "ddim", "grid": "log-snr"},
        )


# --- devices


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "device"),
    [
        (False, False, "auto", "cpu"), (True, False, "auto", "cuda"), (False, True, "auto", "mps"),
        (True, True, "auto", "cuda"), (True, False, "cpu", "cpu"), (True, False, "cuda:0", "cuda:0"),
    ],
)  # fmt: skip
def test_the_best_device_there_is(
    cuda: bool, mps: bool, name: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert pick_device(name) == torch.device(device)


@pytest.mark.parametrize("name", ["cuda", "tpu", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(RequestError, match=rf"^--device '{name}': here there are auto, cpu$"):
        pick_device(name)


def test_assembling_leaves_the_configuration_as_it_was() -> None:
    resolution = resolve({"dataset": IMAGES, "degradation": Fade(), "backbone": Perceptron})
    before = copy.deepcopy(resolution.config)
    assemble(resolution.config, IMAGES.spec, resolution.objects, device=CPU)
    assert resolution.config == before


def test_functions_of_the_spec_are_told_what_the_model_knows() -> None:
    told: list[DataSpec] = []

    def network(spec: DataSpec) -> nn.Module:
        told.append(spec)
        return Perceptron(spec)

    parts(degradation=Fade(), backbone=network)
    parts(degradation=Fade(), backbone=network, training={"conditional": True})
    assert [spec.classes for spec in told] == [0, 2]
