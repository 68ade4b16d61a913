"""The errors that a user can meet, and how they are worded.

A :class:`RequestError` says that the request was wrong: it is raised before any work, and the command
line turns it into one line and exit code 2. A :class:`RunError` says that a run failed: exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

__all__ = ["BrokenComponentError", "GenlabError", "RequestError", "RunError", "brief", "listed",
           "nearest", "printable", "unknown"]  # fmt: skip

_BRIEF = 80  # characters of what was given that a message repeats
_LISTED = 160  # characters of a list in a message


class GenlabError(Exception):
    """Base of every error that genlab raises on purpose; its message can always be printed as UTF-8."""

    def __str__(self) -> str:
        """Return the message; bytes of file names that are no UTF-8 are written as ``\\udce9``."""
        return printable(super().__str__())


class RequestError(GenlabError, ValueError):
    """The request was wrong: the message says what was given and what would be right."""


class BrokenComponentError(RequestError):
    """A component is registered, but importing it raised."""


class RunError(GenlabError, RuntimeError):
    """A run failed while it was at work, for instance because its loss became infinite."""


def printable(text: str) -> str:
    """Return text that can be written as UTF-8: bytes of file names that are none are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def brief(given: Any, most: int = _BRIEF) -> str:
    """Return what was given as a message repeats it: on one line, and not too long.

    Args:
        given: Text and values as Python writes them; paths and errors as they are.
        most: Characters.
    """
    try:
        plain = isinstance(given, PurePath | BaseException)
        text = " ".join((str(given) if plain else repr(given)).split())
    except (ValueError, RecursionError):  # numbers of thousands of digits, tables in tables
        return f"<{type(given).__name__}>"
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"


def listed(items: Iterable[str], most: int = _LISTED, between: str = ", ") -> str:
    """Return items one after another, as many as a message has room for.

    Args:
        items: What is to be told.
        most: Characters.
        between: What stands between two of them.
    """
    items = list(items)
    told = list(items)
    while len(told) > 1 and len(between.join(told)) > most:
        told.pop()
    left = len(items) - len(told)
    text = between.join(told)
    text = text if len(text) <= most else f"{text[: most - 1]}…"
    return f"{text}{between}and {left} more" if left else text


def nearest(name: str, options: Iterable[str], most: int = 3) -> list[str]:
    """Return the options that are spelled most like ``name``, best first.

    Args:
        name: What was given.
        options: What is allowed.
        most: How many options to return at most.
    """
    lowered = {option.lower(): option for option in options}
    name = name[:_BRIEF]
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
    hint = f" Did you mean {listed(map(repr, close), 60, ' or ')}?" if close else ""
    known = listed(options) if options else "none is installed"
    return RequestError(f"unknown {what} {brief(name, 40)}.{hint} There are: {known}.")
