"""Rows of numbers in a table: .csv, .npy or .npz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from genlab import ArrayDataset, Dataset, Examples, RequestError, Split, unknown
from genlab_plugins.datasets.array_files import classes_of, read_arrays
from genlab_plugins.datasets.checks import Seed, checked_split
from genlab_plugins.datasets.csv_files import CsvTable, read_csv

__all__ = ["Table"]

_LABELS = ("label", "labels", "class", "target", "y")
_CSV = (".csv", ".tsv", ".txt")


class Table(Dataset):
    """Rows of numbers of one's own: a file ``.csv`` or ``.tsv``, ``.npy`` or ``.npz``.

    Each column is standardised by its mean and deviation over the training split; a share of the rows, the
    same in every run, is set aside for testing. A text file is UTF-8; its first line names the columns unless
    it is all numbers, and then the columns are called 0, 1, ... as those of an array are. Every cell that is
    read is a number. An ``.npz`` goes by the names of its arrays, as the data set ``array`` does.

    Args:
        path: The file. ``--data`` fills it.
        columns: Names of the columns that are read. None: all but the label.
        label: Name of the column of the class: whole numbers or text; empty cells are unknown. None: there
            are no classes, or those of the array ``y``.
        header: Whether the first line of a text file names the columns. None: where no cell is a number.
        delimiter: What stands between two cells of a text file. None: that of comma, semicolon and tab that
            the first line has most of.
        test_share: Share of the rows for testing.
        memory: Largest size in GiB of all that is read; more is refused.
        seed: Seed of the choice of the rows for testing.

    Raises:
        RequestError: The file is missing, damaged or too large, a column does not exist, or a cell is
            no number.
    """

    def __init__(
        self,
        *,
        path: Path,
        columns: tuple[str, ...] | None = None,
        label: str | None = None,
        header: bool | None = None,
        delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        memory: PositiveFloat = 1.0,
        seed: Seed = 0,
    ) -> None:
        self.settled: Mapping[str, Any] = {}
        if path.suffix.lower() in _CSV:
            found = read_csv(
                path, columns, label, header=header, delimiter=delimiter, memory=memory
            )
            self.settled = {"delimiter": found.delimiter, "header": found.named}
            parts, labels = [found.rows], [None if label is None else found.labels]
            doubts: tuple[str, ...] = ()
        else:
            found, parts, labels, doubts = _from_arrays(path, columns, label, memory)
        numbers, names = classes_of(*labels)
        inner = ArrayDataset(
            x=parts[0], y=numbers[0] if numbers else None,
            test=(parts[1], numbers[1] if numbers else None) if len(parts) > 1 else None,
            test_share=test_share, kind="vector", seed=seed,
        )  # fmt: skip
        self._inner = inner
        self.spec = replace(inner.spec, classes=len(names), names=names)
        self.settled = {**self.settled, "columns": list(found.columns)}
        self.said = f"columns {_shortened(found.columns)}, standardised"
        self.doubts = (*doubts, *_doubts(found, parts[0], label, numbers))

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Return a split; nothing is read from ``root``."""
        return self._inner.load(checked_split(split))


def _from_arrays(
    path: Path, columns: tuple[str, ...] | None, label: str | None, memory: float
) -> tuple[CsvTable, list[NDArray[Any]], list[NDArray[Any] | None], tuple[str, ...]]:
    """Read the table of an array, whose columns are numbered, or named by a structured type."""
    arrays = read_arrays(path, memory=memory)
    given = [part for part in (arrays.x, arrays.x_test) if part is not None]
    labels = [arrays.y] if len(given) == 1 else [arrays.y, arrays.y_test]
    known = arrays.x.dtype.names or tuple(
        map(str, range(arrays.x.shape[-1] if arrays.x.ndim == 2 else 0))
    )
    if not known:
        raise RequestError(f"{path} has the shape {arrays.x.shape}: a table is (rows, columns)")
    for name in (*(columns or ()), *([label] if label else [])):
        if name not in known:
            raise unknown("column", name, known)
    chosen = columns or tuple(name for name in known if name != label)
    if label is not None:
        labels = [_column(part, known, label) for part in given]
    parts = [np.stack([_numbers(path, part, known, n) for n in chosen], 1) for part in given]
    return CsvTable(chosen, True, "", parts[0], np.array([])), parts, labels, arrays.doubts


def _column(x: NDArray[Any], known: tuple[str, ...], name: str) -> NDArray[Any]:
    column: NDArray[Any] = x[name] if x.dtype.names else x[:, known.index(name)]
    whole = column.dtype.kind == "f" and bool((column == column.round()).all())
    return column.astype(np.int64) if whole else column


def _numbers(path: Path, x: NDArray[Any], known: tuple[str, ...], name: str) -> NDArray[np.float64]:
    column = x[name] if x.dtype.names else x[:, known.index(name)]
    if column.ndim != 1 or column.dtype.kind not in "biuf" or not np.isfinite(column).all():
        raise RequestError(
            f"{path}: the column {name!r} has other than finite numbers ({column.dtype})"
        )
    return column.astype(np.float64)


def _doubts(
    found: CsvTable, x: NDArray[Any], label: str | None, labels: list[NDArray[np.int64]]
) -> Iterator[str]:
    """Say what looks wrong about a table."""
    for name in found.columns:
        if label is None and name.lower() in _LABELS:
            yield f"the column {name!r} is read as a number: dataset.label={name} makes it the class"
    for name, column in zip(found.columns, x.T, strict=True):
        if (column == column[0]).all():
            yield f"the column {name!r} has the same value everywhere"
    if labels and len(Counter(labels[0].tolist())) > len(labels[0]) / 2:
        yield "most rows have a class of their own: is dataset.label a quantity?"


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
