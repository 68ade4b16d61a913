"""Data sets: what a model learns from.

Images are held as ``uint8`` and scaled when a batch is taken,

.. math:: x = u / 127.5 - 1 \\in [-1, 1],

or as ``float32`` in [-1, 1]; vectors are held as standardised ``float32``. Series of several channels and
volumes are held as images are. A data set knows its shape, kind and classes before it
loads anything, so that a request can be checked before any work.
"""

from __future__ import annotations

import abc
import html
import math
import operator
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from genlab.components.component import Component
from genlab.components.html import MOST_POINTS, SIDE, picture, strip_png
from genlab.components.pictures import PictureRule
from genlab.errors import RequestError, brief, printable, unknown

__all__ = [
    "DIMENSIONS",
    "KINDS",
    "Data",
    "DataSpec",
    "Dataset",
    "Examples",
    "Kind",
    "LazyImages",
    "PointSet",
    "Split",
    "dequantise",
]

Kind = Literal["image", "vector", "series", "volume"]
"""Kinds of data: of the shapes ``(C, H, W)``, ``(D,)``, ``(C, L)`` and ``(C, D, H, W)``."""

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds of data."""

DIMENSIONS: Mapping[Kind, int] = {"image": 3, "vector": 1, "series": 2, "volume": 4}
"""How many dimensions an example of each kind has."""

Split = Literal["train", "test"]
"""Parts of a data set."""


@dataclass(frozen=True)
class DataSpec:
    """What is known of data before it is loaded.

    Args:
        shape: Shape of one example: ``(C, H, W)`` for images, ``(D,)`` for vectors, ``(C, L)`` for series,
            ``(C, D, H, W)`` for volumes.
        kind: ``"image"``, ``"vector"``, ``"series"`` or ``"volume"``.
        classes: Number of classes; 0 when there are no labels.
        names: Names of the classes, in the order of their labels.
        levels: Number of grey levels of an image: its values are the multiples of ``2 / (levels - 1)``
            from -1 to 1. 0: its values are continuous.
        layout: Of vectors whose numbers are the cells of an image, row by row: its shape ``(C, H, W)``.
            Empty: they are no cells.

    Raises:
        RequestError: The shape is none of this kind, the layout has another number of cells, or a name is
            no UTF-8.

    Example:
        >>> spec = DataSpec((3, 32, 32), "image", classes=2, names=("cat", "dog"))
        >>> spec.unlabelled().classes
        0
    """

    shape: tuple[int, ...]
    kind: Kind
    classes: int = 0
    names: tuple[str, ...] = ()
    levels: int = 256
    layout: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a shape that is none of this kind, and names that no file can hold."""
        if self.kind not in DIMENSIONS:
            raise unknown("kind of data", str(self.kind), DIMENSIONS)
        whole = all(isinstance(side, int) and side >= 0 for side in self.shape)
        if len(self.shape) != DIMENSIONS[self.kind] or not whole:
            raise RequestError(f"{brief(self.shape)} is no shape of data of the kind {self.kind!r}")
        if self.layout and (self.kind, self.shape) != ("vector", (math.prod(self.layout),)):
            raise RequestError(
                f"{brief(self.shape)} numbers are no image of shape {brief(self.layout)}"
            )
        wrong = next((name for name in self.names if printable(name) != name), None)
        if wrong is not None:
            raise RequestError(
                f"the name of the class {wrong!r} is no UTF-8: rename its folder or file"
            )

    @property
    def bounded(self) -> bool:
        """Whether values lie in [-1, 1], as those of all kinds but vectors do."""
        return self.kind != "vector"

    @property
    def level_width(self) -> float | None:
        """Distance of two neighbouring grey levels; None where values are continuous."""
        return 2 / (self.levels - 1) if self.bounded and self.levels > 1 else None

    def class_of(self, label: int | str) -> int:
        """Return the number of a class.

        Args:
            label: An int is a number. A string is a name, or, where no class has that name, a decimal number,
                ``index:`` with a number, or ``name:`` with a name.

        Raises:
            RequestError: There is no such class, or the label is neither an int nor a string.
        """
        number = self._class_called(label) if isinstance(label, str) else _whole(label)
        if number is None or not 0 <= number < self.classes:
            raise unknown("class", str(label), self.names or map(str, range(self.classes)))
        return number

    def class_told(self, word: str) -> int:
        """Return the number of a class that a command line names, where all words are strings.

        Args:
            word: A name or a number; ``name:`` or ``index:`` in front says which.

        Raises:
            RequestError: There is no such class, or the word is the name of one and the number of another.
        """
        how, _, rest = word.partition(":")
        if how == "index" and _decimal(rest) is not None:
            return self.class_of(int(rest))
        if how == "name" and rest in self.names:
            return self.names.index(rest)
        found, number = self.class_of(word), _decimal(word)
        if word in self.names and number is not None and number != found and number < self.classes:
            raise RequestError(
                f"label {word!r}: a class is called {word}, and is not the one with the number {word}, "
                f"which is called {self.names[number]}: write name:{word} or index:{word}"
            )
        return found

    def _class_called(self, label: str) -> int | None:
        """Return the number that a string stands for, or None."""
        if label in self.names:
            return self.names.index(label)
        how, _, rest = label.partition(":")
        if how == "name" and rest in self.names:
            return self.names.index(rest)
        return _decimal(rest if how == "index" and rest else label)

    def unlabelled(self) -> DataSpec:
        """Return the same data without classes."""
        return replace(self, classes=0, names=())


