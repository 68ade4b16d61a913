"""Experiments: requests that are kept in files and known by name."""

from __future__ import annotations

from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any

from genlab.errors import RequestError, brief, unknown
from genlab.guards import file_name, is_file, parsed_toml, read_bounded

__all__ = ["experiment_about", "experiment_names", "experiment_text", "read_experiment"]


def experiment_names() -> list[str]:
    """Return the names of the experiments that come with genlab."""
    return sorted(file.stem for file in _folder().glob("*.toml"))


def experiment_text(name: str | Path) -> str:
    """Return an experiment as its file has it.

    Args:
        name: The name of one that comes with genlab, or a path that ends in ``.toml``.

    Raises:
        RequestError: There is no such experiment, or its file cannot be read.
    """
    file = _file(name)
    try:
        return read_bounded(file)
    except (OSError, ValueError) as error:
        raise RequestError(f"{brief(file)} cannot be read: {brief(error)}") from None


def experiment_about(text: str) -> str:
    """Return what an experiment is: the comment that its file begins with, on one line.

    Args:
        text: The text of the file.
    """
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("#").strip() for line in lines)


def read_experiment(name: str | Path) -> dict[str, Any]:
    """Return the tables of an experiment.

    Args:
        name: The name of one that comes with genlab, or a path that ends in ``.toml``.

    Raises:
        RequestError: There is no such experiment, or it is not TOML.
    """
    file = _file(name)
    try:
        tables = parsed_toml(read_bounded(file))
    except (OSError, ValueError) as error:
        raise RequestError(f"{brief(file)} cannot be read: {brief(error)}") from None
    return {"experiment": file_name(file.stem), **tables}


def _file(name: str | Path) -> Path:
    """Return the file of an experiment."""
    if str(name).endswith(".toml"):
        file = Path(name)
        if not is_file(file):
            raise RequestError(f"there is no file {brief(file)}")
        return file
    if str(name) not in experiment_names():
        raise unknown("experiment", str(name), experiment_names())
    return _folder() / f"{name}.toml"


def _folder() -> Path:
    inside = Path(str(resources.files("genlab"))) / "experiments"
    if inside.is_dir():
        return inside
    return Path(__file__).resolve().parents[2] / "experiments"  # an editable installation
