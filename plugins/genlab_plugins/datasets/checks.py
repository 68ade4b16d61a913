"""Checks that data sets share: of splits, and of the seeds of random streams."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from genlab import Split, unknown

__all__ = ["Points", "Seed", "checked_split"]

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""A seed of random streams, each of which has a seed of its own (:func:`genlab.sub_seed`)."""

Points = Annotated[int, Field(gt=0, le=5_000_000)]
"""How many points a split has; they are drawn at once."""


def checked_split(split: Split) -> Split:
    """Return the split.

    Raises:
        RequestError: There is no such split.
    """
    if split not in get_args(Split):
        raise unknown("split", str(split), get_args(Split))
    return split