def _whole(label: Any) -> int:
    """Return a class number that was given as an int of Python, NumPy or PyTorch."""
    try:
        if not isinstance(label, bool) and getattr(label, "dtype", None) != torch.bool:
            return operator.index(label)
    except TypeError:
        pass
    raise RequestError(
        f"label {label!r}: a class is given by its number (an int) or its name (a string)"
    )


def _decimal(word: str) -> int | None:
    """Return a decimal number that a word is, or None."""
    return int(word) if word.isascii() and word.isdecimal() else None


def dequantise(x: Tensor, spec: DataSpec, *, generator: torch.Generator) -> Tensor:
    r"""Make images continuous, so that they have a density.

    .. math:: x' = x + w (u - 1/2), \qquad u \sim \mathcal{U}[0, 1), \quad w = 2 / (\text{levels} - 1)

    The probability of the image is at least :math:`\exp \mathbb{E}_u \log p(x') \, w^D` (Uria, Murray &
    Larochelle 2013, arXiv:1306.0186; Theis, van den Oord & Bethge 2016, arXiv:1511.01844). Vectors, and
    images with continuous values, come back as they are.

    Args:
        x: Data ``(B, *shape)``.
        spec: What the data is.
        generator: Source of randomness, on the device of ``x``.

    Example:
        >>> import torch
        >>> x, spec = torch.zeros(1, 1, 4, 4), DataSpec((1, 4, 4), "image")
        >>> smooth = dequantise(x, spec, generator=torch.Generator().manual_seed(0))
        >>> bool((smooth.abs() <= 1 / 255).all()), bool((smooth != 0).any())
        (True, True)
    """
    if spec.level_width is None:
        return x
    u = torch.rand(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    return x + (u - 0.5) * spec.level_width


class LazyImages:
    """Images that stay on disk and are decoded when they are asked for.

    Args:
        decode: Takes a tensor of int64 indices ``(B,)`` and returns uint8 images ``(B, C, H, W)``.
        length: Number of images.
        shape: Shape ``(C, H, W)`` of one image.
        ahead: How many batches a training asks for ahead, at once, from threads.
    """

    def __init__(
        self,
        decode: Callable[[Tensor], Tensor],
        length: int,
        shape: tuple[int, ...],
        *,
        ahead: int = 1,
    ) -> None:
        self.decode, self.ahead = decode, ahead
        self.length = length
        self.shape = (length, *shape)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Tensor) -> Tensor:
        return self.decode(index)


