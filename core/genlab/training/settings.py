"""The settings of a training, each with its type, bound, default and meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
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

from genlab.components.parameters import unknown_setting, worded
from genlab.errors import RequestError

__all__ = ["UNITS", "Budget", "TrainingSettings", "settings_of"]

UNITS = ("steps", "epochs", "minutes")
"""What a budget of training is counted in; a training has one of them."""

Unit = Literal["steps", "epochs", "minutes"]


class Budget(BaseModel):
    """How long to train.

    Args:
        total: How much.
        unit: Of what.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    total: float = Field(gt=0, description="how much")
    unit: Unit = Field(description="of what")

    def counted(self, examples: int, batch: int) -> Budget:
        """Return the budget with epochs counted out in steps.

        Args:
            examples: Number of training examples.
            batch: Examples per step.
        """
        if self.unit != "epochs":
            return self
        return Budget(total=max(math.ceil(self.total * examples / batch), 1), unit="steps")

    def progress(self, step: int, elapsed: float) -> float:
        """Return the share of a budget in steps or minutes that is used up, in [0, 1].

        Args:
            step: Steps done.
            elapsed: Seconds trained.
        """
        used = elapsed / 60 if self.unit == "minutes" else step
        return min(used / self.total, 1.0)


class TrainingSettings(BaseModel):
    """How a model is trained; the budget is ``steps``, ``epochs`` or ``minutes``."""

    model_config = ConfigDict(extra="forbid", validate_default=True, frozen=True)

    budget: Budget = Field(description="how long: steps, epochs or minutes")
    batch: PositiveInt = Field(128, description="examples per step")
    accumulate: PositiveInt = Field(
        1, description="parts that a batch is computed in, one after the other, to save memory"
    )
    warmup: NonNegativeFloat = Field(
        0.05, le=1, description="share of the budget with a rising learning rate"
    )
    decay: Literal["cosine", "linear", "none"] = Field(
        "cosine", description="how the learning rate falls"
    )
    clip: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the weights' moving average")
    shift: NonNegativeInt = Field(0, description="images are moved by up to this many pixels")
    flip: bool | Literal["alternate"] = Field(
        False,
        description="images are mirrored at random; alternate: by turns from one epoch to the next, half of "
        "them in the first (Jordan 2024, arXiv:2404.00498)",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="arithmetic of training")
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        description="whether the network is compiled by torch.compile, which needs a C++ compiler; auto: "
        "where its class gains on vectors and the budget repays it; of several processes, none compiles",
    )
    graphs: Literal["auto", "on", "off"] = Field(
        "auto",
        description="whether the kernels of a step are recorded once and then replayed (CUDA graphs); auto: "
        "on a CUDA device, where network, loss and optimiser launch the same ones each time and one process "
        "computes a batch at once",
    )
    log_every: NonNegativeInt = Field(
        0,
        description="steps between two lines of the log; 0: 20, or fewer where a short training would have "
        "too few for a curve",
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _one_budget(cls, value: Any) -> Any:
        """Accept the budget as one of ``steps``, ``epochs`` and ``minutes``."""
        if not isinstance(value, Mapping):
            return value
        given = {unit: value[unit] for unit in UNITS if value.get(unit) is not None}
        rest = {key: item for key, item in value.items() if key not in UNITS}
        if len(given) > 1:
            raise ValueError(f"one budget at a time: {' and '.join(given)} were given")
        for unit, total in given.items():
            whole = unit == "steps" and not (isinstance(total, int) and not isinstance(total, bool))
            if not isinstance(total, int | float) or isinstance(total, bool) or whole:
                raise ValueError(f"{unit} = {total!r}: a budget is a number" + " of steps" * whole)
            if not total > 0 or not math.isfinite(total):
                raise ValueError(f"{unit} = {total}: a budget is larger than 0")
            rest["budget"] = {"total": total, "unit": unit}
        return rest

    def flat(self) -> dict[str, Any]:
        """Return the settings as a plain table, the budget by its unit."""
        total = self.budget.total
        budget = int(total) if self.budget.unit == "steps" else total
        rest = self.model_dump(exclude={"budget"})
        return {self.budget.unit: budget, **rest}


def settings_of(given: Mapping[str, Any], where: str = "training") -> TrainingSettings:
    """Check settings of a training.

    Args:
        given: Fields of :class:`TrainingSettings` by name, the budget by its unit.
        where: How errors call the table.

    Raises:
        RequestError: An unknown name, or a value that does not fit.
    """
    known = [*UNITS, *(name for name in TrainingSettings.model_fields if name != "budget")]
    for key in given:
        if key not in known:
            raise unknown_setting(where, key, known, where)
    if all(given.get(unit) is None for unit in UNITS):
        raise RequestError(f"{where}: a budget is needed, such as steps=1000")
    try:
        return TrainingSettings.model_validate(given)
    except pydantic.ValidationError as error:
        raise RequestError(worded(error, where)) from None
