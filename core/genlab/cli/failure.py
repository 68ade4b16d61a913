"""Errors that nobody has worded: one line that says whose they are."""

from __future__ import annotations

import sys
import traceback
from types import FrameType
from typing import TYPE_CHECKING

from genlab.errors import raised

if TYPE_CHECKING:
    from genlab.components.component import Component

__all__ = ["TRACEBACK", "print_traceback", "told"]

TRACEBACK = "--traceback"


def told(error: BaseException) -> str:
    """Tell an error in one line: the component that raised it, its package, the file and the line."""
    owners = [_component(frame) for frame, _ in traceback.walk_tb(error.__traceback__)]
    owner = next((each for each in reversed(owners) if each is not None), None)
    if owner is None:
        return f"{raised(error, 'genlab')}; {TRACEBACK} shows all"
    words = raised(error, type(owner).__module__.partition(".")[0])
    return f"{_named(owner)} raised {words}; {TRACEBACK} shows all"


def print_traceback(error: BaseException) -> None:
    """Print where an error comes from, to the stream of errors."""
    traceback.print_exception(error, file=sys.stderr)


def _component(frame: FrameType) -> Component | None:
    """Return the component whose method a frame is, if it is one."""
    module = sys.modules.get("genlab.components.component")  # no component is at work without it
    found = frame.f_locals.get("self")
    return found if module is not None and isinstance(found, module.Component) else None


def _named(component: Component) -> str:
    from genlab.components.registry import registry

    cls = type(component)
    role = getattr(cls, "role", "component")
    try:
        name = registry(role).name_of(cls)
        entry = registry(role).entry(name) if name else None
    except ValueError:  # two packages have the name, or there is no such role
        entry = None
    if entry is None:
        return f"the {role} {cls.__name__} of the module {cls.__module__}"
    return f"the {role} {entry.name!r} of the package {f'{entry.package} {entry.version}'.strip()}"
