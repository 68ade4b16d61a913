"""From a resolved configuration to components that fit together, before any work."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from genlab.components.backbone import as_backbone
from genlab.components.component import Component
from genlab.components.dataset import Dataset, DataSpec
from genlab.components.degradation import Degradation
from genlab.components.density import Density
from genlab.components.metric import Metric
from genlab.components.objective import Objective
from genlab.components.registry import registry
from genlab.components.sampler import Sampler
from genlab.config.bounds import bounded, require_config_fits, require_spec_fits
from genlab.config.chosen import Chosen, Objects, class_of, made
from genlab.config.resolve import refuse_misfit
from genlab.config.resolved import Diffusion, Learned, Resolved
from genlab.diffusion.model import DensityModel, DiffusionModel, Model
from genlab.diffusion.prior import Prior, summary_spec
from genlab.diffusion.restorer import Restorer
from genlab.diffusion.trajectory import refuse_sampler
from genlab.errors import RequestError, brief
from genlab.evaluation.evaluate import require_metric_fits
from genlab.seeds import sub_seed
from genlab.training.precision import uses_bf16

__all__ = [
    "AllParts",
    "Parts",
    "assemble",
    "assemble_model",
    "pick_device",
    "require_metrics_fit",
]


@dataclass(frozen=True)
class Parts:
    """What samples are drawn from: the components that a run needs after it was trained.

    Args:
        model: The model, with fresh weights.
        module: The module whose weights are learned or fitted.
        prior: The density of the degraded state, not fitted yet, or None where there is none.
        trained: What an objective trains: the restorer of a diffusion, else the density.
    """

    model: Model
    module: nn.Module
    prior: Density | None
    trained: nn.Module


@dataclass(frozen=True)
class AllParts(Parts):
    """All components of a run, built and fitting together.

    Args:
        objective: What a step of training minimises; None where all is fitted at once.
        metrics: The metrics by name.
    """

    objective: Objective | None
    metrics: Mapping[str, Metric]


def assemble(
    config: Resolved, spec: DataSpec, objects: Objects, *, device: torch.device
) -> AllParts:
    """Build all components of a resolved configuration; see :func:`assemble_model`.

    Raises:
        RequestError: Two components do not fit each other, or one does not fit the data.
    """
    require_spec_fits(spec)
    require_config_fits(config, spec)
    metrics = {m.name: _metric(m, objects) for m in config.metrics}
    with _seeded(config.seed):
        parts = _model(config, spec, objects, device)
        learned = config.learned
        objective = None if learned is None else _objective(learned, parts.trained, objects)
    return AllParts(parts.model, parts.module, parts.prior, parts.trained, objective, metrics)


def assemble_model(
    config: Resolved, spec: DataSpec, objects: Objects, *, device: torch.device
) -> Parts:
    """Build the components that samples are drawn from, and none that only the training needs.

    The same seed builds the same weights.

    Args:
        config: The configuration.
        spec: What the data is.
        objects: What was handed in as an object.
        device: Where to compute.

    Raises:
        RequestError: Two components do not fit each other, or one does not fit the data.
    """
    require_spec_fits(spec)
    with _seeded(config.seed):
        return _model(config, spec, objects, device)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's global generator, which weights are drawn from, and leave it as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sub_seed(seed, "weights"))
        yield


def _model(config: Resolved, spec: DataSpec, objects: Objects, device: torch.device) -> Parts:
    if isinstance(config.method, Diffusion):
        return _diffusion(config, config.method, spec, objects, device)
    density = _density("density", config.method.density, _known(config, spec), objects)
    density.to(device)
    model = DensityModel(
        spec, density, device=device, conditional=config.run.conditional,
        temperature=config.sampling.temperature, batch=config.sampling.batch,
    )  # fmt: skip
    return Parts(model, density, None, density)


def _diffusion(
    config: Resolved, method: Diffusion, spec: DataSpec, objects: Objects, device: torch.device
) -> Parts:
    with bounded(f"the degradation {method.degradation.name!r}", of="numbers"):
        degradation: Degradation = made("degradation", method.degradation, objects)
        sampler: Sampler = made("sampler", method.sampler, objects)
        refuse_sampler(sampler, degradation)
        sampler.grid(2, degradation)  # its times may need more of the degradation, and say so now
    known = _known(config, spec)
    _refuse_class("backbone", method.backbone, objects, spec)
    module: nn.Module = _bounded("backbone", method.backbone, objects, known)
    _refuse_other_data("backbone", module, known)
    backbone = as_backbone(module)
    precision = method.learned.settings.precision if method.learned else "fp32"
    restorer = Restorer(
        backbone, degradation, prediction=method.restorer.prediction,
        jitter=method.restorer.jitter, deviation=0.5 if spec.bounded else 1.0,
        bf16=uses_bf16(precision, device, spec.shape, backbone.tags.mixed_precision),
    )  # fmt: skip
    if len(spec.shape) == 3:
        restorer.backbone.to(memory_format=torch.channels_last)
    prior = None
    if method.prior is not None:
        # A prior that knows the classes gives samples of all of them unless it is asked for one.
        conditional = _conditional("prior", method.prior.density, objects)
        prior = _density(
            "prior", method.prior.density,
            summary_spec(degradation, spec if conditional else known), objects,
        )  # fmt: skip
        prior.to(device)
    restorer.to(device)
    model = DiffusionModel(
        spec, restorer, Prior(degradation, spec, prior), sampler,
        steps=config.sampling.steps or None, device=device, conditional=config.run.conditional,
        guidance=config.sampling.guidance, batch=config.sampling.batch,
    )  # fmt: skip
    return Parts(model, restorer.backbone, prior, restorer)


def _known(config: Resolved, spec: DataSpec) -> DataSpec:
    """Return what a model is told of the data: without its classes, unless it learns them."""
    return spec if config.run.conditional else spec.unlabelled()


def _objective(learned: Learned, trained: nn.Module, objects: Objects) -> Objective:
    cls = class_of("objective", learned.objective, objects)
    requires = getattr(cls, "requires", nn.Module)
    if not isinstance(trained, requires):
        raise RequestError(
            f"the objective {learned.objective.name!r} trains a {requires.__name__}, and this is a "
            f"{type(trained).__name__}"
        )
    objective: Objective = made("objective", learned.objective, objects, trained)
    return objective


def _metric(chosen: Chosen, objects: Objects) -> Metric:
    given: Mapping[str, Any] = objects.get("metrics", {})
    metric: Metric = given.get(chosen.name) or made("metric", chosen, {})
    return metric


def require_metrics_fit(parts: AllParts, dataset: Dataset) -> None:
    """Refuse metrics that do not fit the data, before any work.

    Raises:
        RequestError: One does not.
    """
    for name, metric in parts.metrics.items():
        require_metric_fits(name, metric, dataset.spec, dataset)


def pick_device(name: str) -> torch.device:
    """Return the device of a name; ``"auto"`` takes the best there is.

    Raises:
        RequestError: There is no such device here.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
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
        raise RequestError(f"--device {brief(name)}: here there are auto, {', '.join(available)}")
    return device


