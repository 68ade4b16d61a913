"""Ways from one class or picture to another, as a request names them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.files import figure_bytes
from genlab.figures.images import save_gif, tile
from genlab.figures.interpolation import interpolation
from genlab.files import write_bytes
from genlab.protocols import DataSpec
from genlab.runs.pictures import read_pictures

if TYPE_CHECKING:
    from genlab.runs.run import Run

__all__ = ["Ways", "check_way_output", "example_pairs", "way_between", "write_way"]

_SUFFIXES = (".png", ".svg", ".npz", ".gif")
_LOOKED_AT = 1000  # training examples whose latents make the mean of a class


@dataclass(frozen=True)
class Ways:
    """Ways between pairs of examples.

    Args:
        a: Where they begin, ``(B, *shape)``.
        b: Where they end, ``(B, *shape)``.
        between: Their points, ``(points, B, *shape)``.
    """

    a: Tensor
    b: Tensor
    between: Tensor


def way_between(run: Run, begin: str, end: str, *, pairs: int, means: bool, **options: Any) -> Ways:
    """Interpolate between what two words name.

    Args:
        run: The run.
        begin: A class by name or number, or a picture file.
        end: Likewise.
        pairs: How many test images of a class are taken.
        means: Whether a way between the latent means of two classes is added (flows).
        options: What :meth:`genlab.Run.interpolate` takes.

    Raises:
        RequestError: A word names neither a class nor a file, or there are no means to take.
    """
    a, b = (_named(run, word, pairs) for word in (begin, end))
    count = min(len(a), len(b)) if len(a) > 1 and len(b) > 1 else max(len(a), len(b))
    a, b = (x.expand(count, *x.shape[1:]) if len(x) == 1 else x[:count] for x in (a, b))
    between = run.interpolate(a, b, **options)
    if means:
        ends = [_mean(run, word)[None] for word in (begin, end)]
        middle = run.interpolate(ends[0], ends[1], **options)
        a, b = (torch.cat(pair) for pair in zip(ends, (a, b), strict=True))
        between = torch.cat([middle, between], 1)
    return Ways(a, b, between)


def example_pairs(run: Run, pairs: int) -> tuple[Tensor, Tensor]:
    """Return test examples in pairs, each of two classes where there are classes."""
    x, y = run.examples("test").first(16 * pairs)
    x = x.cpu()
    if y is None:
        return x[:pairs], x[pairs : 2 * pairs]
    used: set[int] = set()
    first: list[int] = []
    second: list[int] = []
    for i in range(len(x)):
        j = next((j for j in range(i + 1, len(x)) if j not in used and y[j] != y[i]), None)
        if i in used or j is None or len(first) == pairs:
            continue
        used |= {i, j}
        first.append(i)
        second.append(j)
    return x[first], x[second]


def check_way_output(file: Path) -> None:
    """Check that a way can be written to a file.

    Raises:
        RequestError: Its ending is not one of .png, .svg, .npz and .gif.
    """
    if file.suffix not in _SUFFIXES:
        raise RequestError(
            f"--out {file}: a way ends in .png or .svg (a strip), .npz (arrays) or .gif (a film)"
        )


def write_way(file: Path, ways: Ways, spec: DataSpec) -> None:
    """Write ways in the format that the file's ending asks for."""
    check_way_output(file)
    if file.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, x=ways.between.numpy())
        write_bytes(file, buffer.getvalue())
    elif spec.kind != "image":
        raise RequestError("the points of vectors go into an .npz file")
    elif file.suffix == ".gif":
        there = [tile(x) for x in ways.between]
        save_gif(file, [*there, *there[::-1]], ms=120)
    else:
        figure = interpolation(ways.a, ways.b, ways.between, spec)
        write_bytes(file, figure_bytes(figure, file.suffix[1:]))


def _named(run: Run, word: str, pairs: int) -> Tensor:
    """Return what a word names: test examples of a class, or a picture."""
    if Path(word).is_file():
        return read_pictures([Path(word)], run.spec)
    if not run.spec.classes:
        raise RequestError(f"{word!r}: there is no such file, and the data has no classes")
    x, _ = run.examples("test").take(_of_class(run, "test", word, pairs))
    return x.cpu()


def _of_class(run: Run, split: str, word: str, most: int) -> Tensor:
    labels = run.examples(split).y
    assert labels is not None  # a data set with classes has labels
    return (labels == run.class_of(word)).nonzero()[:most, 0]


def _mean(run: Run, word: str) -> Tensor:
    """Return the example that lies at the mean of a class's latents."""
    if Path(word).is_file():
        raise RequestError(f"--means needs two classes, and {word!r} is a file")
    x = run.examples("train").take(_of_class(run, "train", word, _LOOKED_AT))[0]
    return run.latent_mean(x)
