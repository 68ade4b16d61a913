"""The registry: components by role and name, read from entry points.

A component is known because its distribution declares it in the entry-point group of its role, as one of
genlab's own is, or because :func:`register` has given it a name in this process. Reading the names imports
nothing; :meth:`Registry.get` imports the one component that was asked for.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from genlab.errors import BrokenComponentError, RequestError, raised, unknown
from genlab.files import cache_folder

__all__ = [
    "ROLES",
    "Entry",
    "Registry",
    "build",
    "register",
    "registered",
    "registry",
    "role_class",
]

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "degradation": "genlab.degradations",
        "backbone": "genlab.backbones",
        "sampler": "genlab.samplers",
        "density": "genlab.densities",
        "dataset": "genlab.datasets",
        "metric": "genlab.metrics",
        "objective": "genlab.objectives",
        "optimiser": "genlab.optimisers",
        "figure": "genlab.figures",
        "tracker": "genlab.trackers",
        "engine": "genlab.engines",
    }
)
"""The entry-point group of every role."""

_CLASSES = {role: f"genlab.components.{role}:{role.capitalize()}" for role in ROLES} | {
    "figure": "genlab.report.figure:Figure"
}
"""The base class of every role, imported when a component of the role is."""

_HERE = "this process"
"""The package of what :func:`register` was given."""


@dataclass(frozen=True)
class Entry:
    """One registered component, not yet imported.

    Args:
        role: Its role, such as ``"degradation"``.
        name: Its name.
        value: Where it is, as ``"package.module:Class"``.
        package: The distribution that declares it.
        version: The version of that distribution.
    """

    role: str
    name: str
    value: str
    package: str
    version: str

    def load(self) -> type[Any]:
        """Import the component.

        Raises:
            BrokenComponentError: Importing it raised; the error is chained.
        """
        if self.package == _HERE:
            return _registered[self.role][self.name]
        point = importlib.metadata.EntryPoint(self.name, self.value, ROLES[self.role])
        try:
            component = point.load()
        except Exception as error:
            raise BrokenComponentError(
                f"the {self.role} {self.name!r} of the package {self.package} {self.version} cannot "
                f"be imported: {raised(error)}"
            ) from error
        base = role_class(self.role)
        if not inspect.isclass(component) or not issubclass(component, base):
            raise BrokenComponentError(
                f"the {self.role} {self.name!r} of the package {self.package} {self.version} is not "
                f"a subclass of genlab.{base.__name__}"
            )
        return component

    @cached_property
    def source(self) -> Path | None:
        """The file of the component, found without importing it, or None."""
        if self.package == _HERE:
            return None
        top, *rest = self.value.partition(":")[0].split(".")
        spec = _found(top)
        if spec is None or not spec.submodule_search_locations:
            return Path(spec.origin) if spec and spec.origin and not rest else None
        for location in spec.submodule_search_locations:
            path = Path(location, *rest)
            for candidate in (path.with_suffix(".py"), path / "__init__.py"):
                if candidate.is_file():
                    return candidate
        return None

    @property
    def summary(self) -> str:
        """The first line of the class's docstring, read from its source without importing it."""
        if self.package == _HERE:
            return (inspect.getdoc(self.load()) or "").split("\n")[0].rstrip(". ")
        try:
            text = self.source.read_text("utf-8") if self.source else ""
        except (OSError, ValueError):
            return ""
        name = re.escape(self.value.partition(":")[2])
        found = re.search(rf'^class {name}\b[^\n]*:\s+[rRuU]?"""\s*([^\n]*)', text, re.MULTILINE)
        return found[1].removesuffix('"""').rstrip(". ") if found else ""

    def problem(self) -> str | None:
        """Say what keeps the component from being imported, or None.

        Components of genlab's own distribution are taken to import; a foreign one is imported once,
        and what imported well is remembered until its file or its version changes.
        """
        own = self.package == "genlab" and self.source is not None
        if (
            own
            or self.package == _HERE
            or _known_good().get(self._fingerprint[0]) == self._fingerprint[1]
        ):
            return None
        try:
            self.load()
        except BrokenComponentError as error:
            return str((error.__cause__ and f"{type(error.__cause__).__name__}: {error.__cause__}")
                       or error)  # fmt: skip
        _remember_good(*self._fingerprint)
        return None

    @property
    def _fingerprint(self) -> tuple[str, str]:
        stamp = self.source.stat().st_mtime_ns if self.source else 0
        return f"{sys.prefix} {self.package} {self.value}", f"{self.version} {self.source} {stamp}"


