"""Resolved configurations: what a run is, nothing left open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pydantic

from genlab.components.parameters import worded
from genlab.config.chosen import Chosen
from genlab.config.settings import (
    EvaluationSettings,
    RestorerSettings,
    RunSettings,
    SamplingSettings,
)
from genlab.config.tables import SLOTS
from genlab.errors import RequestError
from genlab.guards import require_name
from genlab.training.settings import TrainingSettings, settings_of

__all__ = [
    "Diffusion",
    "FittedAlone",
    "FittedPrior",
    "Learned",
    "Method",
    "Resolved",
    "TrainedAlone",
    "TrainedPrior",
    "checked",
]

_Settings = TypeVar("_Settings", bound=pydantic.BaseModel)


@dataclass(frozen=True)
class Learned:
    """How weights are learned by gradients.

    Args:
        objective: What a step minimises.
        optimiser: The rule that changes weights.
        settings: Budget, batch and so on.
    """

    objective: Chosen
    optimiser: Chosen
    settings: TrainingSettings


@dataclass(frozen=True)
class FittedPrior:
    """A prior whose parameters follow from the data at once."""

    density: Chosen


@dataclass(frozen=True)
class TrainedPrior:
    """A prior that is trained by gradients."""

    density: Chosen
    optimiser: Chosen
    settings: TrainingSettings


@dataclass(frozen=True)
class Diffusion:
    """A degradation that a network learns to undo.

    Args:
        degradation: What destroys the data.
        backbone: The network.
        sampler: How to walk back.
        restorer: What the network predicts.
        learned: How; None where it is fitted at once.
        prior: The density of the degraded state, or None where nothing is left at t = 1.
    """

    degradation: Chosen
    backbone: Chosen
    sampler: Chosen
    restorer: RestorerSettings
    learned: Learned | None
    prior: FittedPrior | TrainedPrior | None


@dataclass(frozen=True)
class TrainedAlone:
    """A density of the data that is trained by gradients."""

    density: Chosen
    learned: Learned


@dataclass(frozen=True)
class FittedAlone:
    """A density of the data whose parameters follow from it at once."""

    density: Chosen


Method = Diffusion | TrainedAlone | FittedAlone
"""What models the data."""


@dataclass(frozen=True)
class Resolved:
    """Everything that makes a run what it is.

    Args:
        dataset: What it learns from.
        method: What models the data.
        metrics: What measures samples.
        figures: What is drawn.
        run: What of the training concerns the run around it.
        sampling: How samples are drawn.
        evaluation: How the model is watched while it trains.
        seed: Seed of everything that is random.
        device: Where to compute: ``"auto"``, or a device.
        data: The data folder; empty for none.
        experiment: Name of the experiment; empty for none.
    """

    dataset: Chosen
    method: Method
    metrics: tuple[Chosen, ...]
    figures: tuple[Chosen, ...]
    run: RunSettings
    sampling: SamplingSettings
    evaluation: EvaluationSettings
    seed: int = 0
    device: str = "auto"
    data: str = ""
    experiment: str = ""

    @property
    def learned(self) -> Learned | None:
        """How weights are learned, or None where all is fitted at once."""
        return None if isinstance(self.method, FittedAlone) else self.method.learned

    @property
    def title(self) -> str:
        """What is modelled how, in words, such as ``blur on digits``."""
        method = self.method
        chosen = method.degradation if isinstance(method, Diffusion) else method.density
        return f"{chosen.name} on {self.dataset.name}"

    @property
    def made_of(self) -> str:
        """The components of the method, in words, such as ``blur + unet + naive + gmm``."""
        return " + ".join(c.name for slot, c in self.components() if slot in _METHOD)

    def components(self) -> Iterator[tuple[str, Chosen]]:
        """Give every component with the place that it takes; what a run is made of is listed here alone."""
        yield "dataset", self.dataset
        method = self.method
        if isinstance(method, Diffusion):
            yield "degradation", method.degradation
            yield "backbone", method.backbone
            yield "sampler", method.sampler
            if method.prior is not None:
                yield "prior", method.prior.density
            if isinstance(method.prior, TrainedPrior):
                yield "prior_optimiser", method.prior.optimiser
        else:
            yield "density", method.density
        if self.learned is not None:
            yield "objective", self.learned.objective
            yield "optimiser", self.learned.optimiser

    def flat(self) -> dict[str, Any]:
        """Return plain tables, as a TOML file holds them."""
        tables: dict[str, Any] = {"experiment": self.experiment} if self.experiment else {}
        tables |= {slot: chosen.flat() for slot, chosen in self.components()}
        method = self.method
        if isinstance(method, Diffusion):
            tables["restorer"] = method.restorer.model_dump()
            if isinstance(method.prior, TrainedPrior):
                tables["prior_training"] = method.prior.settings.flat()
        tables["metrics"] = [chosen.flat() for chosen in self.metrics]
        tables["figures"] = [chosen.flat() for chosen in self.figures]
        learned = self.learned.settings.flat() if self.learned else {}
        tables["training"] = {**learned, **self.run.model_dump()}
        tables["sampling"] = self.sampling.model_dump()
        tables["evaluation"] = self.evaluation.model_dump()
        tables |= {"seed": self.seed, "device": self.device}
        return tables | ({"data": self.data} if self.data else {})

    @classmethod
    def read(cls, tables: Mapping[str, Any]) -> Resolved:
        """Read tables that :meth:`flat` returned.

        Raises:
            RequestError: They lack something, or hold a wrong value.
        """
        try:
            return _read(tables)
        except KeyError as error:
            raise RequestError(f"the configuration lacks the entry {error}") from None
        except (TypeError, AttributeError) as error:
            raise RequestError(f"the configuration is damaged: {error}") from None

    def with_data(self, data: str) -> Resolved:
        """Return the configuration with another data folder, from which a data set with a ``path`` reads."""
        dataset = self.dataset
        if "path" in dataset.params:
            dataset = replace(dataset, params={**dataset.params, "path": data})
        return replace(self, data=data, dataset=dataset)

    def with_budget(self, **budget: float) -> Resolved:
        """Return the configuration with another budget of training.

        Raises:
            RequestError: There is no training.
        """
        learned = self.learned
        if learned is None or isinstance(self.method, FittedAlone):
            raise RequestError("what is fitted at once, and not trained, has no budget")
        settings = settings_of({**_unbudgeted(learned.settings), **budget})
        method = replace(self.method, learned=replace(learned, settings=settings))
        return replace(self, method=method)


_METHOD = ("degradation", "backbone", "density", "sampler", "prior")


def _unbudgeted(settings: TrainingSettings) -> dict[str, Any]:
    return settings.model_dump(exclude={"budget"})


def _read(tables: Mapping[str, Any]) -> Resolved:
    found = {slot: Chosen.of_table(slot, tables[slot]) for slot in SLOTS if slot in tables}
    training = dict(tables["training"])
    run = {key: training.pop(key) for key in RunSettings.model_fields if key in training}
    method: Method
    learned: Learned | None = None
    if "objective" in found:
        learned = Learned(found["objective"], found["optimiser"], settings_of(training))
    if "degradation" in found:
        prior: FittedPrior | TrainedPrior | None = None
        if "prior_training" in tables:
            settings = settings_of(tables["prior_training"], "prior_training")
            prior = TrainedPrior(found["prior"], found["prior_optimiser"], settings)
        elif "prior" in found:
            prior = FittedPrior(found["prior"])
        method = Diffusion(
            found["degradation"], found["backbone"], found["sampler"],
            checked(RestorerSettings, "restorer", tables["restorer"]), learned, prior,
        )  # fmt: skip
    elif learned is not None:
        method = TrainedAlone(found["density"], learned)
    else:
        method = FittedAlone(found["density"])
    return Resolved(
        dataset=found["dataset"],
        method=method,
        metrics=tuple(Chosen.of_table("metrics", table) for table in tables["metrics"]),
        figures=tuple(Chosen.of_table("figures", table) for table in tables["figures"]),
        run=checked(RunSettings, "training", run),
        sampling=checked(SamplingSettings, "sampling", tables["sampling"]),
        evaluation=checked(EvaluationSettings, "evaluation", tables["evaluation"]),
        seed=tables["seed"],
        device=tables["device"],
        data=tables.get("data", ""),
        experiment=experiment_name(tables.get("experiment", "")),
    )


def experiment_name(given: Any) -> str:
    """Return the name of an experiment, which becomes that of a folder.

    Raises:
        RequestError: It leads elsewhere.
    """
    return require_name("experiment", str(given)) if given != "" else ""


def checked(model: type[_Settings], where: str, given: Mapping[str, Any]) -> _Settings:
    """Check a table of settings.

    Raises:
        RequestError: A value does not fit.
    """
    try:
        return model.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise RequestError(worded(error, where)) from None
