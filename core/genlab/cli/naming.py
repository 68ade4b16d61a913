"""Names of files that nobody has named: two different calls have two different ones."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.guards import file_name

__all__ = ["called_with", "distinct_names", "word_of"]


def called_with(given: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """Return how a call differs from the usual one, as a part of a file's name.

    Args:
        given: What was asked for, by name; what is None was not.
        usual: What is usual, by the same names.

    Example:
        >>> called_with({"steps": 10, "sampler": "ddim"}, {"steps": 50, "sampler": "ddim"})
        '-steps-10'
    """
    differing = [
        key for key, value in given.items() if value is not None and value != usual.get(key)
    ]
    parts = [
        key if given[key] is True else f"{key}-{word_of(f'{given[key]}')}" for key in differing
    ]
    return "".join(f"-{part}" for part in parts)


def word_of(text: str) -> str:
    """Return text as a part of a file's name; what no file can be called has a number of its own."""
    name = file_name(text)
    return name if name == text else f"{name}-{zlib.crc32(text.encode('utf-8', 'replace')):08x}"


def distinct_names(files: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, after as many of its folders as tell it from the others.

    Args:
        files: Files; one that is there twice is numbered.

    Example:
        >>> distinct_names([Path("a/x.png"), Path("b/x.png"), Path("b/y.png")])
        ['a-x', 'b-x', 'y']
    """
    parts = [Path(os.path.abspath(file)).with_suffix("").parts[1:] for file in files]
    names = [part[-1] for part in parts]
    for depth in range(2, max(map(len, parts), default=1) + 1):
        twice = _twice(names)
        names = [
            "-".join(p[-depth:]) if n in twice else n for n, p in zip(names, parts, strict=True)
        ]
    taken: set[str] = set()
    for index, name in enumerate(names):
        number = 2
        while names[index].casefold() in taken:
            names[index], number = f"{name}-{number}", number + 1
        taken.add(names[index].casefold())
    return names


def _twice(names: Sequence[str]) -> set[str]:
    """Return the names that several files have, where capitals make no difference."""
    folded = [name.casefold() for name in names]
    return {name for name in names if folded.count(name.casefold()) > 1}
