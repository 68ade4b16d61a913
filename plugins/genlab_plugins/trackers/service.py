"""What trackers of other services share: settings of packages, names of runs, plain parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genlab import write_bytes

__all__ = ["final_numbers", "flat", "keep", "kept", "numbers", "quiet"]

Plain = bool | int | float | str


def quiet(**settings: str) -> None:
    """Set environment variables that nobody has set, before the package that reads them is imported."""
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def kept(path: Path, tracker: str) -> dict[str, str]:
    """Return what a run folder knows of the tracked run; empty where there is none yet."""
    try:
        found = json.loads(_file(path, tracker).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep(path: Path, tracker: str, about: Mapping[str, str]) -> None:
    """Write into a run folder which run is the tracked one, so that a run that goes on continues it."""
    write_bytes(_file(path, tracker), (json.dumps(about, indent=2) + "\n").encode())


def flat(tables: Mapping[str, Any], above: str = "") -> dict[str, Plain]:
    """Return nested tables as one, with keys such as ``"optimiser.lr"``; lists become text."""
    found: dict[str, Plain] = {}
    for key, value in tables.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{key}.")
        else:
            plain = isinstance(value, bool | int | float | str)
            found[f"{above}{key}"] = value if plain else json.dumps(value)
    return found


def numbers(part: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return numbers by name, each below the part of a run that it comes from, without what counts steps."""
    return {f"{part}/{k}": float(v) for k, v in values.items() if k not in ("step", "progress")}


def final_numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of ``metrics.json`` by name."""
    return numbers("final", {record["name"]: record["value"] for record in metrics["metrics"]})


def _file(path: Path, tracker: str) -> Path:
    return path / "trackers" / f"{tracker}.json"
