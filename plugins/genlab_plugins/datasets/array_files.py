"""Arrays in files of NumPy, whose heads are read before anything else."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from genlab import RequestError, unreadable
from genlab_plugins.datasets.image_splits import split_of

__all__ = ["Arrays", "classes_of", "read_arrays"]

Role = tuple[Literal["train", "test", "val", ""], Literal["x", "y"]]

_GIB = 2**30
_EXAMPLES = frozenset(
    {"x", "image", "images", "imgs", "data", "arr", "features", "inputs", "samples"}
)
_LABELS = frozenset({"y", "label", "labels", "target", "targets", "class", "classes"})


@dataclass(frozen=True)
class Arrays:
    """What a file of arrays holds.

    Args:
        x: The examples, or those for training.
        y: Their labels, or None.
        x_test: The examples for testing; None where a share is to be set aside.
        y_test: Their labels, or None.
        doubts: What looks wrong.
    """

    x: NDArray[Any]
    y: NDArray[Any] | None
    x_test: NDArray[Any] | None = None
    y_test: NDArray[Any] | None = None
    doubts: tuple[str, ...] = ()


def read_arrays(
    path: Path, *, x: str | None = None, y: str | None = None, memory: float = 1.0
) -> Arrays:
    """Read a file ``.npy`` or ``.npz``.

    An ``.npz`` names its arrays: ``x``, ``images``, ``data`` and the like are examples, ``y``, ``labels``
    and the like are labels, and ``train``, ``test`` or ``val`` in a name (``x_train``, ``test_labels``) is a
    split.

    Args:
        path: The file.
        x: The array of the examples. None: by its name, or the only one.
        y: The array of the labels. None: by its name.
        memory: Largest size in GiB of all that is read.

    Raises:
        RequestError: It cannot be read, holds more than fits or Python objects, or it is not clear what is
            what.
    """
    if not path.is_file():
        raise RequestError(f"there is no file {path}: expected is an array in .npy or .npz")
    with unreadable(path), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            if x or y:
                raise RequestError(
                    f"{path} holds one array, which has no name: leave dataset.x and y out"
                )
            file.seek(0)
            return Arrays(_array(file, str(path), path.stat().st_size, memory * _GIB), None)
        with zipfile.ZipFile(file) as archive:
            sizes = {
                entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()
            }
            roles, doubts = _roles(path, sizes, x, y)
            found: dict[Role, NDArray[Any]] = {}
            left = memory * _GIB
            for role, name in roles.items():
                with archive.open(f"{name}.npy") as member:
                    found[role] = _array(member, f"{path}/{name}", sizes[name], left)
                left -= found[role].nbytes
    return _arranged(path, found, doubts)


def classes_of(*labels: NDArray[Any] | None) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Turn labels, which are whole numbers or text, into class numbers, and name the classes.

    The classes are the values that occur, in their order; -1 and empty text are unknown.

    Args:
        labels: The labels of the splits, ``(N,)`` or ``(N, 1)``; None where there are none.

    Raises:
        RequestError: They are neither.
    """
    given = [_flat(y) for y in labels if y is not None]
    if not given:
        return [], ()
    if len({y.dtype.kind in "iu" for y in given}) > 1:
        raise RequestError("the labels of one split are numbers, and those of the other text")
    values = sorted({value for y in given for value in y.tolist()} - {-1, ""})
    number = {value: k for k, value in enumerate(values)} | {-1: -1, "": -1}
    numbers = [np.array([number[value] for value in y.tolist()], np.int64) for y in given]
    return numbers, tuple(map(str, values))


def _flat(y: NDArray[Any]) -> NDArray[Any]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "iuUOb":
        raise RequestError(
            f"labels of the shape {y.shape} and type {y.dtype}: they are whole numbers or text, one for each "
            f"example"
        )
    return y.astype(np.int64) if y.dtype.kind == "b" else y


def _array(file: IO[bytes], name: str, size: int, most: float) -> NDArray[Any]:
    """Read an array whose head says that it fits, and whose file is as long as the head says."""
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise RequestError(
            f"{name} holds Python objects, which are not read: they could run anything"
        )
    if min(shape, default=1) < 0 or (needed := prod(shape) * dtype.itemsize) > most:
        raise RequestError(
            f"{name} declares {'x'.join(map(str, shape))} values of {dtype}: more than the "
            f"{most / _GIB:.3g} GiB that are left of dataset.memory"
        )
    if needed > size:
        raise RequestError(f"{name} is cut off: it has {size} bytes, and its head says {needed}")
    data = file.read(needed)
    if len(data) < needed:
        raise RequestError(
            f"{name} is cut off: it has {len(data)} bytes of values, and its head says {needed}"
        )
    values = np.frombuffer(data, dtype)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)


def _roles(
    path: Path, names: Iterable[str], x: str | None, y: str | None
) -> tuple[dict[Role, str], tuple[str, ...]]:
    """Say which array is what, and which are left out."""
    names = list(names)
    for wanted in (x, y):
        if wanted is not None and wanted not in names:
            raise RequestError(f"{path} has no array {wanted!r}; there are {', '.join(names)}")
    if x is not None or (len(names) == 1 and y is None):
        chosen: dict[Role, str] = {("", "x"): x or names[0]}
        return (chosen | {("", "y"): y} if y else chosen), ()
    roles: dict[Role, str] = {}
    for name in names:
        role = _role(name)
        if role and roles.setdefault(role, name) != name:
            raise RequestError(
                f"{path} has {roles[role]} and {name}: dataset.x and dataset.y name arrays"
            )
    if ("", "x") not in roles and ("train", "x") not in roles:
        raise RequestError(
            f"{path} has {', '.join(names)}: dataset.x names the array of the examples"
        )
    if y is not None:
        roles = {role: name for role, name in roles.items() if role[1] == "x"} | {("", "y"): y}
    first = "train" if ("train", "x") in roles else ""
    second = next((s for s in ("test", "val") if first and (s, "x") in roles), None)
    used = {role: name for role, name in roles.items() if role[0] in (first, second)}
    unread = [name for name in names if name not in used.values()]
    return used, (f"{', '.join(unread)} is not read",) if unread else ()


def _role(name: str) -> Role | None:
    words = [word for word in re.split(r"[\W_]+|\d+", name.lower()) if word]
    splits = [part for word in words if (part := split_of(word))]
    rest = {word for word in words if not split_of(word)}
    if len(rest) != 1 or len(splits) > 1 or not rest <= _EXAMPLES | _LABELS:
        return None
    return (splits[0] if splits else ""), ("x" if rest <= _EXAMPLES else "y")


def _arranged(path: Path, found: Mapping[Role, NDArray[Any]], doubts: tuple[str, ...]) -> Arrays:
    parts = {split: (found.get((split, "x")), found.get((split, "y"))) for split, _ in found}
    for x, y in parts.values():
        if x is None or (y is not None and len(y) != len(x)):
            counts = "no" if x is None else len(x)
            raise RequestError(
                f"{path} has {counts} examples and {len(y) if y is not None else 'no'} labels"
            )
    train = parts.get("train") or parts[""]
    held = parts.get("test") or parts.get("val") or (None, None)
    assert train[0] is not None
    return Arrays(train[0], train[1], *held, doubts)
