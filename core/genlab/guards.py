"""What files of strangers may not do: take more memory than fits, lead out of their folder by a name, or run.

Sizes are looked at before anything is read or built. One setting, the environment variable
``GENLAB_MAX_GIB``, says how much one thing may take in memory; it is of the user, and no file can change it.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genlab.errors import RequestError, brief

__all__ = ["MOST", "file_name", "is_file", "most_bytes", "parsed_json", "parsed_toml", "read_bounded",
           "require_depth", "require_fits", "require_name"]  # fmt: skip

MOST = "GENLAB_MAX_GIB"
"""The environment variable that says how many GiB one model, or one file of arrays, may take."""

_GIB = 2**30
_TEXT = 2**24  # bytes of a file of text that is read at once
_TOML = 2**18  # bytes of a TOML file
_DEPTH = 16  # tables in tables, lists in lists
_DIGITS = 300  # of a number
_NAME = 100  # characters of a name that becomes a file
_WORD = r"[\w\"'-]"
# It begins with a word and never goes back, so that a long text takes no longer than its length.
_DOTTED = re.compile(rf"(?<!{_WORD})(?:{_WORD}++\s*+\.\s*+){{{_DEPTH},}}")
_RESERVED = frozenset({"con", "prn", "aux", "nul"})  # of Windows


def most_bytes() -> int:
    """Return how many bytes one model, or one file of arrays, may take.

    Raises:
        RequestError: The environment variable is no number.
    """
    given = os.environ.get(MOST, "0.5")
    try:
        limit = float(given)
    except ValueError:
        limit = math.nan
    if not 0 < limit < 2**20:
        raise RequestError(f"{MOST}={brief(given)}: it is a number of GiB, such as 4")
    return int(limit * _GIB)


def require_fits(what: str, size: float) -> None:
    """Refuse what would take more memory than it may.

    Args:
        what: What it is, in words, with the setting that asks for it.
        size: Bytes.

    Raises:
        RequestError: It would.
    """
    if size > most_bytes():
        gib = math.ceil(10 * min(size, 1e30) / _GIB) / 10
        raise RequestError(
            f"{what} would take {gib:.6g} GiB, and at most {most_bytes() / _GIB:g} are allowed: the "
            f"environment variable {MOST}={math.ceil(gib):.6g} allows it"
        )


def require_name(what: str, name: str) -> str:
    """Return a name that is to become a folder or a file, where it is one and no path.

    Args:
        what: What it names, as the error calls it.
        name: The name.

    Raises:
        RequestError: It leads elsewhere, or no file system takes it.
    """
    if name != file_name(name):
        raise RequestError(
            f"{what} = {brief(name)}: it becomes the name of a folder, and so has letters, digits and . _ - "
            f"alone, begins with a letter or a digit, and has at most {_NAME} characters"
        )
    return name


def file_name(text: str) -> str:
    """Return text as the name of a file or a folder, which leads nowhere else.

    Letters and digits of all languages stay, and so do spaces and ``. _ - + = , @ ( ) [ ] ~ '``; what
    else there is becomes a hyphen.

    Example:
        >>> file_name("../../evil")
        'evil'
        >>> file_name("blur-8-gaussians")
        'blur-8-gaussians'
    """
    kept = "".join(c if c.isalnum() or c in "._-+=,@()[]~ '" else "-" for c in text[: 2 * _NAME])
    kept = kept.strip().lstrip(".-").rstrip(". ")
    while len(kept) > _NAME or len(kept.encode()) > 2 * _NAME:
        kept = kept[:-1]
    return "unnamed" if not kept or kept.partition(".")[0].lower() in _RESERVED else kept


def is_file(file: Path) -> bool:
    """Say whether there is a file at a path; there is none where no file system takes the path."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def read_bounded(file: Path, most: int = _TEXT) -> str:
    """Return the text of a file, whose size is looked at first.

    Args:
        file: The file.
        most: The most bytes that it may have.

    Raises:
        RequestError: It is larger.
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    with file.open("rb") as stream:  # its size may be told wrongly: what is read is bounded, too
        data = b"" if os.fstat(stream.fileno()).st_size > most else stream.read(most + 1)
        size = max(len(data), os.fstat(stream.fileno()).st_size)
    if size > most:
        raise RequestError(f"{brief(file)} has {size} bytes, and at most {most} are read")
    return data.decode("utf-8")


def parsed_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text that is neither too long nor too deep.

    Raises:
        ValueError: It is no TOML, or too long or too deep.
    """
    if len(text) > _TOML:
        raise ValueError(f"it has {len(text)} characters, and at most {_TOML} are read")
    if _DOTTED.search(text):
        raise ValueError(f"tables lie in tables more than {_DEPTH} deep")
    tables: dict[str, Any] = _shallow(tomllib.loads, text, "tables lie in tables")
    return tables


def parsed_json(text: str) -> Any:
    """Return what a JSON text says that is not too deep.

    Raises:
        ValueError: It is no JSON, or too deep.
    """
    return _shallow(json.loads, text, "lists lie in lists")


def _shallow(parse: Callable[[str], Any], text: str, deep: str) -> Any:
    """Parse a text, and refuse what is too deep, for the parser or for us."""
    try:
        found = parse(text)
    except RecursionError:
        raise ValueError(f"{deep} more than {_DEPTH} deep") from None
    require_depth(found)
    return found


def require_depth(value: Any) -> None:
    """Refuse values that lie in each other too deep, and numbers that are too long to be told.

    Raises:
        ValueError: They do.
    """
    level = [value]
    for _ in range(_DEPTH + 1):
        for item in level:
            if isinstance(item, int) and item.bit_length() > _DIGITS * 3:
                raise ValueError(f"a number has more than {_DIGITS} digits")
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise ValueError(f"tables or lists lie in each other more than {_DEPTH} deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []
