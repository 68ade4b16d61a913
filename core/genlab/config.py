"""Configuration: what a run is made of, checked before any work.

A component's parameters are the keyword arguments of its constructor. They are validated from that
signature by pydantic, so a plugin author writes no schema, and a value from the command line, from a
TOML file and from Python is checked alike.
"""

from __future__ import annotations

import inspect
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from genlab.errors import RequestError, nearest

__all__ = [
    "BUDGET_UNITS",
    "ComponentConfig",
    "EvaluationConfig",
    "Parameter",
    "RunConfig",
    "SamplingConfig",
    "TrainingConfig",
    "check_names",
    "check_parameters",
    "merge",
    "merge_training",
    "parameters",
    "parse_assignments",
    "parse_config",
]


BUDGET_UNITS = ("steps", "epochs", "minutes")
"""What a budget of training is counted in; a training has one of them."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component.

    Args:
        name: Its name.
        annotation: Its type.
        default: Its default, or ``inspect.Parameter.empty``.
        description: What the class's docstring says about it.
    """

    name: str
    annotation: Any
    default: Any
    description: str = ""


def parameters(component: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a component: the keyword-only arguments of its constructor."""
    function = component.__init__ if inspect.isclass(component) else component
    hints = typing.get_type_hints(function, include_extras=True)
    described = _described(inspect.getdoc(component) or "")
    return [
        Parameter(p.name, hints.get(p.name, Any), p.default, described.get(p.name, ""))
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def check_parameters(
    component: Callable[..., Any], given: Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """Check parameters against the signature of a component's constructor.

    Args:
        component: The class.
        given: Parameters by name.
        where: How the error calls the component, such as ``"degradation"``.

    Returns:
        The given parameters, each converted to its annotated type.

    Raises:
        RequestError: A name that does not exist (the message lists the right ones) or a value that
            does not fit its type.
    """
    known = {p.name: p for p in parameters(component)}
    name = getattr(component, "__name__", str(component))
    for key in given:
        if key not in known:
            raise _unknown_key(where, key, known, f"{where} {name}")
    fields: dict[str, Any] = {
        key: (p.annotation, ... if p.default is inspect.Parameter.empty else p.default)
        for key, p in known.items()
    }
    config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())
    model = pydantic.create_model(name, __config__=config, **fields)
    try:
        checked = model(**given)
    except pydantic.ValidationError as error:
        raise RequestError(_worded(error, where)) from None
    return {key: getattr(checked, key) for key in given}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True, frozen=True)


class ComponentConfig(_Strict):
    """A component by name, with its parameters."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """Accept ``"blur"`` and the flat table ``{name = "blur", sigma_max = 20}``."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "params" not in value:
            return {
                "name": value.get("name"),
                "params": {k: v for k, v in value.items() if k != "name"},
            }
        return value

    def flat(self) -> dict[str, Any]:
        """Return the flat table that a TOML file holds."""
        return {"name": self.name, **self.params}


class TrainingConfig(_Strict):
    """How a model is trained."""

    steps: PositiveInt | None = Field(None, description="budget in optimiser steps")
    epochs: PositiveFloat | None = Field(None, description="budget in passes over the data")
    minutes: PositiveFloat | None = Field(None, description="budget in minutes of training")
    batch: PositiveInt = Field(128, description="examples per step")
    lr: PositiveFloat = Field(1e-3, description="peak learning rate of AdamW")
    warmup: NonNegativeFloat = Field(0.05, le=1, description="share of the budget with rising rate")
    decay: Literal["cosine", "linear", "none"] = Field("cosine", description="how the rate falls")
    weight_decay: NonNegativeFloat = Field(0.0, description="weight decay of AdamW")
    clip: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the weights' moving average")
    prediction: Literal["x0", "eps", "v"] | None = Field(
        None,
        description="what the network predicts; None: v for Gaussian noise in any basis, else x0",
    )
    loss: Literal["l1", "l2"] | None = Field(
        None,
        description="None: by the degradation, mostly l2 where something random is drawn and l1 elsewhere",
    )
    terminal: float | None = Field(
        None, ge=0, le=1, description="share of a batch drawn near t = 1; None: by the degradation"
    )
    jitter: NonNegativeFloat | None = Field(
        None,
        description="deviation of noise that hides from the network what a prior cannot know; "
        "None: by the degradation",
    )
    conditional: bool = Field(False, description="learn the classes too, for samples of one class")
    label_dropout: float = Field(
        0.1, ge=0, lt=1, description="share of the labels hidden from a network, for guidance"
    )
    likelihood: NonNegativeFloat = Field(1.0, description="weight of the likelihood of a density")
    cross_entropy: NonNegativeFloat | None = Field(
        None,
        description="weight of telling classes apart; None: what the joint likelihood gives it",
    )
    shift: NonNegativeInt = Field(0, description="images are moved by up to this many pixels")
    flip: bool = Field(False, description="images are mirrored at random")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="arithmetic of training")
    log_every: PositiveInt = Field(20, description="steps between two lines of metrics.jsonl")
    save_every: PositiveFloat = Field(60.0, description="seconds between two checkpoints")

    @pydantic.model_validator(mode="after")
    def _one_budget(self) -> TrainingConfig:
        given = [n for n in BUDGET_UNITS if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(f"one budget at a time: {' and '.join(given)} were given")
        return self


class SamplingConfig(_Strict):
    """How samples are drawn at the end of a run."""

    steps: PositiveInt | None = Field(None, description="steps of a walk; None: the sampler's own")
    count: PositiveInt = Field(1000, description="samples that the metrics see")
    batch: PositiveInt = Field(500, description="samples walked at once")
    guidance: NonNegativeFloat = Field(
        1.0, description="classifier-free guidance: 1 is none, more follows the label closer"
    )


class EvaluationConfig(_Strict):
    """How a model is watched while it trains."""

    times: NonNegativeInt = Field(
        0, description="evaluations of the averaged weights, evenly spread over the training"
    )
    count: PositiveInt = Field(500, description="samples that each of them draws")
    steps: PositiveInt | None = Field(None, description="steps of a walk; None: those of the run")
    best: str | None = Field(
        None,
        description="number that chooses the checkpoint best.safetensors, such as frechet",
    )


class RunConfig(_Strict):
    """Everything that makes a run what it is."""

    experiment: str | None = None
    dataset: ComponentConfig
    degradation: ComponentConfig | None = None
    backbone: ComponentConfig | None = None
    sampler: ComponentConfig | None = None
    prior: ComponentConfig | None = None
    density: ComponentConfig | None = None
    metrics: tuple[ComponentConfig, ...] | None = None
    training: TrainingConfig = TrainingConfig()
    prior_training: TrainingConfig | None = None
    sampling: SamplingConfig = SamplingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    seed: int = Field(0, ge=0, lt=2**63)
    device: str = "auto"
    data: str | None = None

    def flat(self) -> dict[str, Any]:
        """Return plain tables without the values that are None, as a TOML file holds them."""
        tables: dict[str, Any] = {}
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, ComponentConfig):
                tables[key] = value.flat()
            elif isinstance(value, tuple):
                tables[key] = [item.flat() for item in value]
            elif isinstance(value, BaseModel):
                tables[key] = value.model_dump(exclude_none=True)
            elif value is not None:
                tables[key] = value
        return tables


def parse_config(tables: Mapping[str, Any]) -> RunConfig:
    """Check plain tables and return the configuration.

    Raises:
        RequestError: A wrong name (the message lists the right ones) or a wrong value.
    """
    check_names(tables)
    try:
        return RunConfig.model_validate(tables)
    except pydantic.ValidationError as error:
        raise RequestError(_worded(error, "")) from None


def check_names(tables: Mapping[str, Any]) -> None:
    """Check the names of a request's tables and settings, but not yet their values.

    Raises:
        RequestError: A name that does not exist; the message lists the right ones.
    """
    _check_keys(RunConfig, tables, "")


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``key=value`` strings into nested tables.

    Values are read as TOML where they are TOML, and as plain strings otherwise.

    Example:
        >>> parse_assignments(["degradation.sigma_max=20", "prior=gmm"])
        {'degradation': {'sigma_max': 20}, 'prior': {'name': 'gmm'}}

    Raises:
        RequestError: An assignment without ``=``, or two that contradict each other.
    """
    tables: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise RequestError(
                f"--set {assignment!r} is no assignment: write --set degradation.sigma_max=20"
            )
        value: Any = _toml_value(text.strip())
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        tables = merge(tables, value)
    return tables


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay tables over tables, key by key.

    A component that changes its name loses the parameters that the old one had.
    """
    merged = {key: _as_table(key, value) for key, value in base.items()}
    for key, value in over.items():
        value = _as_table(key, value)
        old = merged.get(key)
        if not (isinstance(old, Mapping) and isinstance(value, Mapping)):
            merged[key] = value
        elif key in _COMPONENTS and value.get("name", old.get("name")) != old.get("name"):
            merged[key] = dict(value)
        else:
            merged[key] = {**old, **value}
    return merged


