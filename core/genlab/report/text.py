"""How values are written for reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["as_it_is", "between", "count", "duration", "exact", "number", "setting"]


def number(value: Any) -> str:
    """Write a value for reading: four digits, ``yes`` and ``no``, a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(number(item) for item in value)
    return str(value)


def between(interval: Sequence[float] | None) -> str:
    """Write an interval, such as ``0.61 to 0.66``; nothing where there is none."""
    return " to ".join(number(float(end)) for end in interval) if interval else ""


def as_it_is(name: str) -> str:
    """Return a name so that matplotlib shows it as it is: no formula, and no label that legends leave out.

    Args:
        name: The name of a class, a run, or whatever else people name.
    """
    shown = name.replace("$", r"\$")
    return f"\N{WORD JOINER}{shown}" if shown.startswith("_") else shown


def exact(value: Any) -> str:
    """Write a value with all its digits."""
    return repr(value) if isinstance(value, float) else str(value)


def setting(value: Any) -> str:
    """Write the value of a setting with all its digits; a dash for nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value))
    return exact(value) if isinstance(value, float) else number(value)


def count(value: Any) -> str:
    """Write a number of parameters, such as ``391 k`` or ``35.7 M``."""
    if not isinstance(value, int | float) or value < 10_000:
        return number(value)
    return f"{value / 1e6:.3g} M" if value >= 1e6 else f"{value / 1e3:.3g} k"


def duration(seconds: float) -> str:
    """Write a time span, such as ``1 h 02 min``, ``4 min 10 s`` or ``8.5 s``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
