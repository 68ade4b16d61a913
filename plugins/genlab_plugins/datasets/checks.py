"""What may be asked of a data set: its splits, and the seeds of its random streams."""

from __future__ import annotations

from typing import get_args

from genlab import RequestError
from genlab.errors import unknown
from genlab.protocols import Split

__all__ = ["checked_seed", "checked_split"]

_SEEDS = 2**31


def checked_split(split: Split) -> Split:
    """Return the split.

    Raises:
        RequestError: There is no such split.
    """
    if split not in get_args(Split):
        raise unknown("split", str(split), get_args(Split))
    return split


def checked_seed(seed: int) -> int:
    """Return the seed.

    Raises:
        RequestError: It is negative, or has more than 31 bits.
    """
    if not 0 <= seed < _SEEDS:
        raise RequestError(f"seed is {seed}; a data set takes a seed from 0 to {_SEEDS - 1}")
    return seed
