"""How a number was measured, where that is not as its run says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CHOICES", "measured_with", "of_trajectories"]

CHOICES = ("sampler", "sampling_steps", "prior", "guidance", "temperature", "checkpoint", "against")
"""What of a record says how it was measured. A record has those alone that were chosen for it."""


def measured_with(record: Mapping[str, Any]) -> str:
    """Return in words what was chosen for a number.

    >>> measured_with({"name": "frechet", "value": 1.2, "sampler": "ddim", "sampling_steps": 50})
    'ddim, 50 steps'

    Args:
        record: The record of the number.
    """
    steps, split = record.get("sampling_steps"), record.get("against")
    parts = [str(record[key]) for key in ("sampler", "checkpoint") if key in record]
    parts += [f"{steps} steps"] if steps is not None else []
    parts += [f"prior {record['prior']}"] if "prior" in record else []
    parts += [f"{key} {record[key]:.3g}" for key in ("guidance", "temperature") if key in record]
    parts += [f"against {split}"] if split is not None else []
    return ", ".join(parts)


def of_trajectories(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records for which nothing was chosen but how a trajectory goes.

    Args:
        records: Records of numbers.
    """
    others = set(CHOICES) - {"sampler", "sampling_steps"}
    return [record for record in records if not others & record.keys()]
