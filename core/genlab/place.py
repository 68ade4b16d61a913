"""Which of the processes of a run this one is, as the environment tells it.

``genlab run --processes N``, torchrun, ``accelerate launch`` and their like start N processes, and number
them by the environment variables WORLD_SIZE, RANK and LOCAL_RANK.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from genlab.errors import RequestError, brief

__all__ = ["Place", "is_first", "place", "require_one"]


@dataclass(frozen=True)
class Place:
    """The place of a process among those of a run.

    Args:
        rank: Its number, from 0.
        size: How many there are.
        local: Its number on its machine.
    """

    rank: int = 0
    size: int = 1
    local: int = 0


def place(environment: Mapping[str, str] | None = None) -> Place:
    """Return the place of this process.

    Args:
        environment: Environment variables; None: those of this process.

    Raises:
        RequestError: They do not tell a place.
    """
    told = os.environ if environment is None else environment
    size = _number(told, "WORLD_SIZE", 1, None)
    if size <= 1:
        return Place()
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if not told.get(name, "").strip():
            raise RequestError(
                f"WORLD_SIZE = {size}, and {name} is not set: genlab run --processes {size}, torchrun or "
                f"accelerate launch set all of them; without several processes, unset WORLD_SIZE"
            )
    return Place(_number(told, "RANK", 0, size), size, _number(told, "LOCAL_RANK", 0, None))


def is_first() -> bool:
    """Say whether this process is the one that speaks: the first of a run's, or the only one."""
    if os.environ.get("WORLD_SIZE", "1").strip() in ("", "0", "1"):
        return True
    try:
        return place().rank == 0
    except RequestError:  # to be told
        return True


def require_one(what: str) -> None:
    """Refuse to do in each of several processes what is done once.

    Args:
        what: What it is.

    Raises:
        RequestError: There are several.
    """
    size = place().size
    if size > 1:
        raise RequestError(
            f"WORLD_SIZE = {size}: {what} is started once, without torchrun or the like"
        )


def _number(told: Mapping[str, str], name: str, otherwise: int, end: int | None) -> int:
    given = told.get(name, "").strip()
    number = int(given) if given.isdecimal() and len(given) < 10 else otherwise if not given else -1
    if number < 0 or (end is not None and number >= end):
        below = "" if end is None else f" below WORLD_SIZE = {end}"
        raise RequestError(
            f"{name} = {brief(given)}: this environment variable numbers the processes of a run, and is a "
            f"whole number{below}"
        )
    return number
