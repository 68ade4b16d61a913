"""The errors that a user can meet, and how they are worded.

A :class:`RequestError` says that the request was wrong: it is raised before any work, and the command
line turns it into one line and exit code 2. A :class:`RunError` says that a run failed: exit code 1. An
:class:`Interrupted` says that somebody stopped it: exit code 3.
"""

from __future__ import annotations

import difflib
import errno
import traceback
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

__all__ = ["BrokenComponentError", "FileError", "GenlabError", "Interrupted", "RequestError", "RunError",
           "TakenError", "brief", "cut", "is_out_of_memory", "listed", "nearest", "printable", "raised",
           "unknown", "worded_os_error"]  # fmt: skip

_NAME = 60  # letters of a name that a message repeats
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


class TakenError(RequestError):
    """A run folder is that of somebody else, or another process is at work in it."""


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
        text = str(given) if plain else repr(given)
        if isinstance(given, BaseException):
            text = text.partition("\n")[0]  # PyTorch tells its own stack behind it
    except (ValueError, RecursionError):  # numbers of thousands of digits, tables in tables
        return f"<{type(given).__name__}>"
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"


def cut(name: str, most: int = _NAME) -> str:
    """Return a name as a message repeats it: as it is, or its beginning.

    Args:
        name: What was given.
        most: Letters.
    """
    return name if len(name) <= most else f"{name[: most - 3]}..."


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


class FileError(RunError, OSError):
    """A file could not be read or written, for a reason that lies with the disk or the system."""


class Interrupted(KeyboardInterrupt):
    """A run was stopped by the user or by the system; the message says how it goes on."""


_REASONS = {
    "ENOSPC": "the disk is full: make room there",
    "EDQUOT": "your quota of the disk is used up: make room there",
    "EROFS": "the disk can only be read: choose a place that can be written to",
    "EACCES": "you have no permission: choose another place, or change its owner or mode",
    "EPERM": "you have no permission: choose another place, or change its owner or mode",
    "ENAMETOOLONG": "the name is too long: choose a shorter one",
    "ENOENT": "there is no such file or folder: was it removed, or is its disk no longer there?",
    "ENOTDIR": "a part of the path is a file and no folder",
    "EISDIR": "it is a folder and no file",
    "EIO": "the disk does not answer as it should: is it still connected?",
    "ESTALE": "the disk is no longer there: is it still connected?",
    "ENODEV": "the disk is no longer there: is it still connected?",
    "ENOTCONN": "the disk is no longer there: is it still connected?",
    "EMFILE": "too many files are open: raise the limit (ulimit -n)",
}


def worded_os_error(error: OSError, file: object = None) -> str:
    """Say in words what the operating system refused, and what may help.

    Args:
        error: What it raised.
        file: The file in question; None: the one that the error names.
    """
    if isinstance(error, FileError):
        return str(error)
    place = error.filename if file is None else file
    name = errno.errorcode.get(error.errno or 0, "")
    reason = _REASONS.get(name) or error.strerror or str(error) or type(error).__name__
    return reason if place is None else f"{place}: {reason}"


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is one of memory that ran out, on the host or on an accelerator."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def raised(error: BaseException, package: str = "") -> str:
    """Return an error in one line: genlab's own words, or its type and words, the file and the line.

    Args:
        error: The error.
        package: The package whose line is told, where it was in it at all; else the innermost is.
    """
    words = brief(error, 300)
    if isinstance(error, GenlabError):
        return words
    words = f"{type(error).__name__}: {words}" if words else type(error).__name__
    places = [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<frozen")
    ]
    own = [place for place in places if package and place[0].partition(".")[0] == package]
    for _, file, line in (own or places)[-1:]:
        words += f" ({PurePath(file).name}, line {line})"
    return words


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

    Example:
        >>> print(unknown("sampler", "dim", ["ddim", "heun"]))
        unknown sampler 'dim'. Did you mean 'ddim'? ...
    """
    options = sorted(options)
    if not options:
        return RequestError(f"unknown {what} {brief(name, 40)}: there are none")
    close = nearest(name, options)
    hint = f" Did you mean {listed(map(repr, close), 60, ' or ')}?" if close else ""
    return RequestError(f"unknown {what} {brief(name, 40)}.{hint} There are: {listed(options)}.")
