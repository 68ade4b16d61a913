"""The errors that a user can meet, and how they are worded.

A :class:`RequestError` says that the request was wrong: it is raised before any work, and the command
line turns it into one line and exit code 2. A :class:`RunError` says that a run failed: exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["BrokenComponentError", "GenlabError", "RequestError", "RunError", "nearest", "unknown"]


class GenlabError(Exception):
    """Base of every error that genlab raises on purpose."""


class RequestError(GenlabError, ValueError):
    """The request was wrong: the message says what was given and what would be right."""


class BrokenComponentError(RequestError):
    """A component is registered, but importing it raised."""


class RunError(GenlabError, RuntimeError):
    """A run failed while it was at work, for instance because its loss became infinite."""


def nearest(name: str, options: Iterable[str], most: int = 3) -> list[str]:
    """Return the options that are spelled most like ``name``, best first.

    Args:
        name: What was given.
        options: What is allowed.
        most: How many options to return at most.
    """
    lowered = {option.lower(): option for option in options}
    close = difflib.get_close_matches(name.lower(), lowered, n=most, cutoff=0.5)
    inside = [key for key in lowered if name and (name.lower() in key or key in name.lower())]
    return [lowered[key] for key in dict.fromkeys([*close, *inside])][:most]


def unknown(what: str, name: str, options: Iterable[str]) -> RequestError:
    """Build the error for a name that does not exist.

    Args:
        what: What the name stands for, such as ``"degradation"``.
        name: What was given.
        options: All names that exist.
    """
    options = sorted(options)
    close = nearest(name, options)
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    known = ", ".join(options) if options else "none is installed"
    return RequestError(f"unknown {what} {name!r}.{hint} There are: {known}.")
