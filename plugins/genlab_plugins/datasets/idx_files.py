"""Images of 28 x 28 pixels in IDX files, as MNIST and its successors come.

A file starts with two bytes 0, a type (8: unsigned bytes) and the number of axes, then has the length
of each axis as a big-endian uint32, then the values.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab import Examples, Split
from genlab_plugins.datasets.checks import checked_split
from genlab_plugins.datasets.torchvision_sets import (
    constructed,
    data_folder,
    missing,
    unreadable,
)

__all__ = ["load_idx"]

_CLASSES = 10
_SIDE = 28


def load_idx(
    source: Callable[..., Any], name: str, split: Split, root: Path | None, *, download: bool
) -> Examples:
    """Load a split from IDX files, plain or with gzip.

    Args:
        source: The class of torchvision that downloads them, such as ``torchvision.datasets.MNIST``.
            Its name is that of their folder.
        name: How genlab calls the data set.
        split: The split.
        root: The folder that holds ``<source>/raw``, or ``<source>`` or ``raw`` itself.
        download: Whether to download what is missing.

    Raises:
        RequestError: The files are missing, damaged, of another data set or cannot be downloaded.
    """
    part = "train" if checked_split(split) == "train" else "t10k"
    folder = data_folder(name, root, download=download)
    raw = _raw_folder(folder, source.__name__)
    if download and len(_files(raw, part)) < 2:
        constructed(source, name, raw.parent.parent, split, download=True)
    files = _files(raw, part)
    if len(files) < 2:
        raise missing(name, folder, f"{source.__name__}/raw")
    try:
        x, y = (_array(file) for file in files)
        return _examples(x, y)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise unreadable(name, raw, str(error) or type(error).__name__) from None


def _raw_folder(folder: Path, name: str) -> Path:
    """Return the folder of the IDX files, whichever of the three around them was given."""
    here = Path(os.path.abspath(folder))
    around = [here.parent.name.lower(), here.name.lower()]
    options = [folder / name / "raw"]
    if around[1] == name.lower():
        options.append(here / "raw")
    if around == [name.lower(), "raw"]:
        options.append(here)
    return next((option for option in options if option.is_dir()), options[0])


def _files(raw: Path, part: str) -> list[Path]:
    """Return the files of images and labels, as far as they are there."""
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    options = [[raw / f"{part}-{kind}{suffix}" for suffix in ("", ".gz")] for kind in kinds]
    found = [[file for file in option if file.is_file()] for option in options]
    return [files[0] for files in found if files]


def _array(file: Path) -> Tensor:
    data = file.read_bytes()
    if file.suffix == ".gz":
        data = gzip.decompress(data)
    if data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{file.name} is no IDX file of unsigned bytes")
    start = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    values = np.frombuffer(data, np.uint8, offset=start)
    if values.size != np.prod(shape, dtype=object):
        lengths = " x ".join(map(str, shape))
        raise ValueError(f"{file.name} has {values.size} values, and its head says {lengths}")
    return torch.from_numpy(values.reshape(shape).copy())


def _examples(x: Tensor, y: Tensor) -> Examples:
    if x.shape[1:] != (_SIDE, _SIDE):
        raise ValueError(f"images have the shape {tuple(x.shape[1:])}, not {(_SIDE, _SIDE)}")
    if y.shape != (len(x),) or not len(x):
        raise ValueError(f"there are {len(x)} images, and labels of shape {tuple(y.shape)}")
    if int(y.max()) >= _CLASSES:
        raise ValueError(f"there is a label {int(y.max())}; they go from 0 to {_CLASSES - 1}")
    return Examples(x[:, None], y.long())
