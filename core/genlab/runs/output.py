"""Samples as files: a grid, arrays, or the walk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.files import figure_bytes
from genlab.figures.images import png_bytes, save_gif, tile
from genlab.figures.samples import samples
from genlab.files import draft, write_bytes
from genlab.runs.page import walk_frames

if TYPE_CHECKING:
    from genlab.runs.run import Label, Run

__all__ = ["check_output", "npz_bytes", "write_output"]

_SUFFIXES = (".png", ".npz", ".gif")


def check_output(file: Path) -> None:
    """Check that samples can be written to a file.

    Raises:
        RequestError: Its ending is not one of .png, .npz and .gif.
    """
    if file.suffix not in _SUFFIXES:
        raise RequestError(
            f"--out {file}: a file of samples ends in .png (a grid), .npz (arrays) or .gif (the walk)"
        )
    if file.is_dir():
        raise RequestError(f"--out {file} is a folder")


def write_output(
    run: Run,
    file: Path,
    n: int,
    *,
    steps: int | None = None,
    sampler: str | None = None,
    label: Label | None = None,
    guidance: float | None = None,
    seed: int = 0,
) -> None:
    """Draw samples and write them in the format that the file's ending asks for.

    Args:
        run: The run.
        file: Where to.
        n: How many samples.
        steps: Steps of a walk.
        sampler: Name of a sampler.
        label: A class, or one for each sample.
        guidance: Scale of classifier-free guidance.
        seed: The seed.
    """
    check_output(file)
    if file.suffix == ".gif":
        walked = list(
            run.walk(n, steps=steps, sampler=sampler, label=label, guidance=guidance, seed=seed)
        )
        with draft(file) as path:
            save_gif(path, walk_frames(run, walked))
        return
    x = run.sample(n, steps=steps, sampler=sampler, label=label, guidance=guidance, seed=seed)
    y = run.labels(n, label, seed=seed)
    if file.suffix == ".npz":
        write_bytes(file, npz_bytes(x, y))
    elif run.spec.kind == "image" and (y is None or len(y.unique()) == 1):
        write_bytes(file, png_bytes(tile(x)))
    else:
        write_bytes(file, figure_bytes(samples(x, run.spec, y=y), "png"))


def npz_bytes(x: Tensor, y: Tensor | None) -> bytes:
    """Return samples, and their labels where they have some, as the bytes of an ``.npz`` file.

    Args:
        x: Samples ``(n, *shape)``.
        y: Labels ``(n,)`` or None.
    """
    arrays = {"x": x.numpy()} if y is None else {"x": x.numpy(), "y": y.numpy()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
