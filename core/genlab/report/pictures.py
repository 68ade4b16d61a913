"""Pictures from files, as the data of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.pictures import Picture, PictureRule, unreadable
from genlab.errors import RequestError

__all__ = ["read_pictures"]


def read_pictures(files: Iterable[Path], spec: DataSpec, rule: PictureRule | None = None) -> Tensor:
    """Read picture files as images of the data convention, as a data set reads its own.

    Args:
        files: The files.
        spec: What the data is.
        rule: How the data set's own files become grey levels; None: by the whole range of their numbers.

    Returns:
        Images ``(B, C, H, W)`` in [-1, 1].

    Raises:
        RequestError: The data is no pictures, or a file is missing, damaged or no picture.
    """
    if spec.kind != "image" or spec.shape[0] > 4:
        raise RequestError(f"pictures do not fit data of shape {spec.shape}")
    return torch.stack([_read(file, spec, rule or PictureRule()) for file in files])


def _read(file: Path, spec: DataSpec, rule: PictureRule) -> Tensor:
    with unreadable(file), file.open("rb") as opened:
        picture = Picture(file, opened, file.stat().st_size)
        pixels = torch.from_numpy(picture.pixels(spec.shape, rule).copy())
    return pixels.float().div_(127.5).sub_(1.0)
