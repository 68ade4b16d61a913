"""Experiments: requests that are kept in files and known by name."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from genlab.errors import RequestError, unknown

__all__ = ["experiment_names", "read_experiment"]


def experiment_names() -> list[str]:
    """Return the names of the experiments that come with genlab."""
    return sorted(file.stem for file in _folder().glob("*.toml"))


def read_experiment(name: str | Path) -> dict[str, Any]:
    """Return the tables of an experiment.

    Args:
        name: The name of one that comes with genlab, or a path that ends in ``.toml``.

    Raises:
        RequestError: There is no such experiment, or it is not TOML.
    """
    file = Path(name) if str(name).endswith(".toml") else _folder() / f"{name}.toml"
    if not file.is_file():
        if str(name).endswith(".toml"):
            raise RequestError(f"there is no file {name}")
        raise unknown("experiment", str(name), experiment_names())
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{file} cannot be read: {error}") from None
    return {"experiment": file.stem, **tables}


def _folder() -> Path:
    inside = Path(str(resources.files("genlab"))) / "experiments"
    if inside.is_dir():
        return inside
    return Path(__file__).resolve().parents[2] / "experiments"  # an editable installation
