"""The names of a new component or command, and what they must not clash with."""

from __future__ import annotations

import builtins
import importlib.metadata
import importlib.util
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from genlab.components.registry import ROLES, registry
from genlab.errors import RequestError, unknown

__all__ = ["COURSEWORK", "GROUPS", "Names", "checked_names", "made_role"]

COMMAND = "command"
COURSEWORK = "coursework"
"""What else the kit makes: a folder for it, and no package."""

GROUPS: Mapping[str, str] = MappingProxyType({**ROLES, COMMAND: "genlab.commands"})
"""What a package can be made for, the roles of components and commands, and the entry-point group of each."""

_USES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "metric": ("genlab run --set 'metrics=[\"{name}\"]'", "train, sample, measure, plot"),
        "figure": ("genlab figures RUN {name}", "draw it; RUN is the folder of a run"),
        "engine": ("genlab sweep FILE --engine {name}", "carry out a series of runs"),
        COMMAND: ("genlab {name}", "run it"),
    }
)
"""The command that uses what was made, and what it does."""

_USUAL_USE = ("genlab run --{role} {name}", "train, sample, measure, plot")


@dataclass(frozen=True)
class Names:
    """What one new component is called in every place.

    Args:
        role: Its role, such as ``"degradation"``, or ``"command"``.
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
    def is_command(self) -> bool:
        """Whether it is a command, which is a function and no component."""
        return self.role == COMMAND

    @property
    def component(self) -> str:
        """The class, ``SoftRipple``; of a command, the function ``soft_ripple``."""
        if self.is_command:
            return self.name.replace("-", "_")
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def kind(self) -> str:
        """What :attr:`component` is: ``"class"`` or ``"function"``."""
        return "function" if self.is_command else "class"

    @property
    def group(self) -> str:
        """The entry-point group."""
        return GROUPS[self.role]

    @property
    def command(self) -> str:
        """The command that uses the component, ``genlab run --degradation soft-ripple``."""
        return _USES.get(self.role, _USUAL_USE)[0].format(role=self.role, name=self.name)

    @property
    def purpose(self) -> str:
        """What :attr:`command` does, in a few words."""
        return _USES.get(self.role, _USUAL_USE)[1]


def made_role(role: str) -> str:
    """Return one of :data:`GROUPS`; the plural is understood.

    Raises:
        RequestError: It is none.
    """
    if role in (COMMAND, f"{COMMAND}s"):
        return COMMAND
    try:
        return registry(role).role
    except RequestError:
        raise unknown("role", role, [*GROUPS, COURSEWORK]) from None


def checked_names(role: str, name: str) -> Names:
    """Check a role and a name, and return what follows from them.

    Args:
        role: One of :data:`GROUPS`; the plural is understood.
        name: Words in lower case with hyphens between them.

    Raises:
        RequestError: There is no such role, or the name is malformed or taken.
    """
    names = Names(made_role(role), name)
    if not _KEBAB.fullmatch(name):
        raise RequestError(
            f"{name!r} is no name for a {names.role}: write lower-case letters and digits, with single "
            f"hyphens between words and a letter first, such as {_suggestion(name)!r}"
        )
    if name.startswith("genlab-"):
        short = name.removeprefix("genlab-")
        raise RequestError(f"leave the prefix out: {short!r} becomes the package {name!r}")
    for taken, package in _taken(names.role):
        if taken == name:
            raise RequestError(
                f"the {names.role} {name!r} is there already, in the package {package}: choose another name"
            )
    if importlib.util.find_spec(names.package):
        raise RequestError(
            f"{name!r} becomes the package {names.package!r}, which is installed already: "
            f"choose another name"
        )
    if keyword.iskeyword(names.component) or hasattr(builtins, names.component):
        raise RequestError(
            f"{name!r} becomes the {names.kind} {names.component!r}, which Python has already: "
            f"choose another name"
        )
    return names


_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def _taken(role: str) -> Iterator[tuple[str, str]]:
    """Yield the names that are taken, each with its package and version."""
    if role != COMMAND:
        for entry in registry(role).entries():
            yield entry.name, f"{entry.package} {entry.version}".rstrip()
        return
    for point in importlib.metadata.entry_points(group=GROUPS[COMMAND]):
        yield point.name, f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"


def _suggestion(name: str) -> str:
    """Return the name that was probably meant."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    kebab = "-".join(words).lower()
    return kebab if _KEBAB.fullmatch(kebab) else "soft-ripple"
