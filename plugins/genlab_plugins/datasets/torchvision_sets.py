"""Data sets that torchvision reads and downloads."""

from __future__ import annotations

import pickle
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor

from genlab import Examples, RequestError, Split, cache_folder
from genlab_plugins.datasets.checks import checked_split

__all__ = [
    "constructed",
    "data_folder",
    "download_folder",
    "load_torchvision",
    "missing",
    "unreadable",
]

_FAILURES = (
    RuntimeError, OSError, ValueError, EOFError, AssertionError, TypeError, KeyError, zlib.error,
    pickle.UnpicklingError, tarfile.TarError,
)  # fmt: skip
"""What torchvision raises for files that are missing, damaged or out of reach."""


def download_folder() -> Path:
    """Return where data goes that is downloaded without a data folder."""
    return cache_folder() / "data"


def data_folder(name: str, root: Path | None, *, download: bool) -> Path:
    """Return the folder to read from, and to download to.

    Args:
        name: How genlab calls the data set.
        root: The data folder that was given.
        download: Whether to download what is missing.

    Raises:
        RequestError: None was given, or it is no folder, and nothing is to be downloaded.
    """
    if root is None and not download:
        raise RequestError(f"the dataset {name!r} needs a data folder: {_how(name)}")
    folder = root or download_folder()
    if not download and not folder.is_dir():
        raise RequestError(f"--data {folder} is no folder; for the dataset {name!r}, {_how(name)}")
    return folder


def load_torchvision(
    source: Callable[..., Any], name: str, split: Split, root: Path | None, *, download: bool
) -> Examples:
    """Load a split of a data set of torchvision.

    Args:
        source: The class, such as ``torchvision.datasets.CIFAR10``.
        name: How genlab calls the data set.
        split: The split.
        root: The folder that torchvision reads from.
        download: Whether to download what is missing.

    Raises:
        RequestError: The files are missing, damaged or cannot be downloaded.
    """
    folder = data_folder(name, root, download=download)
    found = constructed(source, name, folder, checked_split(split), download=download)
    return Examples(_images(found.data), torch.as_tensor(found.targets, dtype=torch.int64))


def constructed(
    source: Callable[..., Any], name: str, folder: Path, split: Split, *, download: bool
) -> Any:
    """Return torchvision's data set.

    Raises:
        RequestError: The files are missing, damaged or cannot be downloaded.
    """
    try:
        return source(str(folder), train=split == "train", download=download)
    except _FAILURES as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        if "Dataset not found" in problem:
            raise missing(name, folder, str(getattr(source, "base_folder", ""))) from None
        if "rror downloading" in problem or isinstance(error, URLError):
            raise RequestError(f"the dataset {name!r} cannot be downloaded: {problem}") from None
        raise unreadable(name, folder, problem) from None


def missing(name: str, folder: Path, inside: str) -> RequestError:
    """Build the error for files that are not there.

    Args:
        name: How genlab calls the data set.
        folder: The data folder.
        inside: What was looked for in it.
    """
    return RequestError(
        f"the dataset {name!r} is not in {folder} (looked for {inside}): {_how(name)}"
    )


def unreadable(name: str, folder: Path, problem: str) -> RequestError:
    """Build the error for files that are there, but wrong.

    Args:
        name: How genlab calls the data set.
        folder: Where they are.
        problem: What is wrong.
    """
    return RequestError(
        f"the dataset {name!r} in {folder} cannot be read: {problem}. The files may be damaged; "
        f"--set dataset.download=true gets them again once they are removed"
    )


def _images(data: Any) -> Tensor:
    """Return uint8 ``(N, 3, H, W)`` of torchvision's ``(N, H, W, 3)``."""
    return torch.as_tensor(data).permute(0, 3, 1, 2).contiguous()


def _how(name: str) -> str:
    return (
        f"--data DIR names a folder that has it, and --set dataset.download=true downloads {name} "
        f"(to DIR, or to {download_folder()})"
    )
