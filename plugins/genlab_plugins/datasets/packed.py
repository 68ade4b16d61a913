"""A data set in one file, which is mapped into memory and read example by example."""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from genlab import Dataset, DataSpec, Examples, LazyImages, RequestError, Split, draft
from genlab_plugins.datasets.checks import checked_split

__all__ = ["Packed", "pack"]

_SPLITS: tuple[Split, ...] = ("train", "test")
_AT_ONCE = 2**24  # bytes of examples that are copied at once
_FORMAT = "genlab-packed-1"


class Packed(Dataset):
    """What ``genlab pack`` has written: examples of any data set of 8-bit images, larger than memory or not.

    The file is mapped into memory and stays on disk: a batch reads its own examples, which the system keeps
    at hand as long as there is room. The order of examples is that of the set that was packed. It is a
    safetensors file with ``train.x``, ``train.y``, ``test.x`` and ``test.y``.

    Args:
        path: The file. ``--data`` fills it.

    Raises:
        RequestError: There is no such file, or it is damaged or of another kind.
    """

    def __init__(self, *, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, "pt") as file:
                told = file.metadata() or {}
                self._labels: dict[Split, Tensor | None] = {
                    split: file.get_tensor(f"{split}.y") if f"{split}.y" in file.keys() else None  # noqa: SIM118
                    for split in _SPLITS
                }
        except (OSError, SafetensorError) as error:
            raise RequestError(f"{path} cannot be read as a packed data set: {error}") from None
        if told.get("format") != _FORMAT:
            raise RequestError(f"{path} is no packed data set: genlab pack SRC {path} writes one")
        spec = json.loads(told["spec"])
        self.spec = DataSpec(
            tuple(spec["shape"]),
            spec["kind"],
            spec["classes"],
            tuple(spec["names"]),
            spec["levels"],
        )
        self.fingerprint = told["fingerprint"]

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Map a split into memory; nothing is read from ``root``."""
        y = self._labels[checked_split(split)]
        x = _Mapped(self.path, f"{split}.x")
        return Examples(LazyImages(x, len(x.array), self.spec.shape), y)


class _Mapped:
    """An array of a safetensors file, of which no more stays in memory than what is asked for."""

    def __init__(self, path: Path, name: str) -> None:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            entry = json.loads(file.read(size))[name]
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        begin, end = entry["data_offsets"]
        found = np.frombuffer(self.map, np.uint8, end - begin, 8 + size + begin)
        self.array = found.reshape(entry["shape"])

    def __call__(self, index: Tensor) -> Tensor:
        """Return the examples at ``index``."""
        found = torch.from_numpy(self.array[index.numpy()])
        if hasattr(mmap, "MADV_DONTNEED"):  # the pages count for the system's cache, not for us
            self.map.madvise(mmap.MADV_DONTNEED)
        return found


def pack(dataset: Dataset, path: Path, root: Path | None = None) -> str:
    """Write a data set of 8-bit images to one file, which appears whole or not at all.

    Args:
        dataset: The data set.
        path: The file.
        root: The data folder, for data sets that live in files.

    Returns:
        The fingerprint of the examples and labels: a hash of 32 digits.

    Raises:
        RequestError: The data is not made of bytes.
    """
    spec, splits = dataset.spec, {split: dataset.load(split, root) for split in _SPLITS}
    if any(examples.x[torch.arange(1)].dtype != torch.uint8 for examples in splits.values()):
        raise RequestError(
            f"{dataset!r} holds numbers that are no bytes, and a packed set holds 8-bit images"
        )
    about = {"shape": spec.shape, "kind": spec.kind, "classes": spec.classes,
             "names": spec.names, "levels": spec.levels}  # fmt: skip
    told = {"format": _FORMAT, "spec": json.dumps(about), "fingerprint": "0" * 32}
    header: dict[str, Any] = {}
    for (
        split,
        examples,
    ) in splits.items():  # labels come first, so that theirs are places of 8 bytes
        if examples.y is not None:
            header[f"{split}.y"] = {"dtype": "I64", "shape": tuple(examples.y.shape)}
    header |= {
        f"{split}.x": {"dtype": "U8", "shape": tuple(examples.x.shape)}
        for split, examples in splits.items()
    }
    place = 0
    for entry in header.values():
        end = place + math.prod(entry["shape"]) * (8 if entry["dtype"] == "I64" else 1)
        entry["data_offsets"], place = [place, end], end
    header["__metadata__"] = told
    with draft(path) as made, made.open("wb") as file:
        _write_head(file, header)
        digest = hashlib.blake2b(digest_size=16)
        for part in _bytes_of(splits):
            digest.update(part)
            file.write(part)
        told["fingerprint"] = digest.hexdigest()
        _write_head(file, header)
    return told["fingerprint"]


def _write_head(file: IO[bytes], header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.seek(0)
    file.write(len(text).to_bytes(8, "little") + text)


def _bytes_of(splits: Mapping[Split, Examples]) -> Iterator[bytes]:
    for examples in splits.values():
        if examples.y is not None:
            yield examples.y.numpy().astype("<i8").tobytes()
    for examples in splits.values():
        n, *shape = examples.x.shape
        for index in torch.arange(n).split(max(_AT_ONCE // math.prod(shape), 1)):
            yield examples.x[index].numpy().tobytes()
