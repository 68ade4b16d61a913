"""Where images lie: the files of a folder or a ZIP file, by their paths."""

from __future__ import annotations

import weakref
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from genlab import RequestError, is_picture, unreadable
from genlab_plugins.datasets.label_list import below, read_labels

__all__ = ["Listing", "Store"]

_FOREIGN = {
    ".dcm": "DICOM", ".dicom": "DICOM", ".ima": "DICOM", ".nii": "NIfTI", ".nrrd": "NRRD",
    ".mha": "MetaImage", ".mhd": "MetaImage", ".h5": "HDF5", ".hdf5": "HDF5", ".hdf": "HDF5",
    ".fits": "FITS", ".fit": "FITS",
    ".czi": "CZI", ".lif": "LIF", ".nd2": "ND2", ".mat": "MATLAB", ".npy": "NumPy", ".npz": "NumPy",
    ".heic": "HEIF", ".heif": "HEIF", ".psd": "Photoshop", ".svg": "SVG", ".eps": "PostScript", ".pdf": "PDF",
    ".cr2": "camera raw", ".nef": "camera raw", ".arw": "camera raw", ".dng": "camera raw", ".exr": "OpenEXR",
    ".jxl": "JPEG XL", ".ico": "icons",
}  # fmt: skip
"""Suffixes of files that hold pictures and are not read, and what they are."""

_JUNK = ("thumbs.db", "desktop.ini")
_MOST_SHOWN = 3


@dataclass(frozen=True)
class Store:
    """Opens files by their paths, and knows how long they are.

    Args:
        open: Opens a file.
        size: Returns the length of a file in bytes.
    """

    open: Callable[[str], IO[bytes]]
    size: Callable[[str], int]

    def below(self, start: str) -> Store:
        """Return the files whose paths start so, by the rest of their paths."""
        return Store(lambda name: self.open(start + name), lambda name: self.size(start + name))


@dataclass(frozen=True)
class Listing:
    """The files below one place. Hidden files and the folders ``__MACOSX`` are left out.

    Args:
        source: The folder or ZIP file, for messages.
        names: Paths of the files below ``source``, sorted.
        store: Opens them.
        labels: The labels of ``dataset.json`` by path, or None where there is none.
    """

    source: Path
    names: tuple[str, ...]
    store: Store
    labels: dict[str, int] | None = None

    @classmethod
    def of(cls, source: Path) -> Listing:
        """List a folder, through its links, or a ZIP file.

        Raises:
            RequestError: There is nothing there, or it cannot be read.
        """
        with unreadable(source):
            names, store = _archived(source) if source.is_file() else _in_folder(source)
        return cls(source, tuple(sorted(names)), store)._with_labels()

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The files that are images by their suffix."""
        return tuple(name for name in self.names if is_picture(name))

    @cached_property
    def folders(self) -> frozenset[str]:
        """First folders of the images; the empty string stands for images in none."""
        return frozenset(name.rpartition("/")[0].partition("/")[0] for name in self.images)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The files that are no images by their suffix, and are not read."""
        known = {*self.images, "dataset.json"}
        return tuple(
            name
            for name in self.names
            if name not in known and PurePosixPath(name).name.lower() not in _JUNK
        )

    def counted_others(self) -> str:
        """Return how many files are not read, by their suffix, such as ``"12 .txt, 3 .h5"``; or nothing."""
        counts = Counter(PurePosixPath(name).suffix or "without suffix" for name in self.others)
        return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(_MOST_SHOWN))

    def foreign(self) -> str:
        """Name the first of the files that hold pictures of formats that are not read; or nothing."""
        kinds = {name: self._kind(name) for name in self.others}
        found = [name for name in self.others if kinds[name]]
        if not found:
            return ""
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{self.source / found[0]}{more} ({kinds[found[0]]})"

    def below(self, folder: str) -> Listing:
        """Return what lies in a folder. Its own ``dataset.json`` goes before the one above it."""
        start = f"{folder}/"
        names = tuple(n.removeprefix(start) for n in self.names if n.startswith(start))
        labels = None if self.labels is None else below(self.labels, start)
        return Listing(self.source / folder, names, self.store.below(start), labels)._with_labels()

    def unwrapped(self, classes: Collection[str] = ()) -> Listing:
        """Enter the folder that all images lie in, and so on, unless it is one of the classes."""
        wraps = [folder for folder in self.folders if folder and folder not in classes]
        if len(self.folders) != 1 or not wraps:
            return self
        return self.below(wraps[0]).unwrapped(classes)

    def _kind(self, name: str) -> str:
        """Say which format of pictures that is not read a file has; nothing where it has none."""
        suffixes = PurePosixPath(name.lower()).suffixes
        kind = next((_FOREIGN[suffix] for suffix in suffixes[-2:] if suffix in _FOREIGN), "")
        if kind or suffixes:
            return kind
        with unreadable(self.source / name), self.store.open(name) as file:
            return "DICOM" if file.read(132)[128:] == b"DICM" else ""

    def _with_labels(self) -> Listing:
        if "dataset.json" not in self.names:
            return self
        file = self.source / "dataset.json"
        with unreadable(file), self.store.open("dataset.json") as opened:
            labels = read_labels(opened, file, self.names, size=self.store.size("dataset.json"))
        return replace(self, labels=labels)


def _in_folder(source: Path) -> tuple[list[str], Store]:
    if not source.is_dir():
        raise RequestError(
            f"there is no folder or ZIP file {source}: expected are images as <class>/<image>"
        )
    try:
        names = [file.relative_to(source).as_posix() for file in _files(source)]
    except OSError as error:
        raise RequestError(f"the folder {source} cannot be read: {error}") from None
    return names, Store(
        lambda name: (source / name).open("rb"), lambda name: (source / name).stat().st_size
    )


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


def _archived(source: Path) -> tuple[list[str], Store]:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise RequestError(f"{source} is no readable ZIP file: {error}") from None
    try:
        entries = _entries(source, archive)
    except RequestError:
        archive.close()
        raise
    store = Store(lambda name: archive.open(entries[name]), lambda name: entries[name].file_size)
    weakref.finalize(store, archive.close)
    return list(entries), store


def _entries(source: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files of a ZIP file by their paths, with slashes between folders."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.filename.replace("\\", "/")  # Windows writes what the format forbids
        path = PurePosixPath(name.lstrip("/"))
        if ".." in path.parts:
            raise RequestError(f"{source} has a file {name!r}, which leads out of it")
        if name.endswith("/") or any(_is_hidden(part) for part in path.parts):
            continue
        if path.as_posix() in entries:
            raise RequestError(f"{source} has two files {path.as_posix()}: which is meant?")
        entries[path.as_posix()] = entry
    return entries


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
