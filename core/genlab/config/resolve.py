"""From a request to a resolved configuration, before any work."""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from genlab.components.backbone import FittedBackbone
from genlab.components.component import Component
from genlab.components.dataset import Dataset, DataSpec
from genlab.components.degradation import Advice, Degradation
from genlab.components.density import DensityTags, FittedDensity, ImplicitDensity
from genlab.components.parameters import parameters
from genlab.components.registry import registry
from genlab.config.bounds import bounded, require_spec_fits
from genlab.config.chosen import Chosen, Objects, choose, class_of, made, with_defaults
from genlab.config.request import Request
from genlab.config.resolved import (
    Diffusion,
    FittedAlone,
    FittedPrior,
    Learned,
    Resolved,
    TrainedAlone,
    TrainedPrior,
    checked,
    experiment_name,
)
from genlab.config.settings import (
    EvaluationSettings,
    RestorerSettings,
    RunSettings,
    SamplingSettings,
)
from genlab.config.tables import merge, merge_training, refuse_two_places
from genlab.config.unused import (
    OF_A_DIFFUSION,
    OF_A_TRAINED_PRIOR,
    refuse_temperature,
    refuse_untrained,
    refuse_unused,
)
from genlab.diffusion.prior import summary_spec
from genlab.errors import BrokenComponentError, RequestError, brief, printable
from genlab.seeds import checked_seed
from genlab.training.settings import settings_of

__all__ = ["Resolution", "defaults", "refuse_misfit", "resolve", "with_path"]

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Resolution:
    """A resolved request.

    Args:
        config: The configuration, with every parameter of every component.
        dataset: The data set, which has not loaded anything yet.
        objects: What was handed in as an object and is needed to build the rest.
    """

    config: Resolved
    dataset: Dataset
    objects: Objects


@cache
def defaults() -> Mapping[str, Any]:
    """Return what a run is made of where the request does not say."""
    text = resources.files("genlab.config").joinpath("defaults.toml").read_text("utf-8")
    return tomllib.loads(text)


def resolve(tables: Mapping[str, Any] | Request) -> Resolution:
    """Fill in everything that a request leaves open.

    Args:
        tables: The request.

    Raises:
        RequestError: A name or a value is wrong.
    """
    request = tables if isinstance(tables, Request) else Request.of(tables)
    return _Resolver(request).resolution()


