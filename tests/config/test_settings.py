"""The settings of a run: what they are where nothing is said, and that nobody changes them later."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from genlab.config.settings import (
    EvaluationSettings,
    RestorerSettings,
    RunSettings,
    SamplingSettings,
)

USUAL: list[tuple[pydantic.BaseModel, dict[str, Any]]] = [
    (RunSettings(), {"conditional": False, "save_every": 60.0}),
    (SamplingSettings(), {"steps": 0, "count": 1000, "batch": 500, "guidance": 1.0}),
    (EvaluationSettings(), {"times": 0, "count": 500, "steps": 0, "best": ""}),
    (RestorerSettings(prediction="v", jitter=0.1), {"prediction": "v", "jitter": 0.1}),
]


@pytest.mark.parametrize(("settings", "usual"), USUAL, ids=lambda v: type(v).__name__)
def test_settings(settings: pydantic.BaseModel, usual: dict[str, Any]) -> None:
    """The documentation gives these values; ``steps = 0`` is the sampler's own number."""
    found = settings.model_dump()
    assert {key: found[key] for key in usual} == usual
    for key, value in usual.items():
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(settings, key, value)
    with pytest.raises(pydantic.ValidationError, match="extra"):
        type(settings).model_validate({**found, "other": 1})
