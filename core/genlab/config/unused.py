"""What a request says that nothing would use: it is refused rather than passed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from genlab.config.settings import RunSettings
from genlab.errors import RequestError

__all__ = [
    "OF_A_DIFFUSION", "OF_A_TRAINED_PRIOR", "refuse_temperature", "refuse_untrained", "refuse_unused"
]  # fmt: skip

OF_A_TRAINED_PRIOR = ("prior_training", "prior_optimiser")
"""What only a prior that is trained has a use for."""

OF_A_DIFFUSION = ("backbone", "sampler", "restorer", "prior", *OF_A_TRAINED_PRIOR)
"""What only a diffusion has a use for."""


def refuse_unused(given: Mapping[str, Any], names: Iterable[str], why: str) -> None:
    """Refuse what was given and has no use.

    Args:
        given: The request.
        names: What has no use.
        why: Why, in words.

    Raises:
        RequestError: One of them was given.
    """
    for name in names:
        value = given.get(name)
        if value is not None and not (isinstance(value, Mapping) and not value):
            raise RequestError(f"{name} has no use here: {why}")


def refuse_temperature(given: Mapping[str, Any], what: str) -> None:
    """Refuse a temperature other than 1 of what takes none.

    Args:
        given: The request.
        what: What takes none, in words.

    Raises:
        RequestError: One was given.
    """
    if given.get("sampling", {}).get("temperature", 1) != 1:
        raise RequestError(
            f"sampling.temperature has no use here: {what} is sampled as it is, and flows take one"
        )


def refuse_untrained(given: Mapping[str, Any], what: str) -> None:
    """Refuse what says how to train something that is fitted at once.

    Args:
        given: The request.
        what: What is fitted at once, in words.

    Raises:
        RequestError: A budget, an optimiser or another setting of a training was given.
    """
    why = f"{what} is fitted at once, and not trained"
    refuse_unused(given, ["objective", "optimiser"], why)
    training = {
        f"training.{key}": value
        for key, value in given.get("training", {}).items()
        if key not in RunSettings.model_fields
    }
    refuse_unused(training, training, why)