class _Resolver:
    """Resolves one request, part by part."""

    def __init__(self, request: Request) -> None:
        self.given = request.tables()
        self.objects: dict[str, Any] = {}
        self.dataset = self._dataset()
        self.spec = self.dataset.spec
        require_spec_fits(self.spec)
        self.by_kind: Mapping[str, Any] = defaults()[self.spec.kind]

    def resolution(self) -> Resolution:
        """Return the resolved request."""
        alone = "density" in self.given
        if alone and "degradation" in self.given:
            raise RequestError(
                "density beside degradation: what a degradation leaves has a prior, as in --prior gmm; a "
                "density stands alone, as a model of the data"
            )
        training = dict(self.given.get("training", {}))
        run = {key: training.pop(key) for key in RunSettings.model_fields if key in training}
        settings = checked(RunSettings, "training", run)
        if settings.conditional and not self.spec.classes:
            raise RequestError(
                f"training.conditional: {self.chosen_data.name!r} has no labels to learn from"
            )
        method = self._alone(training) if alone else self._diffusion(training)
        sampling = {"count": self.by_kind["count"], **self.given.get("sampling", {})}
        labelled = "metrics" if self.spec.classes else "metrics_unlabelled"
        config = Resolved(
            dataset=self.chosen_data,
            method=method,
            metrics=self._listed("metrics", self.by_kind[labelled]),
            figures=self._listed("figures", registry("figure").names()),
            run=settings,
            sampling=checked(SamplingSettings, "sampling", sampling),
            evaluation=checked(EvaluationSettings, "evaluation", self.given.get("evaluation", {})),
            seed=checked_seed(self.given.get("seed", 0)),
            device=str(self.given.get("device", "auto")),
            data=str(self.given.get("data", "")),
            experiment=experiment_name(self.given.get("experiment", "")),
        )
        _refuse_other_text(config.flat())
        return Resolution(config, self.dataset, self.objects)

    def _chosen(self, slot: str, base: Any) -> Chosen:
        """Lay what was given for a place over what is usual there."""
        given = self.given.get(slot, {})
        table = merge({slot: base}, {slot: given})[slot] if slot in self.given else base
        chosen, found = choose(slot, {"name": table} if isinstance(table, str) else table)
        if found is not None:
            self.objects[slot] = found
        return chosen

    def _whole(self, slot: str, base: Any) -> Chosen:
        return with_defaults(slot, self._chosen(slot, base), self.objects)

    def _dataset(self) -> Dataset:
        """Choose and build the data set, whose ``path`` is filled by ``data``."""
        chosen = self._chosen("dataset", defaults()["dataset"])
        if not isinstance(self.objects.get("dataset"), Dataset):
            chosen = with_path(chosen, self.given.get("data"), self.objects)
        dataset: Dataset = made("dataset", chosen, self.objects)
        whole = with_defaults("dataset", chosen, self.objects)
        params = {**whole.params, **dataset.settled}
        self.chosen_data = dataclasses.replace(whole, params=params)
        return dataset

    def _diffusion(self, training: Mapping[str, Any]) -> Diffusion:
        degradation = self._whole("degradation", defaults()["degradation"])
        built: Degradation = _bounded(
            degradation, lambda: made("degradation", degradation, self.objects)
        )
        refuse_misfit("degradation", degradation.name, built.tags.data, self.spec)
        refuse_temperature(self.given, "a diffusion")
        advice = built.advice()
        restorer = {"prediction": advice.prediction, "jitter": advice.jitter}
        backbone = self._whole("backbone", self.by_kind["backbone"])
        return Diffusion(
            degradation=degradation,
            backbone=backbone,
            sampler=self._whole("sampler", advice.sampler),
            restorer=checked(
                RestorerSettings, "restorer", {**restorer, **self.given.get("restorer", {})}
            ),
            learned=self._denoising(backbone, advice, training),
            prior=self._prior(degradation, built),
        )

    def _denoising(
        self, backbone: Chosen, advice: Advice, training: Mapping[str, Any]
    ) -> Learned | None:
        """Settle how a backbone learns; None where it is fitted at once, and what says how is refused."""
        if _is_fitted("backbone", backbone, self.objects):
            what = f"the backbone {backbone.name!r}"
            refuse_untrained(self.given, what)
            asked = {
                f"restorer.{key}": value for key, value in self.given.get("restorer", {}).items()
            }
            refuse_unused(asked, ["restorer.prediction"], f"{what} gives the estimate itself")
            return None
        usual = self.by_kind
        return Learned(
            self._objective("denoising", advice),
            self._whole("optimiser", usual["optimiser"]),
            settings_of(merge_training(usual["training"], training)),
        )

    def _alone(self, training: Mapping[str, Any]) -> TrainedAlone | FittedAlone:
        density = self._whole("density", "")
        why = f"the density {density.name!r} stands alone, without a degradation"
        refuse_unused(self.given, OF_A_DIFFUSION, why)
        if _is_a("density", density, self.objects, ImplicitDensity):
            raise RequestError(
                f"the density {density.name!r} draws examples and has no log density, so that it cannot "
                f"stand alone: prior={density.name} draws the state that a degradation leaves"
            )
        tags = getattr(class_of("density", density, self.objects), "tags", None)
        if isinstance(tags, DensityTags) and not tags.temperature:
            refuse_temperature(self.given, f"the density {density.name!r}")
        if _is_fitted("density", density, self.objects):
            refuse_untrained(self.given, f"the density {density.name!r}")
            return FittedAlone(density)
        usual = defaults()["density"]["bounded" if self.spec.bounded else "vector"]
        learned = Learned(
            self._objective("likelihood", None),
            self._whole("optimiser", usual["optimiser"]),
            settings_of(merge_training(usual["training"], training)),
        )
        return TrainedAlone(density, learned)

    def _objective(self, usual: str, advice: Advice | None) -> Chosen:
        """Choose the objective; what it leaves to the degradation's advice is written out."""
        chosen = self._chosen("objective", usual)
        cls = class_of("objective", chosen, self.objects)
        advised = {}
        if advice is not None:
            times = advice.times_for(self.spec.kind)
            advised = {**dataclasses.asdict(advice), "times": times}
        open_ = {
            p.name for p in parameters(cls) if p.default is None and p.name not in chosen.params
        }
        filled = {name: advised[name] for name in advised if name in open_}
        whole = dataclasses.replace(chosen, params={**filled, **chosen.params})
        return with_defaults("objective", whole, self.objects)

    def _prior(self, degradation: Chosen, built: Degradation) -> FittedPrior | TrainedPrior | None:
        """Settle the prior: none where the degraded state carries nothing."""
        left = _bounded(degradation, lambda: summary_spec(built, self.spec))
        if not left.shape[0]:
            if "prior" in self.given:
                chosen = self._chosen("prior", built.advice().prior)
                raise RequestError(
                    f"prior {chosen.name!r}: the degradation {degradation.name!r} leaves nothing at t = 1 "
                    f"that a prior could model"
                )
            why = f"the degradation {degradation.name!r} has no prior"
            refuse_unused(self.given, OF_A_TRAINED_PRIOR, why)
            return None
        density = self._whole("prior", built.advice().prior)
        if _is_fitted("prior", density, self.objects):
            why = f"the prior {density.name!r} is fitted at once, and not trained"
            refuse_unused(self.given, OF_A_TRAINED_PRIOR, why)
            return FittedPrior(density)
        usual = defaults()["prior"]
        settings = merge_training(usual["training"], self.given.get("prior_training", {}))
        optimiser = self._whole("prior_optimiser", usual["optimiser"])
        return TrainedPrior(density, optimiser, settings_of(settings, "prior_training"))

    def _listed(self, key: str, usual: Any) -> tuple[Chosen, ...]:
        """Choose metrics or figures; objects are kept by their name."""
        role = key.removesuffix("s")
        found: dict[str, Any] = {}
        names: list[Chosen] = []
        for item in self.given.get(key, usual):
            chosen, given = choose(role, {"name": item} if isinstance(item, str) else item)
            if given is not None:
                chosen = with_defaults(role, chosen, {role: given})
                found[chosen.name] = made(role, chosen, {role: given})
            elif key == "metrics" or not _is_broken(role, chosen):
                chosen = with_defaults(role, chosen, {})
            if any(chosen.name == other.name for other in names):
                raise RequestError(f"{key}: {brief(chosen.name)} is there twice")
            names.append(chosen)
        if found:
            self.objects[key] = found
        return tuple(names)