@dataclass(frozen=True)
class Examples:
    """Loaded examples.

    Args:
        x: Images as uint8 ``(N, C, H, W)``, as float32 in [-1, 1], or :class:`LazyImages`; vectors as float32
            ``(N, D)``.
        y: Labels, int64 ``(N,)``, or None. The label -1 means "unknown".

    Example:
        >>> import torch
        >>> pictures = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
        >>> x, y = Examples(pictures, torch.tensor([0, 1])).take(torch.tensor([1, 0]))
        >>> x.flatten().tolist(), y.tolist()
        ([1.0, -1.0], [1, 0])
    """

    x: Tensor | LazyImages
    y: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def lazy(self) -> bool:
        """Whether the examples stay on disk until they are asked for."""
        return isinstance(self.x, LazyImages)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the examples at ``index`` in the data convention.

        Args:
            index: int64 indices ``(B,)``, on the device of ``x`` (lazy images: on the CPU).

        Returns:
            ``x`` as float32 ``(B, *shape)`` and ``y`` as int64 ``(B,)`` or None.
        """
        x = self.x[index]
        if x.dtype == torch.uint8:
            x = x.float().div_(127.5).sub_(1.0)
        return x, None if self.y is None else self.y[index]

    def some(self, n: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Return ``n`` examples chosen at random (all, where there are fewer) in the data convention.

        Args:
            n: How many.
            generator: Source of randomness, on the CPU.
        """
        return self.take(torch.randperm(len(self), generator=generator)[:n].to(self.device))

    def first(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Return the first ``n`` examples (all, where there are fewer) in the data convention."""
        return self.take(torch.arange(min(n, len(self)), device=self.device))

    def to(self, device: torch.device | str) -> Examples:
        """Return the examples on a device. Lazy images stay where they are."""
        x = self.x if isinstance(self.x, LazyImages) else self.x.to(device)
        keep = self.y is None or self.lazy
        return Examples(x, self.y if keep or self.y is None else self.y.to(device))

    @property
    def device(self) -> torch.device:
        """Where the examples live."""
        return torch.device("cpu") if isinstance(self.x, LazyImages) else self.x.device


@dataclass(frozen=True)
class Data:
    """A loaded data set.

    Args:
        spec: What it is.
        train: The training split.
        test: The test split, which no model sees.
        dataset: Where it comes from.
    """

    spec: DataSpec
    train: Examples
    test: Examples
    dataset: Dataset


class Dataset(Component):
    """A source of examples (abstract).

    The parameters of a data set are the keyword arguments of its constructor. A data set whose shape
    depends on its files takes a keyword ``path``, which ``--data`` fills.
    """

    role: ClassVar[str] = "dataset"
    spec: DataSpec
    """Shape, kind, classes and names; set by the constructor, without loading."""
    said: str = ""
    """How values are read, in a few words that a run says at its start, such as ``"grey 0..255"``."""
    doubts: Sequence[str] = ()
    """What looks wrong about the files, in words that a run says at its start."""
    settled: Mapping[str, Any] = MappingProxyType({})
    """The parameters that were left open, as they were found in the files; a run records them."""

    @abc.abstractmethod
    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load one split.

        Args:
            split: ``"train"`` or ``"test"``.
            root: The data folder, for data sets that live in files.

        Raises:
            RequestError: The files are missing (the message says how to get them) or unreadable
                (the message says which).
        """

    @classmethod
    def picture_rule(cls, params: Mapping[str, Any]) -> PictureRule:
        """Return how single pictures are read as data of a data set, without its files.

        Args:
            params: The parameters of the data set.
        """
        return PictureRule()

    def _html_parts(self) -> tuple[str, ...]:
        spec = self.spec
        size = " × ".join(map(str, spec.shape))
        about = f"{spec.kind.removesuffix('s')}s of shape {size}"
        if spec.classes:
            about += f"; {spec.classes} classes"
            about += f": {textwrap.shorten(', '.join(spec.names), 100)}" if spec.names else ""
        return html.escape(about), self._examples_html()

    def _examples_html(self) -> str:
        """Return a picture of the first test examples; nothing where they cannot be had without a folder."""
        if self.params.get("download") is True or self.spec.kind not in ("image", "vector"):
            return ""  # to look is no reason to fetch anything
        image = self.spec.kind == "image"
        try:
            x, _ = self.load("test", None).first(16 if image else MOST_POINTS)
            strip = strip_png(list(x), SIDE // 2) if image else strip_png([x], 2 * SIDE)
            return picture(strip, "the first test examples")
        except Exception:  # no folder, no network, or no picture: the text says enough
            return ""


class PointSet(Dataset):
    """Points drawn from a known distribution (abstract).

    Points are standardised: each coordinate has mean 0 and variance 1 under the distribution, so that
    the same network settings serve every set.
    """

    has_log_prob: ClassVar[bool]
    """Whether :meth:`log_prob` knows the true density."""

    @abc.abstractmethod
    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        """Draw ``n`` fresh points.

        Args:
            n: How many.
            generator: Source of randomness, on the CPU.

        Returns:
            Standardised points, float32 ``(n, D)``, with labels where the set has classes.
        """

    @abc.abstractmethod
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log density of the true distribution, in nats.

        Args:
            x: Standardised points ``(B, D)``.
            y: Labels ``(B,)``: the density of each point's own class. None: the marginal.

        Raises:
            NotImplementedError: The density is not known (``has_log_prob`` is False).
        """

    @property
    @abc.abstractmethod
    def entropy(self) -> float | None:
        """Differential entropy of the standardised distribution in nats, or None if unknown."""
