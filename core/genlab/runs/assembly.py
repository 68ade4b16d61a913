"""From a request to components that fit together, before any work."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from genlab.config import (
    BUDGET_UNITS,
    ComponentConfig,
    RunConfig,
    TrainingConfig,
    check_names,
    check_parameters,
    merge,
    merge_training,
    parameters,
    parse_config,
)
from genlab.errors import RequestError
from genlab.generation.prior import summary_spec
from genlab.protocols import (
    Backbone,
    Dataset,
    DataSpec,
    Degradation,
    DegradationTags,
    Density,
    DensityTags,
    Metric,
    Sampler,
)
from genlab.registries import build, registry
from genlab.restorer import Restorer

__all__ = ["Parts", "assemble", "pick_device", "refuse_misfit", "resolve"]


@dataclass(frozen=True)
class Parts:
    """The components of a run, built and fitting together.

    Args:
        spec: What the data is.
        restorer: The restorer, or None where a density is trained on the data itself.
        sampler: How to walk back, or None.
        prior: The density of the degraded state, not fitted yet, or None where none is needed.
        density: The density that is trained on the data itself, or None.
        metrics: The metrics by name.
    """

    spec: DataSpec
    restorer: Restorer | None
    sampler: Sampler | None
    prior: Density | None
    density: Density | None
    metrics: Mapping[str, Metric]


@cache
def defaults() -> Mapping[str, Any]:
    """Return what a run is made of where the request does not say."""
    return tomllib.loads(resources.files("genlab").joinpath("defaults.toml").read_text("utf-8"))


def resolve(tables: Mapping[str, Any]) -> tuple[RunConfig, Dataset]:
    """Fill in everything that a request leaves open.

    Args:
        tables: The request as plain tables.

    Returns:
        The whole configuration, with every parameter of every component, and the data set, which has
        not loaded anything yet.

    Raises:
        RequestError: A name or a value is wrong.
    """
    check_names(tables)
    given = merge({"dataset": defaults()["dataset"]}, tables)
    chosen = _with_path(given)
    given = merge(given, {"dataset": chosen.flat()})
    dataset: Dataset = build("dataset", chosen.name, **chosen.params)
    by_kind = defaults()[dataset.spec.kind]
    labelled = "metrics" if dataset.spec.classes else "metrics_unlabelled"
    base: dict[str, Any] = {
        "metrics": by_kind[labelled],
        "training": dict(by_kind["training"]),
        "sampling": {"count": by_kind["count"]},
    }
    flow_alone = "density" in given and "degradation" not in given
    if flow_alone:
        base["training"] = dict(defaults()["density"][dataset.spec.kind])
    else:
        if "prior" in given:
            base["prior"] = _usual_prior(given)
        base |= {"degradation": defaults()["degradation"], "backbone": by_kind["backbone"]}
        name = merge(base, given)["degradation"]["name"]
        tags: DegradationTags = registry("degradation").get(name).tags
        drawn = ("gaussian", "diagonal", "additive", "stochastic")
        by_tag = defaults()[next((k for k in drawn if getattr(tags, k)), "deterministic")]
        base["sampler"] = tags.sampler or by_tag["sampler"]
        base["training"] |= {k: by_tag[k] for k in ("prediction", "terminal", "jitter")}
        base["training"]["loss"] = tags.loss or by_tag["loss"]
    asked = given.get("training", {})
    if isinstance(asked, Mapping):
        base["training"] = merge_training(base["training"], asked)
    whole = parse_config(merge(base, given))
    if whole.training.conditional and not dataset.spec.classes:
        raise RequestError(f"training.conditional: {chosen.name!r} has no labels to learn from")
    if not flow_alone:
        whole = _with_prior(whole, dataset.spec)
    return _with_all_parameters(whole), dataset


def assemble(config: RunConfig, spec: DataSpec) -> Parts:
    """Build the components of a resolved configuration.

    The same seed builds the same weights.

    Raises:
        RequestError: Two components do not fit each other, or one does not fit the data.
    """
    known = spec if config.training.conditional else spec.unlabelled()
    metrics = {m.name: _build("metric", m) for m in config.metrics or ()}
    for name, metric in metrics.items():
        refuse_misfit("metric", name, metric.tags.data, spec)
        if metric.tags.labels and not spec.classes:
            raise RequestError(
                f"the metric {name!r} needs labels; {config.dataset.name!r} has none"
            )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if config.degradation is None or config.backbone is None or config.sampler is None:
            if config.density is None:
                raise RequestError("a run needs a degradation with its partners, or a density")
            density: Density = _density("density", config.density, known)
            return Parts(spec, None, None, None, density, metrics)
        degradation: Degradation = _build("degradation", config.degradation)
        refuse_misfit("degradation", config.degradation.name, degradation.tags.data, spec)
        sampler: Sampler = _build("sampler", config.sampler)
        refuse_sampler(config.sampler.name, sampler, config.degradation.name, degradation)
        backbone_class = registry("backbone").get(config.backbone.name)
        refuse_misfit("backbone", config.backbone.name, backbone_class.tags.data, spec)
        backbone: Backbone = _build("backbone", config.backbone, known)
        restorer = Restorer(backbone, degradation, config.training.prediction or "x0")
        prior = None
        if config.prior is not None:
            tags: DensityTags = registry("density").get(config.prior.name).tags
            # A prior that knows the classes gives samples of all of them unless it is asked for one.
            labelled = spec if tags.conditional else known
            prior = _density("prior", config.prior, summary_spec(degradation, labelled))
    return Parts(spec, restorer, sampler, prior, None, metrics)


def refuse_misfit(role: str, name: str, fits: frozenset[Any], spec: DataSpec) -> None:
    """Refuse a component that does not take this kind of data, naming those that do."""
    if spec.kind in fits:
        return
    others = [n for n in registry(role).names() if n != name and _takes(role, n, spec)]
    raise RequestError(
        f"the {role} {name!r} is for {' and '.join(sorted(fits))} data, and this data is "
        f"{spec.kind} data of shape {spec.shape}. These fit: {', '.join(others) or 'none'}"
    )


def refuse_sampler(name: str, sampler: Sampler, other: str, degradation: Degradation) -> None:
    """Refuse a sampler that needs more than the degradation offers, naming those that fit."""
    lacking = sorted(tag for tag in sampler.tags.needs if not getattr(degradation.tags, tag))
    if not lacking:
        sampler.grid(2, degradation)  # its times may need more of the degradation, and say so now
        return
    fitting = [n for n in registry("sampler").names() if _walks(n, degradation)]
    raise RequestError(
        f"the sampler {name!r} needs a degradation that is {' and '.join(lacking)}, and {other!r} is "
        f"not. These fit {other!r}: {', '.join(fitting)}"
    )


def pick_device(name: str) -> torch.device:
    """Return the device of a name; ``"auto"`` takes the best there is.

    Raises:
        RequestError: There is no such device here.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return torch.device(available[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in available:
        raise RequestError(f"--device {name!r}: here there are auto, {', '.join(available)}")
    return device


def _build(role: str, component: ComponentConfig, *context: Any) -> Any:
    try:
        return build(role, component.name, *context, **component.params)
    except RequestError:
        raise
    except (TypeError, ValueError) as error:
        raise RequestError(f"the {role} {component.name!r} cannot be built: {error}") from error


def _density(slot: str, component: ComponentConfig, spec: DataSpec) -> Density:
    """Build a density, and refuse one that does not take this kind of data or its classes."""
    tags: DensityTags = registry("density").get(component.name).tags
    refuse_misfit("density", component.name, tags.data, spec)
    if spec.classes and not tags.conditional:
        fitting = [
            name
            for name in registry("density").names()
            if registry("density").get(name).tags.conditional
        ]
        raise RequestError(
            f"training.conditional: the {slot} {component.name!r} knows no classes. These do: "
            f"{', '.join(fitting)}"
        )
    density: Density = _build("density", component, spec)
    return density


def _with_path(given: Mapping[str, Any]) -> ComponentConfig:
    """Fill the ``path`` of a data set that takes one with ``--data``."""
    chosen = parse_config({"dataset": given["dataset"]}).dataset
    component = registry("dataset").get(chosen.name)
    takes_path = any(p.name == "path" for p in parameters(component))
    if takes_path and given.get("data") is not None:
        params = {"path": str(given["data"]), **chosen.params}
        return chosen.model_copy(update={"params": params})
    return chosen


def _with_prior(config: RunConfig, spec: DataSpec) -> RunConfig:
    """Settle the prior: none where the degraded state carries nothing."""
    assert config.degradation is not None  # the caller asks only then
    degradation = _build("degradation", config.degradation)
    refuse_misfit("degradation", config.degradation.name, degradation.tags.data, spec)
    carried = summary_spec(degradation, spec).shape[0]
    if not carried:
        if config.prior is not None:
            raise RequestError(
                f"prior {config.prior.name!r}: the degradation {config.degradation.name!r} leaves "
                f"nothing at t = 1 that a prior could model"
            )
        return config
    prior = config.prior or ComponentConfig(name=degradation.tags.prior or defaults()["prior"])
    if registry("density").get(prior.name).tags.fitted:
        return config.model_copy(update={"prior": prior})
    given = (
        {}
        if config.prior_training is None
        else config.prior_training.model_dump(exclude_unset=True)
    )
    training = merge_training(defaults()["prior_training"], given)
    return config.model_copy(
        update={"prior": prior, "prior_training": TrainingConfig.model_validate(training)}
    )


def _usual_prior(given: Mapping[str, Any]) -> str:
    """Return the name of the prior that a request means when it sets parameters of it alone."""
    chosen = merge({"degradation": defaults()["degradation"]}, given)["degradation"]["name"]
    tags: DegradationTags = registry("degradation").get(chosen).tags
    return str(tags.prior or defaults()["prior"])


def _with_all_parameters(config: RunConfig) -> RunConfig:
    """Write out the default of every parameter, so that the run stays what it is."""
    roles = {"prior": "density"}
    updates = {}
    for field in ("dataset", "degradation", "backbone", "sampler", "prior", "density"):
        component: ComponentConfig | None = getattr(config, field)
        if component is None:
            continue
        cls = registry(roles.get(field, field)).get(component.name)
        spelled = {
            p.name: p.default
            for p in parameters(cls)
            if p.default is not None and p.default is not inspect.Parameter.empty
        }
        given = check_parameters(cls, component.params, where=field)
        whole = {**spelled, **given}
        params = {k: _plain(v) for k, v in whole.items() if v is not None}
        updates[field] = component.model_copy(update={"params": params})
    return config.model_copy(update=updates)


def _plain(value: Any) -> Any:
    """Return a value as a TOML file gives it back."""
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _takes(role: str, name: str, spec: DataSpec) -> bool:
    try:
        return spec.kind in registry(role).get(name).tags.data
    except RequestError:
        return False


def _walks(name: str, degradation: Degradation) -> bool:
    try:
        needs = registry("sampler").get(name).tags.needs
    except RequestError:
        return False
    return all(getattr(degradation.tags, tag) for tag in needs)


def data_root(config: RunConfig) -> Path | None:
    """Return the data folder of a configuration."""
    return None if config.data is None else Path(config.data)


def with_budget(config: RunConfig, **budget: float | None) -> RunConfig:
    """Return the configuration with another budget; the others are cleared."""
    cleared = dict.fromkeys(BUDGET_UNITS)
    return config.model_copy(
        update={"training": config.training.model_copy(update={**cleared, **budget})}
    )
