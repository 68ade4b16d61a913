"""Configuration: what is given, what is laid over it, and what is refused."""

from __future__ import annotations

import tomllib

import pytest
import tomli_w

import genlab
from genlab import RequestError
from genlab.config import check_parameters, merge, parameters, parse_assignments, parse_config
from genlab.errors import nearest
from genlab.runs.assembly import resolve


def test_assignments_are_toml_where_they_are_toml() -> None:
    given = ["a.x=1", "a.y=2.5", 'a.z="q"', "a.w=word", "a.v=[1, 2]", "a.u=true", "b=c=d"]
    assert parse_assignments(given) == {
        "a": {"x": 1, "y": 2.5, "z": "q", "w": "word", "v": [1, 2], "u": True},
        "b": "c=d",
    }


def test_a_component_that_changes_its_name_loses_its_parameters() -> None:
    base = {"degradation": {"name": "blur", "sigma_max": 3.0}}
    assert merge(base, {"degradation": {"ratio": 5}}) == {
        "degradation": {"name": "blur", "sigma_max": 3.0, "ratio": 5}
    }
    assert merge(base, {"degradation": "gaussian"}) == {"degradation": {"name": "gaussian"}}
    assert merge(base, {"degradation": "blur"}) == base


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"degradation": "blur"},
        {"backbone": {"channels": [16, 16]}, "training": {"minutes": 3}},
        {"dataset": "moons", "density": "gmm"},
        {"dataset": "25-gaussians", "sampler": {"name": "ddim", "eta": 0.5}},
        {"degradation": "mix", "prior": {"bandwidth": 0.1}},
    ],
)
def test_a_resolved_request_resolves_to_itself(tables: dict[str, object]) -> None:
    config, dataset = resolve(tables)
    written = tomllib.loads(tomli_w.dumps(config.flat()))
    again, other = resolve(written)
    assert again == config
    assert other.spec == dataset.spec


def test_defaults_follow_data_and_degradation() -> None:
    points, _ = resolve({"dataset": "moons"})
    assert points.backbone.name == "mlp"
    assert points.sampler.name == "ddim"
    assert points.prior is None
    blur, _ = resolve({"degradation": "blur"})
    assert (blur.backbone.name, blur.sampler.name, blur.prior.name) == ("unet", "naive", "gmm")
    assert (blur.training.loss, blur.training.prediction) == ("l1", "x0")
    mask, _ = resolve({"degradation": "mask-dropout"})
    assert (mask.training.loss, mask.training.terminal) == ("l2", 0.25)
    jitters = [run.training.jitter for run in (blur, points, mask)]
    assert jitters == [0.04, 0.0, 0.0]
    assert resolve({"degradation": "ink"})[0].sampler.name == "cold"
    gravity = {"degradation": "gravity"}
    assert resolve(gravity)[0].training.loss == "l2"  # a tag of its own
    assert resolve(gravity | {"training": {"loss": "l1"}})[0].training.loss == "l1"
    mix, _ = resolve({"degradation": "mix"})
    assert (mix.prior.name, mix.training.loss, mix.training.terminal) == ("empirical", "l2", 0.0)
    flow, _ = resolve({"density": "gmm"})
    assert flow.degradation is flow.backbone is flow.sampler is None


def test_another_budget_takes_the_place_of_the_default() -> None:
    config, _ = resolve({"training": {"minutes": 2}})
    assert (config.training.minutes, config.training.steps) == (2, None)
    with pytest.raises(RequestError, match="one budget at a time"):
        resolve({"training": {"minutes": 2, "steps": 5}})


def test_every_parameter_of_every_component_is_documented_and_checked() -> None:
    for role in ("degradation", "backbone", "sampler", "density", "dataset", "metric"):
        for name in genlab.registry(role).names():
            component = genlab.registry(role).get(name)
            for parameter in parameters(component):
                assert parameter.description, f"{role} {name}.{parameter.name} has no description"
            with pytest.raises(RequestError, match=f"{role}.no_such_parameter"):
                check_parameters(component, {"no_such_parameter": 1}, where=role)


def test_parameters_are_converted_and_refused() -> None:
    blur = genlab.registry("degradation").get("blur")
    assert check_parameters(blur, {"sigma_max": 20}, where="degradation") == {"sigma_max": 20.0}
    for wrong in (-1, 0, "wide", [1]):
        with pytest.raises(RequestError, match=r"degradation\.sigma_max"):
            check_parameters(blur, {"sigma_max": wrong}, where="degradation")


def test_the_face_of_the_design() -> None:
    assert genlab.build("degradation", "blur", sigma_max=20.0).sigma_max == 20.0
    assert {"blur", "gaussian"} <= set(genlab.registry("degradation").names())
    assert genlab.registry("degradations").names() == genlab.registry("degradation").names()
    for name in genlab.__all__:
        assert getattr(genlab, name) is not None


def test_nearest_names() -> None:
    names = ["gaussian", "blur", "pixelate", "mask-box"]
    assert nearest("blurr", names) == ["blur"]
    assert nearest("Gausian", names)[0] == "gaussian"
    assert nearest("mask", names)[0] == "mask-box"
    assert nearest("zzz", names) == []


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(RequestError, match=r"training\.stps.*'steps'"):
        parse_config({"dataset": "digits", "training": {"stps": 3}})
    with pytest.raises(RequestError, match=r"ema: input should be less than 1"):
        parse_config({"dataset": "digits", "training": {"ema": 1.0}})
