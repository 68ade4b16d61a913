"""Which images are for training and which for testing: by the names of folders and ZIP files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genlab import RequestError
from genlab_plugins.datasets.image_listing import Listing

__all__ = ["Splits", "listed_splits", "split_of"]

Part = Literal["train", "test", "val"]

_NAMES: Mapping[str, Part] = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "val", "valid": "val", "validation": "val",
}  # fmt: skip
"""The names of splits, in small letters."""


@dataclass(frozen=True)
class Splits:
    """The splits of a data set.

    Args:
        train: What is learned from, or all where there is no ``test``.
        test: What is held out; None where there is no split for it.
        named: Whether folders named as splits are splits, and no classes.
        doubts: What looks wrong.
    """

    train: Listing
    test: Listing | None
    named: bool
    doubts: tuple[str, ...] = ()


def listed_splits(path: Path, named: bool | None = None) -> Splits:
    """List a folder or ZIP file by its splits.

    They are folders, or ZIP files in a folder, called train or training, test or testing, and val, valid or
    validation, in small or large letters. Without test, val is for testing; what lies beside is not read.

    Args:
        path: The folder or ZIP file.
        named: Whether folders of these names are splits. None: where there is one for training and one for
            testing.

    Raises:
        RequestError: There is nothing there, or nothing to train on, or it cannot be read, or it is not clear
            which images are for testing.
    """
    archives = _archives(path)
    whole = Listing.of(path) if archives else Listing.of(path).unwrapped()
    if named is False:
        return Splits(whole, None, False)
    found = {**archives, **{f: whole.below(f) for f in whole.folders if f.lower() in _NAMES}}
    parts = _by_part(path, found)
    beside = sorted(folder or "images" for folder in whole.folders - found.keys())
    held = parts.get("test") or parts.get("val")
    if "train" in parts and (held or named):
        unread = [*beside, *(n for n in found if "test" in parts and _part(n) == "val")]
        doubts = (f"{', '.join(unread)} beside the splits is not read",) if unread else ()
        return Splits(found[parts["train"]], found[held] if held else None, True, doubts)
    if named:
        raise RequestError(f"{path} has no folder train: {_shown(whole.folders) or 'no images'}")
    if not parts:
        _refuse_inner(path, whole)
        return Splits(whole, None, False)
    return _half(path, whole, found, beside)


def _half(path: Path, whole: Listing, found: Mapping[str, Listing], beside: list[str]) -> Splits:
    """Settle what has no split for training, or none for testing."""
    names = sorted(found)
    told = "dataset.splits=false takes every folder for a class"
    if any(_part(name) != "train" for name in found):
        also = f" beside {_shown(beside)}: {told}" if beside else ""
        raise RequestError(f"{path} has {' and '.join(names)}, but no train{also}")
    (train,) = names
    if not beside:
        return Splits(found[train], None, False)
    if train not in whole.folders:
        raise RequestError(f"{path} has {train} beside {_shown(beside)}: which of them is meant?")
    doubt = (
        f"{train} beside {_shown(beside)} is taken for a class; dataset.splits=true: for a split"
    )
    return Splits(whole, None, False, (doubt,))


def _refuse_inner(path: Path, whole: Listing) -> None:
    """Refuse folders of classes that hold folders of splits, whose held-out images would be learned."""
    inner: dict[str, set[str]] = {}
    for name in whole.images:
        folders = name.split("/")[1:-1]
        if folders and folders[0].lower() in _NAMES:
            inner.setdefault(name.split("/")[0], set()).add(folders[0])
    for folder, names in inner.items():
        if len({_part(name) for name in names}) > 1:
            raise RequestError(
                f"{path / folder} holds {' and '.join(sorted(names))}: put splits outside of classes, as in "
                f"train/{folder}, or dataset.splits=false takes all of it for one class"
            )


def split_of(name: str) -> Part | None:
    """Return the split that a name stands for, in small or large letters; None where it is none."""
    return _NAMES.get(name.lower())


def _archives(path: Path) -> dict[str, Listing]:
    """Return the ZIP files of a folder that are called as splits are."""
    if not path.is_dir():
        return {}
    try:
        files = sorted(path.iterdir())
    except OSError as error:
        raise RequestError(f"the folder {path} cannot be read: {error}") from None
    return {
        file.name: Listing.of(file)
        for file in files
        if file.suffix.lower() == ".zip" and file.stem.lower() in _NAMES and file.is_file()
    }


def _by_part(path: Path, found: Iterable[str]) -> dict[Part, str]:
    parts: dict[Part, str] = {}
    for name in sorted(found):
        other = parts.setdefault(_part(name), name)
        if other != name:
            raise RequestError(f"{path} has {other} and {name}: which of them is meant?")
    return parts


def _part(name: str) -> Part:
    return _NAMES[name.lower().removesuffix(".zip")]


def _shown(names: Iterable[str]) -> str:
    ordered = sorted(name or "images" for name in names)
    return ", ".join(ordered[:4]) + (", ..." if len(ordered) > 4 else "")
