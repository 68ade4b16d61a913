"""Where images lie: the files of a folder or a ZIP file, by their paths."""

from __future__ import annotations

import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

from PIL import Image, UnidentifiedImageError

from genlab import RequestError

__all__ = ["Listing", "listed_splits"]

Stream = Callable[[str], IO[bytes]]
"""Opens a file by its path."""

_DAMAGED = (
    OSError, RuntimeError, ValueError, SyntaxError, EOFError, TypeError, KeyError, struct.error,
    zlib.error, lzma.LZMAError, zipfile.BadZipFile, Image.DecompressionBombError,
)  # fmt: skip
"""What Python and Pillow raise for files that are damaged, encrypted or not readable."""

_SPLITS = ("train", "test", "val")

_MOST_CLASSES = 2**16
"""A larger label is a mistake, and every label up to the largest gets a name."""


@dataclass(frozen=True)
class Listing:
    """The files below one place. Hidden files and the folders ``__MACOSX`` are left out.

    Args:
        source: The folder or ZIP file, for messages.
        names: Paths of the files below ``source``, sorted.
        stream: Opens a file.
        labels: The labels of ``dataset.json`` by path, or None where there is none.
    """

    source: Path
    names: tuple[str, ...]
    stream: Stream
    labels: dict[str, int] | None = None

    @classmethod
    def of(cls, source: Path) -> Listing:
        """List a folder, through its links, or a ZIP file.

        Raises:
            RequestError: There is nothing there, or it cannot be read.
        """
        names, stream = _archived(source) if source.is_file() else _in_folder(source)
        return cls(source, tuple(sorted(names)), stream)._with_labels()

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file to read an image from it.

        Raises:
            RequestError: It cannot be read, or what the body makes of it fails; it is named.
        """
        try:
            with self.stream(name) as file:
                yield file
        except _DAMAGED as error:
            no_image = isinstance(error, UnidentifiedImageError)
            reason = "it is no image" if no_image else str(error) or type(error).__name__
            raise RequestError(f"{self.source / name} cannot be read: {reason}") from None

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with self.open(name) as file:
            return file.read()

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The files that are images by their suffix."""
        return tuple(name for name in self.names if _is_image(name))

    @cached_property
    def folders(self) -> frozenset[str]:
        """First folders of the images; the empty string stands for images in none."""
        return frozenset(name.rpartition("/")[0].partition("/")[0] for name in self.images)

    def below(self, folder: str) -> Listing:
        """Return what lies in a folder. Its own ``dataset.json`` goes before the one above it."""
        start = f"{folder}/"
        names = tuple(n.removeprefix(start) for n in self.names if n.startswith(start))
        labels = None if self.labels is None else _below(self.labels, start)
        inner = Listing(self.source / folder, names, lambda n: self.stream(start + n), labels)
        return inner._with_labels()

    def unwrapped(self, classes: Collection[str] = ()) -> Listing:
        """Enter the folder that all images lie in, and so on, unless it is one of the classes."""
        wraps = [folder for folder in self.folders if folder and folder not in classes]
        if len(self.folders) != 1 or not wraps:
            return self
        return self.below(wraps[0]).unwrapped(classes)

    def _with_labels(self) -> Listing:
        if "dataset.json" not in self.names:
            return self
        labels = _labels(self.read("dataset.json"), self.source / "dataset.json", self.names)
        return replace(self, labels=labels)


def listed_splits(path: Path) -> dict[str, Listing]:
    """List a folder or ZIP file by its splits.

    They are its folders ``train`` and ``test``, or ``train`` and ``val``, or ZIP files of these names
    in a folder; what lies beside them is not read.

    Returns:
        ``"train"``, and ``"test"`` where there is one.

    Raises:
        RequestError: There is nothing there, or nothing to train on, or it cannot be read.
    """
    archives = {split: path / f"{split}.zip" for split in _SPLITS}
    parts = {split: Listing.of(file) for split, file in archives.items() if file.is_file()}
    whole = Listing.of(path) if parts else Listing.of(path).unwrapped()
    parts |= {split: whole.below(split) for split in _SPLITS if split in whole.folders}
    if "train" not in parts and len(parts) > 1 and whole.folders <= set(_SPLITS):
        raise RequestError(f"{path} has {' and '.join(sorted(parts))}, but no train")
    if "train" not in parts or (len(parts) == 1 and whole.images):
        return {"train": whole}
    test = parts.get("test") or parts.get("val")
    return {"train": parts["train"]} | ({"test": test} if test else {})


def _in_folder(source: Path) -> tuple[list[str], Stream]:
    if not source.is_dir():
        raise RequestError(
            f"there is no folder or ZIP file {source}: expected are images as <class>/<image>"
        )
    try:
        names = [file.relative_to(source).as_posix() for file in _files(source)]
    except OSError as error:
        raise RequestError(f"the folder {source} cannot be read: {error}") from None
    return names, lambda name: (source / name).open("rb")


def _files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the files below a folder, through links, except those that lead back up."""
    real = folder.resolve()
    if real in above:
        return
    for entry in folder.iterdir():
        if _is_hidden(entry.name):
            continue
        if entry.is_dir():
            yield from _files(entry, (*above, real))
        elif entry.is_file():
            yield entry


def _archived(source: Path) -> tuple[list[str], Stream]:
    try:
        archive = zipfile.ZipFile(source)
    except _DAMAGED as error:
        raise RequestError(f"{source} is no readable ZIP file: {error}") from None
    paths = {PurePosixPath(entry.filename): entry for entry in archive.infolist()}
    entries = {
        path.as_posix(): entry
        for path, entry in paths.items()
        if not entry.is_dir() and not any(_is_hidden(part) for part in path.parts)
    }
    return list(entries), lambda name: archive.open(entries[name])


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_image(name: str) -> bool:
    kind = Image.registered_extensions().get(PurePosixPath(name).suffix.lower())
    return kind in Image.OPEN


def _labels(text: bytes, file: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Read ``{"labels": [[path, label], ...]}``; with ``null`` in its place no label is known."""
    try:
        entries = json.loads(text)["labels"]
        pairs = [(name, -1) for name in names] if entries is None else [(n, k) for n, k in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f'{file} is not of the form {{"labels": [[path, label], ...]}}: {error}'
        ) from None
    return {str(name): _label(label, str(name), file) for name, label in pairs}


def _label(label: Any, name: str, file: Path) -> int:
    if type(label) is not int or not -1 <= label < _MOST_CLASSES:
        raise RequestError(
            f"{file} gives {name} the label {label!r}; a label is a whole number from 0 to "
            f'{_MOST_CLASSES - 1}, or -1 for "unknown"'
        )
    return label


def _below(labels: dict[str, int], start: str) -> dict[str, int]:
    return {n.removeprefix(start): k for n, k in labels.items() if n.startswith(start)}