def _density(slot: str, chosen: Chosen, spec: DataSpec, objects: Objects) -> Density:
    """Build a density, and refuse one that does not take this kind of data or its classes."""
    _refuse_class("density", chosen, {"density": objects.get(slot)}, spec)
    if spec.classes and not _conditional(slot, chosen, objects):
        components = registry("density")
        fitting = [n for n in components.names() if components.get(n).tags.conditional]
        raise RequestError(
            f"training.conditional: the {slot} {chosen.name!r} knows no classes. These do: "
            f"{', '.join(fitting)}"
        )
    density: Density = _bounded(slot, chosen, objects, spec)
    _refuse_other_data(slot, density, spec)
    return density


def _bounded(slot: str, chosen: Chosen, objects: Objects, spec: DataSpec) -> Any:
    """Build a module, which is refused while it is built where it grows too large."""
    with bounded(f"the {slot} {chosen.name!r}"):
        return made(slot, chosen, objects, spec)


def _refuse_other_data(slot: str, module: nn.Module, spec: DataSpec) -> None:
    """Refuse an object that was built for other data."""
    built_for = module.built_for if isinstance(module, Component) else None
    if not isinstance(built_for, DataSpec):
        return
    if built_for.shape != spec.shape or (spec.classes and built_for.classes != spec.classes):
        raise RequestError(
            f"the {slot} {type(module).__name__} was built for data of the shape {built_for.shape} with "
            f"{built_for.classes} classes, and this is of the shape {spec.shape} with {spec.classes}"
        )


def _conditional(slot: str, chosen: Chosen, objects: Objects) -> bool:
    tags = _tags(slot, chosen, objects)
    return tags is None or bool(tags.conditional)


def _refuse_class(slot: str, chosen: Chosen, objects: Objects, spec: DataSpec) -> None:
    tags = _tags(slot, chosen, objects)
    if tags is not None:
        refuse_misfit(slot, chosen.name, tags.data, spec)


def _tags(slot: str, chosen: Chosen, objects: Objects) -> Any:
    """Return the tags of a component's class; None for a function that makes one, and for foreign modules."""
    found = objects.get(slot)
    if found is not None and not inspect.isclass(found):
        return getattr(found, "tags", None)
    cls: Callable[..., Any] = class_of(slot, chosen, objects)
    return getattr(cls, "tags", None)
