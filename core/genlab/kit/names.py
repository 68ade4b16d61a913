"""The names of a new component, and what they must not clash with."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
from dataclasses import dataclass

from genlab.errors import RequestError
from genlab.components.registry import ROLES, registry

__all__ = ["Names", "checked_names"]


@dataclass(frozen=True)
class Names:
    """What one new component is called in every place.

    Args:
        role: Its role, such as ``"degradation"``.
        name: Its name, such as ``"soft-ripple"``.
    """

    role: str
    name: str

    @property
    def distribution(self) -> str:
        """The distribution and its folder, ``genlab-soft-ripple``."""
        return f"genlab-{self.name}"

    @property
    def package(self) -> str:
        """The import package, ``genlab_soft_ripple``."""
        return self.distribution.replace("-", "_")

    @property
    def component(self) -> str:
        """The class, ``SoftRipple``."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def group(self) -> str:
        """The entry-point group of the role."""
        return ROLES[self.role]

    @property
    def command(self) -> str:
        """The command that uses the component, ``genlab run --degradation soft-ripple``."""
        if self.role == "metric":
            return f"genlab run --set 'metrics=[\"{self.name}\"]'"
        return f"genlab run --{self.role} {self.name}"


def checked_names(role: str, name: str) -> Names:
    """Check a role and a name, and return what follows from them.

    Args:
        role: One of :data:`~genlab.components.registry.ROLES`; the plural is understood.
        name: Words in lower case with hyphens between them.

    Raises:
        RequestError: There is no such role, or the name is malformed or taken.
    """
    components = registry(role)
    names = Names(components.role, name)
    if not _KEBAB.fullmatch(name):
        raise RequestError(
            f"{name!r} is no name for a {names.role}: write lower-case letters and digits, with single "
            f"hyphens between words and a letter first, such as {_suggestion(name)!r}"
        )
    if name.startswith("genlab-"):
        short = name.removeprefix("genlab-")
        raise RequestError(f"leave the prefix out: {short!r} becomes the package {name!r}")
    for entry in components.entries():
        if entry.name == name:
            raise RequestError(
                f"the {names.role} {name!r} is there already, in the package {entry.package} "
                f"{entry.version}: choose another name"
            )
    if importlib.util.find_spec(names.package):
        raise RequestError(
            f"{name!r} becomes the package {names.package!r}, which is installed already: "
            f"choose another name"
        )
    if keyword.iskeyword(names.component) or hasattr(builtins, names.component):
        raise RequestError(
            f"{name!r} becomes the class {names.component!r}, which Python has already: "
            f"choose another name"
        )
    return names


_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def _suggestion(name: str) -> str:
    """Return the name that was probably meant."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    kebab = "-".join(words).lower()
    return kebab if _KEBAB.fullmatch(kebab) else "soft-ripple"