class Registry:
    """The components of one role.

    Args:
        role: One of :data:`ROLES`.
        entries: The components; read from the installed distributions when left out.
    """

    def __init__(self, role: str, entries: list[Entry] | None = None) -> None:
        self.role = role
        self._entries = [*_installed(role), *_here(role)] if entries is None else entries

    def names(self) -> list[str]:
        """Return the names of all components, sorted, without importing any."""
        return sorted({entry.name for entry in self._entries})

    def entries(self) -> list[Entry]:
        """Return all components by name, without importing any."""
        return sorted(self._entries, key=lambda entry: (entry.name, entry.package))

    def entry(self, name: str) -> Entry:
        """Return the one component of this name.

        Raises:
            RequestError: There is none (the message has the nearest names), or two packages declare
                it (the message names both).
        """
        found = [entry for entry in self._entries if entry.name == name]
        if not found:
            raise unknown(self.role, name, self.names())
        if len(found) > 1:
            owners = " and ".join(sorted(f"{entry.package} {entry.version}" for entry in found))
            raise RequestError(
                f"the {self.role} {name!r} is declared by {owners}: uninstall one of them, or ask "
                f"its author to rename it"
            )
        return found[0]

    def name_of(self, cls: type[Any]) -> str | None:
        """Return the name of a class, without importing any; None where it has none.

        What :func:`register` was given is known by the class itself, since a cell of a notebook that is run
        again makes another class that is called the same.
        """
        value = f"{cls.__module__}:{cls.__qualname__}"
        for entry in self.entries():
            if entry.value == value and (entry.package != _HERE or entry.load() is cls):
                return entry.name
        return None

    def get(self, name: str) -> type[Any]:
        """Import and return the class of this name.

        Raises:
            RequestError: See :meth:`entry`.
            BrokenComponentError: Importing it raised.
        """
        return self.entry(name).load()


def registry(role: str) -> Registry:
    """Return the registry of a role.

    Args:
        role: One of :data:`ROLES`, such as ``"degradation"``; the plural is understood.

    Raises:
        RequestError: There is no such role.

    Example:
        >>> "blur" in registry("degradation").names()
        True
        >>> registry("sampler").get("ddim").__name__
        'DDIM'
    """
    by_group = {group.partition(".")[2]: role for role, group in ROLES.items()}
    singular = by_group.get(role, role)
    if singular not in ROLES:
        raise unknown("role", role, ROLES)
    return Registry(singular)


def register(role: str, name: str, component: type[Any]) -> None:
    """Give a class a name in this process, as an entry point of an installed package would.

    The same name can be given again, so that a cell of a notebook can be run again.

    Args:
        role: Its role.
        name: Its name.
        component: The class.

    Raises:
        RequestError: An installed package has the name, or the class is none of the role.

    Example:
        >>> import genlab
        >>> from genlab.testing import Fade
        >>> genlab.register("degradation", "fade", Fade)
        >>> genlab.build("degradation", "fade")
        Fade()
    """
    role = registry(role).role
    base = role_class(role)
    if not inspect.isclass(component) or not issubclass(component, base):
        raise RequestError(
            f"{component!r} is no {role}: it is not a subclass of genlab.{base.__name__}"
        )
    for entry in _installed(role):
        if entry.name == name:
            raise RequestError(
                f"the {role} {name!r} is there already, in the package {entry.package} "
                f"{entry.version}: choose another name"
            )
    _registered.setdefault(role, {})[name] = component


_registered: dict[str, dict[str, type[Any]]] = {}


def registered() -> list[tuple[str, str, type[Any]]]:
    """Return what :func:`register` was given in this process: role, name and class."""
    return [(role, name, cls) for role, names in _registered.items() for name, cls in names.items()]


def build(role: str, name: str, /, *context: Any, **params: Any) -> Any:
    """Build a component by role and name.

    Args:
        role: Its role.
        name: Its name.
        context: What its constructor takes before its own parameters: backbones and densities take
            the :class:`~genlab.DataSpec` of the data, objectives what they train.
        params: Its parameters, checked against the signature of its constructor.

    Raises:
        RequestError: An unknown name or parameter, or a value of the wrong type.

    Example:
        >>> build("degradation", "blur", sigma_max=20.0)
        Blur(sigma_max=20.0)
    """
    from genlab.components.parameters import check_parameters

    components = registry(role)
    component = components.get(name)
    return component(*context, **check_parameters(component, params, where=components.role))


def role_class(role: str) -> type[Any]:
    """Return the base class of a role, such as :class:`genlab.Degradation`."""
    module, _, name = _CLASSES[role].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found


def _here(role: str) -> list[Entry]:
    return [
        Entry(role, name, f"{component.__module__}:{component.__qualname__}", _HERE, "")
        for name, component in _registered.get(role, {}).items()
    ]


@cache
def _found(package: str) -> importlib.machinery.ModuleSpec | None:
    return importlib.util.find_spec(package)


@cache
def _points() -> dict[str, importlib.metadata.EntryPoints]:
    every = importlib.metadata.entry_points()
    return {role: every.select(group=group) for role, group in ROLES.items()}


@cache
def _named(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Return the name and version of a distribution; each of them parses its metadata anew."""
    found = distribution.metadata
    return found["Name"], found["Version"] or ""


@cache
def _installed(role: str) -> list[Entry]:
    entries = {}
    for point in _points()[role]:
        package, version = _named(point.dist) if point.dist else ("unknown", "")
        entry = Entry(role, point.name, point.value, package, version)
        entries[(entry.name, entry.package)] = entry  # one distribution may be on the path twice
    return list(entries.values())


def _good_file() -> Path:
    return cache_folder() / "imports.json"


def _known_good() -> dict[str, str]:
    try:
        known = json.loads(_good_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember_good(key: str, value: str) -> None:
    path = _good_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({**_known_good(), key: value}), "utf-8")
        draft.replace(path)
    except OSError:
        return  # without a cache the next listing imports once more