def merge_training(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings of a training over others; a budget takes the place of any other."""
    if any(over.get(unit) is not None for unit in BUDGET_UNITS):
        base = {key: value for key, value in base.items() if key not in BUDGET_UNITS}
    return {**base, **over}


_COMPONENTS = ("dataset", "degradation", "backbone", "sampler", "prior", "density")


def _as_table(key: str, value: Any) -> Any:
    return {"name": value} if key in _COMPONENTS and isinstance(value, str) else value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_keys(model: type[BaseModel], tables: Mapping[str, Any], prefix: str) -> None:
    for key, value in tables.items():
        if key not in model.model_fields:
            raise _unknown_key(prefix or "configuration", key, model.model_fields, "a run")
        table: Any = _without_none(model.model_fields[key].annotation)
        nested = inspect.isclass(table) and issubclass(table, BaseModel)
        if nested and isinstance(value, Mapping) and table is not ComponentConfig:
            _check_keys(table, value, key)


def _without_none(annotation: Any) -> Any:
    """Return ``T`` of the annotation ``T | None``."""
    others = [a for a in typing.get_args(annotation) if a is not type(None)]
    return others[0] if len(others) == 1 else annotation


def _unknown_key(where: str, key: str, known: Iterable[str], owner: str) -> RequestError:
    known = list(known)
    close = nearest(key, known, most=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    has = f"has {', '.join(known)}" if known else "has no parameters"
    return RequestError(
        f"unknown parameter {where}.{key}.{hint} {owner[0].upper()}{owner[1:]} {has}."
    )


def _worded(error: pydantic.ValidationError, where: str) -> str:
    """Word a validation error as one line: what was given, and what is allowed."""
    lines = []
    for item in error.errors(include_url=False):
        place = ".".join(str(p) for p in (where, *item["loc"]) if p not in ("", "params"))
        message = item["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        given = item["input"]
        shown = "" if isinstance(given, (Mapping, BaseModel)) else f" (given: {given!r})"
        lines.append(f"{place}: {message}{shown}" if place else f"{message}{shown}")
    return "; ".join(dict.fromkeys(lines))


def _described(doc: str) -> dict[str, str]:
    """Read the ``Args`` section of a Google-style docstring."""
    described: dict[str, str] = {}
    name, inside = "", False
    for line in doc.splitlines():
        if not line.startswith(" "):
            inside = line.strip() == "Args:" if line.strip() else inside
        elif inside:
            depth = len(line) - len(line.lstrip())
            head, colon, rest = line.strip().partition(":")
            if depth == 4 and colon and head.replace(" ", "").isidentifier():
                name, described[head] = head, rest.strip()
            elif name:
                described[name] = f"{described[name]} {line.strip()}".strip()
    return described
