"""Data sets that torchvision reads and downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import platformdirs
import torch
from torch import Tensor

from genlab import Examples, RequestError
from genlab.protocols import Split

__all__ = ["download_folder", "load_torchvision"]


def download_folder() -> Path:
    """Return where data goes that is downloaded without a data folder."""
    return Path(platformdirs.user_cache_dir("genlab")) / "data"


def load_torchvision(
    source: Callable[..., Any], name: str, split: Split, root: Path | None, *, download: bool
) -> Examples:
    """Load a split of a data set of torchvision.

    Args:
        source: The class, such as ``torchvision.datasets.MNIST``.
        name: How genlab calls the data set.
        split: The split.
        root: The folder that torchvision reads from.
        download: Whether to download what is missing.

    Raises:
        RequestError: The files are missing, damaged or cannot be downloaded.
    """
    if root is None and not download:
        raise RequestError(f"the dataset {name!r} needs a data folder: {_how(name)}")
    folder = root or download_folder()
    if not download and not folder.is_dir():
        raise RequestError(f"--data {folder} is no folder; for the dataset {name!r}, {_how(name)}")
    try:
        found = source(str(folder), train=split == "train", download=download)
    except (RuntimeError, OSError, ValueError, EOFError, AssertionError) as error:
        problem = str(error) or type(error).__name__
        if "Dataset not found" in problem:
            raise RequestError(
                f"the dataset {name!r} is not in {folder} ({_layout(source)}): {_how(name)}"
            ) from None
        if "rror downloading" in problem or isinstance(error, URLError):
            raise RequestError(f"the dataset {name!r} cannot be downloaded: {problem}") from None
        raise RequestError(
            f"the dataset {name!r} in {folder} ({_layout(source)}) cannot be read: {problem}. "
            f"The files may be damaged; --set dataset.download=true gets them again once they are "
            f"removed"
        ) from None
    return Examples(_images(found.data), torch.as_tensor(found.targets, dtype=torch.int64))


def _images(data: Any) -> Tensor:
    """Return uint8 ``(N, C, H, W)`` of torchvision's ``(N, H, W)`` or ``(N, H, W, C)``."""
    x = torch.as_tensor(data).clone()
    return x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()


def _layout(source: Callable[..., Any]) -> str:
    folder = getattr(source, "base_folder", None) or f"{getattr(source, '__name__', '')}/raw"
    return f"looked for {folder}"


def _how(name: str) -> str:
    return (
        f"--data DIR names a folder that has it, and --set dataset.download=true downloads {name} "
        f"(to DIR, or to {download_folder()})"
    )
