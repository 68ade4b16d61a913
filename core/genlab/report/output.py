"""Samples and trajectories as files: a grid, arrays, or an animation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.diffusion.trajectory import Step
from genlab.errors import RequestError
from genlab.files import write_bytes
from genlab.report.arrays import npz_bytes
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.images import Pixels, png_bytes, save_gif, tile
from genlab.report.figures.panels import as_images
from genlab.report.figures.samples import samples

__all__ = [
    "check_output",
    "state_pixels",
    "write_animation",
    "write_samples",
]

_SUFFIXES = (".png", ".npz", ".gif")
_LIMITS = (-3.0, 3.0)  # of states: vectors are standardised, and noise has the variance 1


def check_output(file: Path) -> None:
    """Check that samples can be written to a file.

    Raises:
        RequestError: Its ending is not one of .png, .npz and .gif.
    """
    if file.suffix not in _SUFFIXES:
        raise RequestError(
            f"--out {file}: a file of samples ends in .png (a grid), .npz (arrays) or .gif (the trajectory)"
        )
    if file.is_dir():
        raise RequestError(f"--out {file} is a folder")


def write_samples(file: Path, x: Tensor, y: Tensor | None, spec: DataSpec) -> None:
    """Write samples as a grid (.png) or as arrays (.npz).

    Args:
        file: Where to.
        x: Samples ``(n, *shape)``.
        y: Their labels ``(n,)`` or None.
        spec: What the data is.
    """
    check_output(file)
    if file.suffix == ".npz":
        write_bytes(file, npz_bytes(x, y))
    elif file.suffix == ".gif":
        raise RequestError(f"--out {file}: a .gif shows a trajectory, and these are its ends alone")
    elif spec.kind == "image" and (y is None or len(y.unique()) == 1):
        write_bytes(file, png_bytes(tile(x)))
    else:
        write_bytes(file, figure_bytes(samples(x, spec, y=y), "png"))


def write_animation(file: Path, steps: Iterable[Step], spec: DataSpec) -> None:
    """Write the states of trajectories as an animation (.gif).

    Args:
        file: Where to.
        steps: The trajectories.
        spec: What the data is.
    """
    save_gif(file, [state_pixels(step.x_t, spec) for step in steps])


def state_pixels(x: Tensor, spec: DataSpec) -> Pixels:
    """Return states of trajectories as a picture, ``(height, width[, 3])``.

    Args:
        x: States ``(B, *shape)``.
        spec: What the data is.
    """
    if spec.kind in ("image", "volume"):
        return tile(as_images(x, spec))
    canvas = FigureCanvasAgg(samples(x, spec, limits=_LIMITS))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
