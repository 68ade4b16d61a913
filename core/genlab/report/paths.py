"""Interpolation paths from one class or picture to another, as a request names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.pictures import PictureRule
from genlab.diffusion.interpolation import interpolate, latent_mean
from genlab.errors import RequestError
from genlab.files import write_bytes
from genlab.report.arrays import npz_bytes
from genlab.report.figure import Results
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.images import save_gif, tile
from genlab.report.figures.interpolation import interpolation, made_by
from genlab.report.figures.needs import density_of, is_flow
from genlab.report.pairs import class_pairs, examples_of_class
from genlab.report.pictures import read_pictures

__all__ = ["Paths", "check_path_output", "paths_between", "write_paths"]

_SUFFIXES = (".png", ".svg", ".npz", ".gif")
_USUAL_TIME = 0.5  # that both ends are degraded to
_AVERAGED = 1000  # training examples whose latents make the mean of a class


@dataclass(frozen=True)
class Paths:
    """Interpolation paths between pairs of examples.

    Args:
        a: Where they begin, ``(B, *shape)``.
        b: Where they end, ``(B, *shape)``.
        between: Their points, ``(points, B, *shape)``.
        names: One for each path, or none.
        note: How they were made, in words.
        even: Whether their points stand where neighbours differ alike.
    """

    a: Tensor
    b: Tensor
    between: Tensor
    names: tuple[str, ...] = ()
    note: str = ""
    even: bool = False


def paths_between(
    run: Results,
    begin: str,
    end: str,
    *,
    pairs: int = 4,
    means: bool = False,
    rule: PictureRule | None = None,
    **options: Any,
) -> Paths:
    """Interpolate between what two words name.

    Args:
        run: The run.
        begin: Where it begins: a picture file, or a class by name or number.
        end: Where it ends: a picture file, or a class by name or number.
        pairs: How many test images of a class are taken.
        rule: How picture files are read; None: by the whole range of their numbers.
        means: Whether a path between the latent means of two classes is added (flows).
        options: What :func:`genlab.interpolate` takes: points, t, path, steps, sampler, seed, even.

    Raises:
        RequestError: A word names neither a class nor a file, or there are no means to take.
    """
    a, b = _ends(run, begin, end, pairs, rule)
    between = interpolate(run.model, a, b, **options)
    time = None if is_flow(run) else options.get("t", _USUAL_TIME)
    even = options.get("even", False)
    note = made_by(time, even)
    if not means:
        return Paths(a, b, between, note=note, even=even)
    first, last = (_mean(run, word)[None] for word in (begin, end))
    middle = interpolate(run.model, first, last, **options)
    names = ("means", *[""] * len(a))
    a, b, between = torch.cat([first, a]), torch.cat([last, b]), torch.cat([middle, between], 1)
    return Paths(a, b, between, names, note, even)


def check_path_output(file: Path) -> None:
    """Check that paths can be written to a file.

    Raises:
        RequestError: Its ending is not one of .png, .svg, .npz and .gif.
    """
    if file.suffix not in _SUFFIXES:
        raise RequestError(
            f"--out {file}: a path is written as .png or .svg (a strip), .npz (arrays) or .gif (an animation)"
        )


def write_paths(file: Path, paths: Paths, spec: DataSpec) -> None:
    """Write paths in the format that the file's ending asks for.

    Raises:
        RequestError: Paths are not written to such a file, or the data is no images.
    """
    check_path_output(file)
    if file.suffix == ".npz":
        write_bytes(file, npz_bytes(paths.between, None))
    elif spec.kind != "image":
        raise RequestError(
            f"the points of a path are shown as images; data of the kind {spec.kind!r} goes into an .npz file"
        )
    elif file.suffix == ".gif":
        there = [tile(x) for x in paths.between]
        save_gif(file, [*there, *there[::-1]], ms=120)
    else:
        figure = interpolation(
            paths.a, paths.b, paths.between, spec,
            names=paths.names, note=paths.note, even=paths.even,
        )  # fmt: skip
        write_bytes(file, figure_bytes(figure, file.suffix[1:]))


def _ends(
    run: Results, begin: str, end: str, pairs: int, rule: PictureRule | None
) -> tuple[Tensor, Tensor]:
    """Return what two words name, as pairs of examples."""
    files = [Path(word).is_file() for word in (begin, end)]
    if not any(files):
        first, last = (_class(run.spec, word) for word in (begin, end))
        return class_pairs(run.data.test, run.spec, first, last, pairs)
    a, b = (
        read_pictures([Path(word)], run.spec, rule)
        if is_file
        else examples_of_class(run.data.test, run.spec, _class(run.spec, word), pairs)
        for word, is_file in zip((begin, end), files, strict=True)
    )
    count = max(len(a), len(b))
    return a.expand(count, *a.shape[1:]), b.expand(count, *b.shape[1:])


def _class(spec: DataSpec, word: str) -> int:
    """Return the class that a word names."""
    if not spec.classes:
        raise RequestError(f"{word!r}: there is no such file, and the data has no classes")
    try:
        return spec.class_told(word)
    except RequestError as error:
        raise RequestError(f"{word!r}: there is no such file, and {error}") from None


def _mean(run: Results, word: str) -> Tensor:
    """Return the example that lies at the mean of a class's latents."""
    if Path(word).is_file():
        raise RequestError(f"--means needs two classes, and {word!r} is a file")
    label = _class(run.spec, word)
    x = examples_of_class(run.data.train, run.spec, label, _AVERAGED)
    return latent_mean(density_of(run), x)