def _bounded(degradation: Chosen, make: Callable[[], _Made]) -> _Made:
    """Do what a degradation computes before any work, and refuse tensors that are too large."""
    with bounded(f"the degradation {degradation.name!r}", of="numbers"):
        return make()


def with_path(chosen: Chosen, data: Any, objects: Objects | None = None) -> Chosen:
    """Fill the ``path`` of a data set that takes one with the data folder.

    Args:
        chosen: The data set.
        data: The data folder, or None.
        objects: What was handed in as an object.

    Raises:
        RequestError: There is no such data set, or it has another ``path``.
    """
    if not data or all(p.name != "path" for p in parameters(class_of("dataset", chosen, objects))):
        return chosen
    refuse_two_places(data, chosen.params.get("path"))
    return dataclasses.replace(chosen, params={"path": str(data), **chosen.params})


def refuse_misfit(role: str, name: str, fits: frozenset[Any], spec: DataSpec) -> None:
    """Refuse a component that does not take this kind of data, naming those that do.

    Raises:
        RequestError: It does not.
    """
    if spec.kind in fits:
        return
    others = [n for n in registry(role).names() if n != name and _takes(role, n, spec.kind)]
    raise RequestError(
        f"the {role} {name!r} is for {' and '.join(sorted(fits))} data, and this data is "
        f"{spec.kind} data of shape {spec.shape}. These fit: {', '.join(others) or 'none'}"
    )


def _takes(role: str, name: str, kind: str) -> bool:
    try:
        return kind in registry(role).get(name).tags.data
    except RequestError:
        return False


def _is_fitted(slot: str, chosen: Chosen, objects: Objects) -> bool:
    """Say whether a density or a backbone is fitted at once."""
    return _is_a(slot, chosen, objects, FittedDensity, FittedBackbone)


def _is_a(slot: str, chosen: Chosen, objects: Objects, *classes: type[Component]) -> bool:
    found = objects.get(slot)
    if isinstance(found, Component):
        return isinstance(found, classes)
    cls: Callable[..., Any] = class_of(slot, chosen, objects)
    return inspect.isclass(cls) and issubclass(cls, classes)


def _is_broken(role: str, chosen: Chosen) -> bool:
    """Say whether a component is there and cannot be imported, which costs a run nothing but a figure."""
    try:
        class_of(role, chosen)
    except BrokenComponentError:
        return True
    return False


def _refuse_other_text(value: Any, where: str = "") -> None:
    """Refuse text that ``run.toml`` cannot hold, such as paths whose bytes are no UTF-8."""
    if isinstance(value, str) and printable(value) != value:
        raise RequestError(
            f"{where} = {brief(value)} is no UTF-8, and cannot be recorded: rename it"
        )
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_other_text(inner, f"{where}.{key}".strip("."))
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_other_text(inner, where)
