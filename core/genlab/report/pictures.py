"""Pictures from files, as the data of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.errors import RequestError

__all__ = ["read_pictures"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_pictures(files: Iterable[Path], spec: DataSpec) -> Tensor:
    """Read picture files as images of the data convention.

    A picture of another size is resized; grey and colour become what the data is.

    Args:
        files: Files that Pillow can read.
        spec: What the data is.

    Returns:
        Images ``(B, C, H, W)`` in [-1, 1].

    Raises:
        RequestError: The data is no pictures, or a file is missing or no picture.
    """
    if spec.kind != "image" or spec.shape[0] not in _MODES:
        raise RequestError(f"pictures do not fit data of shape {spec.shape}")
    return torch.stack([_read(file, spec) for file in files])


def _read(file: Path, spec: DataSpec) -> Tensor:
    channels, height, width = spec.shape
    try:
        with Image.open(file) as picture:
            fitted = picture.convert(_MODES[channels])
    except FileNotFoundError:
        raise RequestError(f"{file}: there is no such picture") from None
    except (OSError, UnidentifiedImageError) as error:
        raise RequestError(f"{file}: this is no readable picture ({error})") from None
    if fitted.size != (width, height):
        fitted = fitted.resize((width, height), Image.Resampling.BOX)
    pixels = torch.from_numpy(np.array(fitted, dtype=np.float32))
    return pixels.reshape(height, width, channels).permute(2, 0, 1) / 127.5 - 1
