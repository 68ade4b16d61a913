"""From a request to a resolved configuration: what fills the gaps, what is written, and what is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
import torch

from genlab import ArrayDataset, RequestError, registry
from genlab.components.registry import Registry
from genlab.config import (
    Chosen,
    Diffusion,
    FittedAlone,
    FittedPrior,
    Request,
    Resolved,
    TrainedAlone,
    TrainedPrior,
    defaults,
    resolve,
)
from genlab.config.resolve import refuse_misfit
from genlab.diffusion.trajectory import refuse_sampler
from genlab.errors import BrokenComponentError
from genlab.testing import Fade
from genlab.testing.tiny import AffineFlow


def resolved(tables: Any = None, **more: Any) -> Resolved:
    return resolve({**(tables or {}), **more}).config


def diffusion(tables: Any = None, **more: Any) -> Diffusion:
    method = resolved(tables, **more).method
    assert isinstance(method, Diffusion)
    return method


def with_shape(*shape: int, labels: bool = True) -> ArrayDataset:
    y = torch.arange(4) % 2 if labels else None
    return ArrayDataset(x=torch.zeros(4, *shape), y=y)


# --- what fills the gaps


@pytest.mark.parametrize(
    ("shape", "kind", "made_of", "count", "lr", "budget"),
    [
        ((1, 8, 8), "image", "gaussian + unet + ddim", 1000, 2e-3, (2000, 128)),
        ((2,), "vector", "gaussian + mlp + ddim", 10000, 1e-3, (5000, 512)),
        ((2, 9), "series", "gaussian + conv + ddim", 1000, 2e-3, (2000, 128)),
        ((1, 4, 4, 4), "volume", "gaussian + conv + ddim", 500, 2e-3, (2000, 64)),
    ],
)
def test_the_kind_of_data_decides_what_is_usual(
    shape: tuple[int, ...], kind: str, made_of: str, count: int, lr: float, budget: tuple[int, int]
) -> None:
    config = resolved(dataset=with_shape(*shape))
    assert config.made_of == made_of
    assert config.sampling.count == count
    assert config.learned is not None
    name, rest = ("muon", {"momentum": 0.95, "gain": 5.0, "iterations": 5}) if kind == "image" else (
        "adamw", {"betas": [0.9, 0.999]})  # fmt: skip
    assert config.learned.optimiser == Chosen(name, {"lr": lr, "weight_decay": 0.0, **rest})
    settings = config.learned.settings
    assert (settings.budget.total, settings.budget.unit, settings.batch) == (
        budget[0],
        "steps",
        budget[1],
    )
    assert [m.name for m in config.metrics] == defaults()[kind]["metrics"]
    assert [f.name for f in config.figures] == registry("figure").names()


def test_metrics_that_need_labels_are_not_usual_without() -> None:
    for labels, name in ((True, "classifier-confidence"), (False, "sliced-wasserstein")):
        config = resolved(dataset=with_shape(1, 8, 8, labels=labels))
        assert [m.name for m in config.metrics] == [name]


def test_without_anything_it_is_gaussian_noise_on_the_digits() -> None:
    config = resolved()
    assert (config.title, config.made_of) == ("gaussian on digits", "gaussian + unet + ddim")
    assert (config.seed, config.device, config.data, config.experiment) == (0, "auto", "", "")


@pytest.mark.parametrize(
    ("degradation", "prediction", "jitter", "loss", "terminal", "sampler", "prior"),
    [
        ("gaussian", "v", 0.0, "l2", 0.0, "ddim", None),
        ("blur", "x0", 0.04, "l1", 0.25, "cold", "parzen"),
        ("mask-dropout", "x0", 0.0, "l2", 0.25, "cold", "gmm"),
        ("mix", "x0", 0.0, "l2", 0.0, "cold", "empirical"),
        ("ink", "x0", 0.04, "l1", 0.25, "cold", "parzen"),
        ("gravity", "x0", 0.04, "l2", 0.25, "naive", "parzen"),
    ],
)
def test_the_advice_of_a_degradation_is_written_out(
    degradation: str,
    prediction: str,
    jitter: float,
    loss: str,
    terminal: float,
    sampler: str,
    prior: Any,
) -> None:
    method = diffusion(degradation=degradation)
    assert (method.restorer.prediction, method.restorer.jitter) == (prediction, jitter)
    objective = method.learned.objective
    assert objective.name == "denoising"
    assert (objective.params["loss"], objective.params["terminal"]) == (loss, terminal)
    assert objective.params["weight"] == "none"
    assert "mean" not in objective.params, "None by default stays open"
    assert method.sampler.name == sampler
    assert (method.prior and method.prior.density.name) == prior


def test_what_is_said_goes_over_the_advice() -> None:
    method = diffusion(
        degradation="blur", restorer={"jitter": 0.5}, objective={"loss": "l2", "terminal": 0.0},
        sampler="cold", prior="normal",
    )  # fmt: skip
    assert (method.restorer.prediction, method.restorer.jitter) == ("x0", 0.5)
    assert (
        method.learned.objective.params["loss"],
        method.learned.objective.params["terminal"],
    ) == ("l2", 0.0)
    assert method.sampler.name == "cold"
    assert isinstance(method.prior, FittedPrior)
    assert method.prior.density.name == "normal"


@pytest.mark.parametrize(
    ("degradation", "dataset", "times"),
    [
        ("gaussian", "digits", "logit-normal"),
        ("gaussian", "moons", "uniform"),
        ("blur", "digits", "uniform"),
    ],
)
def test_times_are_those_that_go_well_with_the_data(
    degradation: str, dataset: str, times: str
) -> None:
    learned = diffusion(degradation=degradation, dataset=dataset).learned
    assert learned.objective.params["times"] == times


def test_weights_and_times_are_a_request() -> None:
    objective = diffusion(
        objective={"weight": "min-snr", "times": "logit-normal"}
    ).learned.objective
    assert objective.name == "denoising"
    assert objective.params == {
        "loss": "l2", "times": "logit-normal", "weight": "min-snr", "terminal": 0.0, "label_dropout": 0.1,
        "coupling": "independent",
    }  # fmt: skip


def test_a_density_alone_is_trained_or_fitted() -> None:
    trained = resolved(density="realnvp", dataset="moons")
    assert isinstance(trained.method, TrainedAlone)
    assert (trained.title, trained.made_of) == ("realnvp on moons", "realnvp")
    assert trained.method.learned.objective == Chosen(
        "likelihood", {"likelihood": 1.0, "label_smoothing": 0.0}
    )
    assert trained.method.learned.optimiser.params["lr"] == 2e-3
    assert trained.method.learned.settings.clip == 50.0
    bounded = resolved(density="glow").method
    assert isinstance(bounded, TrainedAlone)
    assert bounded.learned.optimiser.params["lr"] == 3e-3
    fitted = resolved(density="gmm", dataset="moons")
    assert isinstance(fitted.method, FittedAlone)
    assert fitted.learned is None
    with pytest.raises(
        RequestError, match="what is fitted at once, and not trained, has no budget"
    ):
        fitted.with_budget(steps=3)


def test_a_prior_that_is_trained_has_a_training_of_its_own() -> None:
    method = diffusion(
        degradation="blur",
        prior="realnvp",
        prior_training={"epochs": 2, "batch": 9},
        prior_optimiser={"lr": 0.5},
    )
    assert isinstance(method.prior, TrainedPrior)
    assert method.prior.optimiser.params["lr"] == 0.5
    settings = method.prior.settings
    assert (settings.budget.unit, settings.budget.total, settings.batch, settings.clip) == (
        "epochs",
        2,
        9,
        50.0,
    )
    plain = diffusion(degradation="blur", prior="realnvp").prior
    assert isinstance(plain, TrainedPrior)
    assert plain.settings.flat()["steps"] == 3000


def test_densities_of_ones_own_are_told_apart_by_their_class() -> None:
    spec = with_shape(1, 2, 2, labels=False).spec
    for density, fitted in (
        (registry("density").get("normal")(spec), True), (AffineFlow(spec), False), (AffineFlow, False),
    ):  # fmt: skip
        method = resolved(dataset=with_shape(1, 2, 2, labels=False), density=density).method
        assert isinstance(method, FittedAlone) == fitted


def test_a_budget_takes_the_place_of_the_usual_one() -> None:
    config = resolved(training={"minutes": 2, "batch": 7})
    assert config.learned is not None
    assert (
        config.learned.settings.flat() | {"minutes": 2, "batch": 7}
        == config.learned.settings.flat()
    )
    longer = config.with_budget(steps=9)
    assert longer.learned is not None
    assert longer.learned.settings.flat()["steps"] == 9
    assert longer.learned.settings.batch == 7
    assert longer.with_budget(minutes=2) == config


def test_settings_of_the_run_stand_in_the_table_of_its_training() -> None:
    config = resolved(training={"conditional": True, "save_every": 5.0, "steps": 3})
    assert (config.run.conditional, config.run.save_every) == (True, 5.0)
    assert config.flat()["training"]["save_every"] == 5.0


def test_the_data_folder_fills_the_path_of_data_that_takes_one(tmp_path: Any) -> None:
    from PIL import Image

    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for i in range(4):
            Image.new("L", (8, 8), 20 * i).save(tmp_path / kind / f"{i}.png")
    config = resolved(dataset="image-folder", data=str(tmp_path))
    assert config.dataset.params["path"] == str(tmp_path)
    assert config.data == str(tmp_path)
    table = {"name": "image-folder", "path": str(tmp_path)}
    assert resolved(dataset=table, data=str(tmp_path)) == config
    with pytest.raises(RequestError, match=r"data = 'elsewhere' and dataset\.path = .* two places"):
        resolve({"dataset": table, "data": "elsewhere"})
    assert "path" not in resolved(dataset="moons", data=str(tmp_path)).dataset.params


# --- files

REQUESTS: list[dict[str, Any]] = [
    {},
    {"degradation": "blur"},
    {"degradation": {"name": "blur", "sigma_max": 3}, "restorer": {"jitter": 0.0}, "seed": 2**62},
    {"backbone": {"channels": [16, 16]}, "training": {"minutes": 3}, "device": "cpu"},
    {"dataset": "moons", "density": "gmm"},
    {"dataset": "moons", "density": "realnvp", "training": {"epochs": 2.5, "conditional": True}},
    {
        "dataset": "25-gaussians",
        "sampler": {"name": "ddim", "eta": 0.5},
        "metrics": ["mmd", "modes"],
    },
    {"degradation": "mix", "prior": {"bandwidth": 0.1}, "figures": []},
    {
        "degradation": "blur",
        "prior": "realnvp",
        "prior_training": {"steps": 5},
        "experiment": "mine",
    },
    {
        "optimiser": "muon",
        "objective": {"weight": "p2"},
        "data": "somewhere",
        "evaluation": {"times": 3},
    },
    {
        "metrics": [{"name": "sliced-wasserstein", "projections": 9}],
        "figures": "loss",
        "sampling": {"steps": 5},
    },
]


@pytest.mark.parametrize("tables", REQUESTS, ids=str)
def test_what_is_written_is_read_again_and_resolves_to_itself(tables: dict[str, Any]) -> None:
    resolution = resolve(tables)
    config = resolution.config
    written = tomllib.loads(tomli_w.dumps(config.flat()))
    assert Resolved.read(written) == config
    again = resolve(written)
    assert again.config == config
    assert again.dataset == resolution.dataset
    assert not resolution.objects


def test_every_component_with_its_place() -> None:
    config = resolved(degradation="blur", prior="realnvp", dataset="digits")
    assert [slot for slot, _ in config.components()] == [
        "dataset", "degradation", "backbone", "sampler", "prior", "prior_optimiser", "objective", "optimiser",
    ]  # fmt: skip
    assert [slot for slot, _ in resolved(density="gmm").components()] == ["dataset", "density"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": None}, "the configuration lacks the entry 'dataset'"),
        ({"restorer": None}, "the configuration lacks the entry 'restorer'"),
        ({"optimiser": None}, "the configuration lacks the entry 'optimiser'"),
        ({"seed": None}, "the configuration lacks the entry 'seed'"),
        ({"metrics": 3}, "the configuration is damaged"),
        ({"dataset": "digits"}, "the configuration is damaged"),
        (
            {"restorer": {"prediction": "z", "jitter": 0}},
            r"restorer\.prediction: input should be 'x0', 'eps'",
        ),
        ({"training": {"steps": 0}}, "steps = 0: a budget is larger than 0"),
        ({"degradation": {"sigma": 3}}, "degradation: a component has a name"),
    ],
)
def test_a_damaged_file_is_one_line(change: dict[str, Any], message: str) -> None:
    tables = resolved().flat() | change
    with pytest.raises(RequestError, match=message) as caught:
        Resolved.read({key: value for key, value in tables.items() if value is not None})
    assert "\n" not in str(caught.value)


# --- refusals


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"degradatoin": "blur"},
            r"^unknown setting 'degradatoin'\. Did you mean 'degradation'",
        ),
        ({"degradation": "blurr"}, r"^unknown degradation 'blurr'\. Did you mean 'blur'"),
        (
            {"degradation": {"name": "blur", "sigma": 3}},
            r"^unknown parameter degradation\.sigma\. Did you mean",
        ),
        (
            {"degradation": {"name": "blur", "sigma_max": -3}},
            r"^degradation\.sigma_max: .*greater than 0",
        ),
        (
            {"degradation": 3},
            r"^degradation: 3 is no degradation: it is not a genlab\.Degradation$",
        ),
        ({"sampler": "blur"}, r"^unknown sampler 'blur'"),
        ({"optimiser": {"lr": 0}}, r"^optimiser\.lr: "),
        (
            {"objective": {"weight": "snr"}},
            r"^objective\.weight: input should be 'none', 'min-snr', 'edm' or 'p2'",
        ),
        ({"metrics": ["mmdd"]}, r"^unknown metric 'mmdd'"),
        ({"metrics": [{"name": "mmd"}, "mmd"]}, r"^metrics: 'mmd' is there twice$"),
        ({"metrics": [{"projections": 3}]}, r"^metric: a component has a name"),
        (
            {"training": {"stps": 3}},
            r"^unknown parameter training\.stps\. Did you mean 'steps'\? Training has steps",
        ),
        (
            {"training": {"ema": 1.0}},
            r"^training\.ema: input should be less than 1 \(given: 1\.0\)$",
        ),
        (
            {"training": {"steps": 3, "epochs": 2}},
            r"^training: one budget at a time: steps and epochs",
        ),
        ({"training": 5}, r"^training = 5: it is a table of settings, such as \[training\]$"),
        (
            {"training": {"conditional": "maybe"}},
            r"^training\.conditional: input should be a valid boolean",
        ),
        ({"sampling": {"count": 0}}, r"^sampling\.count: input should be greater than 0"),
        (
            {"sampling": {"guidance": float("inf")}},
            r"^sampling\.guidance: input should be a finite number",
        ),
        ({"evaluation": {"times": -1}}, r"^evaluation\.times: "),
        (
            {"restorer": {"prediction": "z"}},
            r"^restorer\.prediction: input should be 'x0', 'eps', 'v' or 'edm'",
        ),
        ({"seed": -1}, r"^seed = -1: a seed is a whole number from 0"),
        ({"seed": 2**63}, r"^seed = 9223372036854775808: a seed"),
        ({"seed": True}, r"^seed = True: a seed"),
        ({"seed": "one"}, r"^seed = 'one': a seed"),
        (
            {"dataset": "swiss-roll", "training": {"conditional": True}},
            r"^training\.conditional: 'swiss-roll' has no labels to learn from$",
        ),
        ({"prior": "gmm"}, r"^prior 'gmm': the degradation 'gaussian' leaves nothing at t = 1"),
        (
            {"dataset": "moons", "degradation": "blur"},
            r"^the degradation 'blur' is for image data, and this data is vector .*These fit: .*gaussian",
        ),
    ],
)
def test_a_wrong_request_is_one_line(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        resolve(tables)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "key", "place"),
    [
        ("training", "lr", "optimiser.lr"), ("training", "learning_rate", "optimiser.lr"),
        ("training", "weight_decay", "optimiser.weight_decay"), ("training", "loss", "objective.loss"),
        ("training", "terminal", "objective.terminal"), ("training", "jitter", "restorer.jitter"),
        ("training", "label_dropout", "objective.label_dropout"),
        ("training", "likelihood", "objective.likelihood"),
        ("training", "cross_entropy", "objective.cross_entropy"),
        ("training", "prediction", "restorer.prediction"), ("training", "seed", "seed"),
        ("training", "batch_size", "training.batch"), ("prior_training", "lr", "optimiser.lr"),
    ],
)  # fmt: skip
def test_settings_that_stand_elsewhere_are_pointed_to(table: str, key: str, place: str) -> None:
    with pytest.raises(
        RequestError, match=rf"^unknown parameter {table}\.{key}: it is called {place}$"
    ):
        resolve({table: {key: 1}})


def test_a_broken_package_does_not_spoil_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """To what else fits: what cannot be imported is left out."""
    get = Registry.get

    def broken(self: Registry, name: str) -> Any:
        if name in ("unet", "conv", "cold"):
            raise BrokenComponentError("it cannot be imported")
        return get(self, name)

    monkeypatch.setattr(Registry, "get", broken)
    with pytest.raises(RequestError, match=r"These fit: diffusers-unet, dit, ideal, mlp, timm$"):
        refuse_misfit("backbone", "own", frozenset({"vector"}), with_shape(1, 8, 8).spec)
    with pytest.raises(RequestError, match=r"These fit it: (?!.*cold,)") as caught:
        refuse_sampler(registry("sampler").get("ddim")(), Fade())
    assert "naive" in str(caught.value)


def test_a_figure_that_is_broken_is_kept_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs the run nothing but a figure; one that does not exist is refused."""
    get = Registry.get

    def broken(self: Registry, name: str) -> Any:
        if name == "loss":
            raise BrokenComponentError("it cannot be imported")
        return get(self, name)

    monkeypatch.setattr(Registry, "get", broken)
    for tables in ({}, {"figures": ["loss", "calibration"]}):
        figures = {figure.name: figure for figure in resolved(tables).figures}
        assert figures["loss"] == Chosen("loss")
        assert figures["calibration"] == Chosen("calibration", {"bins": 10}), "with its defaults"
    with pytest.raises(RequestError, match=r"unknown figure 'los'\. Did you mean 'loss'"):
        resolved(figures=["los"])
    with pytest.raises(RequestError, match=r"^figure\.columns: "):
        resolved(figures=[{"name": "samples", "columns": 0}])


def test_none_is_nothing() -> None:
    assert resolved(degradation=None, seed=None, training={"minutes": None}) == resolved()


def test_a_request_knows_its_parts() -> None:
    request = Request.of(
        {"seed": 3, "degradation": "blur", "metrics": "mmd", "sampling": {"steps": 2}}
    )
    assert request.plain == {"seed": 3}
    assert request.components == {"degradation": "blur"}
    assert request.lists == {"metrics": ["mmd"]}
    assert request.settings == {"sampling": {"steps": 2}}
    assert resolve(request).config.seed == 3
