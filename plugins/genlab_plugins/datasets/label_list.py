"""The list of labels that the tools of StyleGAN and EDM write: ``dataset.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from genlab import RequestError

__all__ = ["below", "read_labels"]

_MOST_BYTES = 2**26
_MOST_ENTRIES = 2**22
"""So many pairs fit into a few hundred MiB; more than any list of labels has."""

_MOST_CLASSES = 2**16
"""A larger label is a mistake, and every label up to the largest gets a name."""


def read_labels(
    opened: IO[bytes], file: Path, names: tuple[str, ...], *, size: int
) -> dict[str, int]:
    """Read ``{"labels": [[path, label], ...]}``; with ``null`` in its place no label is known.

    Args:
        opened: The opened file.
        file: Its path, for messages.
        names: The files that there are.
        size: Its length in bytes.

    Raises:
        RequestError: It is of another form, or larger than 2**26 bytes or 2**22 entries.
    """
    text = b"" if size > _MOST_BYTES else opened.read(_MOST_BYTES)
    if size > _MOST_BYTES or text.count(b"[") + text.count(b"{") > _MOST_ENTRIES:
        raise RequestError(
            f"{file} has {size} bytes: a list of labels has at most {_MOST_BYTES} bytes and {_MOST_ENTRIES} "
            f"entries"
        )
    try:
        entries = json.loads(text)["labels"]
        pairs = [(name, -1) for name in names] if entries is None else [(n, k) for n, k in entries]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RequestError(
            f'{file} is not of the form {{"labels": [[path, label], ...]}}: {error}'
        ) from None
    labels: dict[str, int] = {}
    for name, label in pairs:
        path = str(name).replace("\\", "/")
        if labels.setdefault(path, _label(label, path, file)) != label:
            raise RequestError(f"{file} gives {path} the labels {labels[path]} and {label}")
    return labels


def below(labels: dict[str, int], start: str) -> dict[str, int]:
    """Return the labels of the files whose paths start so, by the rest of their paths."""
    return {n.removeprefix(start): k for n, k in labels.items() if n.startswith(start)}


def _label(label: Any, name: str, file: Path) -> int:
    if type(label) is not int or not -1 <= label < _MOST_CLASSES:
        raise RequestError(
            f"{file} gives {name} the label {label!r}; a label is a whole number from 0 to "
            f'{_MOST_CLASSES - 1}, or -1 for "unknown"'
        )
    return label
