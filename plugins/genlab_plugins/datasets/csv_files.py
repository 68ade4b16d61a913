"""Tables in text files, read line by line."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from genlab import RequestError, unknown, unreadable

__all__ = ["CsvTable", "read_csv"]

Line = tuple[int, list[str]]
"""The number of a line, and its cells."""

_GIB = 2**30
_LONGEST = 2**20  # characters of a line
_GROWTH = 4  # "1," are two bytes in the file and eight in memory
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class CsvTable:
    """A table that was read.

    Args:
        columns: Names of the columns that were read.
        named: Whether the first line of the file named the columns.
        delimiter: What stands between two cells; empty where there is no text.
        rows: The numbers, ``(N, D)``.
        labels: The label of each row, as whole numbers or text; empty where no label was asked for.
    """

    columns: tuple[str, ...]
    named: bool
    delimiter: str
    rows: NDArray[Any]
    labels: NDArray[Any]


def read_csv(
    path: Path,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    memory: float = 1.0,
) -> CsvTable:
    """Read a table from a text file.

    Args:
        path: The file.
        columns: Names of the columns that are read. None: all but the label.
        label: Name of the column of the labels, or None.
        header: Whether the first line names the columns. None: where no cell of it is a number.
        delimiter: What stands between two cells. None: that of which the first line has most.
        memory: Largest size in GiB that it may take.

    Raises:
        RequestError: It is missing, too large or no UTF-8, a column does not exist, or a cell is no number.
    """
    if not path.is_file():
        raise RequestError(
            f"there is no file {path}: expected is a table in .csv, .tsv, .npy or .npz"
        )
    size = path.stat().st_size
    if size * _GROWTH > memory * _GIB:
        raise RequestError(
            f"{path} has {size} bytes, which may take more than the {memory:g} GiB of dataset.memory"
        )
    with unreadable(path), path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(_LONGEST)
        file.seek(0)
        between = delimiter or max(_DELIMITERS, key=first.count)
        reader = csv.reader(_lines(file, path), delimiter=between, strict=True)
        try:
            lines: Iterator[Line] = ((reader.line_num, row) for row in reader if row)
            known, named, lines = _columns(path, lines, header)
            chosen = _chosen(known, columns, label)
            rows, labels = _cells(path, lines, known, chosen, label)
        except csv.Error as error:
            raise RequestError(f"{path}, line {reader.line_num}: {error}") from None
    return CsvTable(chosen, named, between, rows, labels)


def _columns(
    path: Path, lines: Iterator[Line], header: bool | None
) -> tuple[tuple[str, ...], bool, Iterator[Line]]:
    """Return the names of all columns, whether the first line has them, and the lines of numbers."""
    number, first = next(lines, (0, []))
    if not first:
        raise RequestError(f"{path} is empty")
    named = _is_header(path, first) if header is None else header
    if not named:
        return tuple(map(str, range(len(first)))), False, chain([(number, first)], lines)
    known = tuple(cell.strip() for cell in first)
    twice = [name for k, name in enumerate(known) if name in known[:k]]
    if twice:
        raise RequestError(f"{path} has two columns {twice[0]!r}")
    return known, True, lines


def _is_header(path: Path, first: list[str]) -> bool:
    numbers = sum(_number(cell) is not None for cell in first)
    if 0 < numbers < len(first):
        raise RequestError(
            f"{path}: the first line is partly numbers: dataset.header says whether it names the columns"
        )
    return not numbers


def _chosen(
    known: tuple[str, ...], columns: Sequence[str] | None, label: str | None
) -> tuple[str, ...]:
    for name in (*(columns or ()), *([] if label is None else [label])):
        if name not in known:
            raise unknown("column", name, known)
    return tuple(columns) if columns else tuple(name for name in known if name != label)


def _cells(
    path: Path,
    lines: Iterator[Line],
    known: tuple[str, ...],
    chosen: tuple[str, ...],
    label: str | None,
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Read the numbers and the labels."""
    places = [known.index(name) for name in chosen]
    cells, labels = array("d"), []
    for line, row in lines:
        where = f"{path}, line {line}"
        if len(row) != len(known):
            raise RequestError(f"{where} has {len(row)} cells, and there are {len(known)} columns")
        for k in places:
            value = _number(row[k])
            if value is None or not math.isfinite(value):
                raise RequestError(
                    f"{where}: {row[k][:30]!r} in the column {known[k]!r} is no finite number; "
                    f"dataset.columns names the columns that are read"
                )
            cells.append(value)
        if label is not None:
            labels.append(row[known.index(label)].strip())
    return np.array(cells, np.float64).reshape(-1, max(len(chosen), 1)), _labels(labels)


def _labels(labels: list[str]) -> NDArray[Any]:
    """Return labels as whole numbers where all of them are; empty cells are -1 then."""
    try:
        return np.array([int(label) if label else -1 for label in labels], np.int64)
    except (ValueError, OverflowError):
        return np.array(labels, object)


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    while line := file.readline(_LONGEST + 1):
        if len(line) > _LONGEST:
            raise RequestError(f"{path} has a line of more than {_LONGEST} characters")
        yield line


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python would read 1_000
    except ValueError:
        return None
