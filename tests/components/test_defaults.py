"""The defaults of everything that has a public name are those that are written down in `defaults.txt`.

A default is part of what a request computes. After a change that is meant, write them down anew with
GENLAB_RENEW=1.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import genlab
import genlab_plugins

LEFT_OUT = ("templates", "__main__", "genlab_plugins.play")
"""What is no module, what runs when it is imported, and what needs an extra."""
WRITTEN = Path(__file__).parent / "defaults.txt"


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not any(part in found.name for part in LEFT_OUT):
            yield importlib.import_module(found.name)


def public(owner: ModuleType | type, module: str) -> Iterator[tuple[str, Any]]:
    """Give the functions and classes that are defined there, and the methods of classes."""
    for name, value in sorted(vars(owner).items()):
        value = inspect.unwrap(getattr(value, "__func__", value))
        # users write the names of settings, wherever these stand
        settings = inspect.isclass(value) and issubclass(value, BaseModel)
        shown = settings or not name.startswith("_")
        if shown and callable(value) and getattr(value, "__module__", "") == module:
            yield f"{owner.__name__}.{name}", value
            if inspect.isclass(value):
                yield from ((f"{owner.__name__}.{each}", it) for each, it in public(value, module))


def defaults(name: str, value: Any) -> Iterator[str]:
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return
    for parameter in parameters.values():
        default = parameter.default
        if default is not parameter.empty and isinstance(default, bool | int | float | str | tuple):
            yield f"{name} {parameter.name}={default!r}"


def test_defaults_are_those_that_are_written_down(written: Callable[[Path, str], str]) -> None:
    found = {
        line
        for package in (genlab, genlab_plugins)
        for module in modules(package)
        for name, value in public(module, module.__name__)
        for line in defaults(name, value)
    }
    known = set(written(WRITTEN, "\n".join(sorted(found)) + "\n").splitlines())
    assert {"gone": known - found, "new": found - known} == {"gone": set(), "new": set()}
