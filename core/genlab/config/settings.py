"""The settings of a run beside its components and its training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from genlab.components.degradation import Prediction

__all__ = ["EvaluationSettings", "RestorerSettings", "RunSettings", "SamplingSettings"]

MOST_STEPS = 100_000
"""The most steps of a trajectory."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True, frozen=True)


class RestorerSettings(_Strict):
    """What a network predicts, and under which noise."""

    prediction: Prediction = Field(
        description="what the network predicts; usually by the degradation"
    )
    jitter: NonNegativeFloat = Field(
        description="deviation of noise that hides from the network what a prior cannot know; usually by "
        "the degradation"
    )


class RunSettings(_Strict):
    """What of a training concerns the run around it."""

    conditional: bool = Field(False, description="learn the classes too, for samples of one class")
    save_every: float = Field(60.0, gt=0, description="seconds between two checkpoints")
    keep: PositiveInt = Field(
        2, description="checkpoints of the training that are kept: the last, and those before it"
    )


class SamplingSettings(_Strict):
    """How samples are drawn at the end of a run."""

    steps: NonNegativeInt = Field(
        0, le=MOST_STEPS, description="steps of a trajectory; 0: the sampler's usual"
    )
    count: PositiveInt = Field(1000, description="samples that the metrics see")
    batch: PositiveInt = Field(500, description="samples drawn at once")
    guidance: NonNegativeFloat = Field(
        1.0,
        allow_inf_nan=False,
        description="classifier-free guidance: 1 is none, more follows the label closer",
    )
    temperature: float = Field(
        1.0,
        allow_inf_nan=False,
        description="flows: factor of the noise; below 1, samples are more usual and more alike",
    )


class EvaluationSettings(_Strict):
    """How a model is watched while it trains."""

    times: NonNegativeInt = Field(
        0,
        le=10_000,
        description="evaluations of the averaged weights, evenly spread over the training",
    )
    count: PositiveInt = Field(500, description="samples that each of them draws")
    steps: NonNegativeInt = Field(
        0, le=MOST_STEPS, description="steps of a trajectory; 0: those of the run"
    )
    best: str = Field(
        "",
        description="number that chooses the checkpoint best.safetensors, such as frechet; empty: none is "
        "chosen",
    )
