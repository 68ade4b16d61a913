"""Data that is handed in as it is: tensors, arrays, pairs of them, or a data set of PyTorch."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from genlab.components.dataset import DIMENSIONS, Data, Dataset, DataSpec, Examples, Kind, Split
from genlab.errors import RequestError
from genlab.seeds import MOST, generator_of

__all__ = ["ArrayDataset", "as_dataset", "described", "doubts_of", "loaded"]

_LONGEST = 60  # characters of the names of classes
_LOOKED_AT = 1000  # images whose levels are looked at
_DARK = 64  # of 255

_KINDS: Mapping[int, Kind] = {DIMENSIONS[kind]: kind for kind in DIMENSIONS}


class ArrayDataset(Dataset):
    """Tensors or arrays as a data set.

    One number per feature, ``(N, D)``: vectors, standardised by the mean and the deviation of the training
    split. More dimensions: series ``(N, C, L)``, images ``(N, C, H, W)`` or volumes ``(N, C, D, H, W)``; grey
    images ``(N, H, W)`` say so by ``kind="image"``. Values of uint8 are levels from 0 to 255; floats in
    [-1, 1] stay as they are, floats in [0, 1] are taken to [-1, 1], and others are refused.

    Args:
        x: The examples, or those for training where ``test`` is given.
        y: Their labels, int64 ``(N,)``; None: there are no classes.
        test: Examples for testing: ``x``, or ``(x, y)``. None: a share of all is set aside.
        test_share: Share of the examples that is set aside, where ``test`` is left out.
        kind: ``"vector"``, ``"image"``, ``"series"`` or ``"volume"``. None: by the dimensions.
        seed: Seed of the choice of the examples for testing.

    Raises:
        RequestError: Shapes, values or labels do not fit.

    Example:
        >>> import numpy as np
        >>> import genlab
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 8, 8), dtype=np.uint8)
        >>> data = genlab.load(ArrayDataset(x=images, y=np.arange(50) % 2, kind="image"))
        >>> data.spec.shape, data.spec.classes, len(data.train), len(data.test)
        ((1, 8, 8), 2, 45, 5)
    """

    def __init__(
        self,
        *,
        x: Any,
        y: Any = None,
        test: Any = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        kind: Kind | None = None,
        seed: Annotated[int, Field(ge=0, le=MOST)] = 0,
    ) -> None:
        x, labels = _tensor(x, "x"), _labels(y)
        _check_count("x", x, labels)
        if test is not None:
            x_test, y_test = test if isinstance(test, tuple) else (test, None)
            train, held = _Part(x, labels), _Part(_tensor(x_test, "test"), _labels(y_test))
            _check_count("test", *held)
        else:
            train, held = _set_aside(x, labels, test_share, seed)
        chosen = kind or _KINDS.get(x.ndim - 1)
        if chosen is None:
            raise RequestError(f"x has the shape {tuple(x.shape)}, which is no kind of data")
        if x.ndim == DIMENSIONS[chosen] and chosen != "vector":  # one channel, which is not said
            train, held = (_Part(part.x[:, None], part.y) for part in (train, held))
        _check(train, held)
        levels = 256 if train.x.dtype == torch.uint8 else 0
        x_train, x_held, self.said = _scaled(train.x, held.x, chosen)
        self._splits: dict[Split, Examples] = {
            "train": Examples(x_train, train.y), "test": Examples(x_held, held.y)
        }  # fmt: skip
        classes = 1 + max(
            (int(part.y.max()) for part in (train, held) if part.y is not None), default=-1
        )
        shape = tuple(x_train.shape[1:])
        names = tuple(map(str, range(classes)))
        self.spec = DataSpec(shape, chosen, classes, names, levels)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Return a split; nothing is read from ``root``."""
        return self._splits[split]


class _Part(NamedTuple):
    """Examples of a split before they are scaled, and their labels."""

    x: Tensor
    y: Tensor | None


def as_dataset(given: Any) -> Dataset:
    """Return data as a data set.

    Args:
        given: A :class:`~genlab.Dataset`, its class, a tensor or array, a pair ``(x, y)``, a mapping
            ``{"train": ..., "test": ...}`` of those, or a ``torch.utils.data.Dataset`` of such pairs.

    Raises:
        RequestError: It is none of these.
    """
    if isinstance(given, Dataset):
        return given
    if isinstance(given, type) and issubclass(given, Dataset):
        return given()
    if isinstance(given, Mapping) and "train" in given:
        x, y = _pair(given["train"])
        if "test" not in given:
            return ArrayDataset(x=x, y=y)
        x_test, y_test = _pair(given["test"])
        return ArrayDataset(x=x, y=y, test=(x_test, y_test))
    x, y = _pair(given)
    return ArrayDataset(x=x, y=y)


def loaded(dataset: Dataset, root: Path | None = None) -> Data:
    """Load both splits of a data set.

    Args:
        dataset: The data set.
        root: The data folder, for data sets that live in files.
    """
    train, test = dataset.load("train", root), dataset.load("test", root)
    return Data(dataset.spec, train, test, dataset)


def described(data: Data) -> str:
    """Say in one line what was read, and how.

    Such as ``"3 classes: cat, dog, owl; 1x28x28; 54 train + 6 test; grey 0..255"``.

    Args:
        data: The loaded data.
    """
    spec, count = data.spec, data.spec.classes
    classes = f"{count} class{'es' * (count > 1)}" if count else "no classes"
    if spec.names:
        classes += ": " + textwrap.shorten(", ".join(spec.names), _LONGEST, placeholder=" ...")
    shape = "x".join(map(str, spec.shape))
    sizes = f"{len(data.train)} train + {len(data.test)} test"
    return "; ".join(part for part in (classes, shape, sizes, data.dataset.said) if part)


def doubts_of(data: Data) -> Iterator[str]:
    """Say what looks wrong about data: what its data set doubts, classes without examples, dark images.

    Args:
        data: The loaded data.
    """
    yield from data.dataset.doubts
    spec, train = data.spec, data.train
    if train.y is not None and spec.classes:
        known = set(train.y.unique().tolist())
        missing = [name for k, name in enumerate(spec.names) if k not in known]
        if missing:
            yield f"no training example is of the class {', '.join(missing[:3])}"
    if spec.kind == "image" and isinstance(train.x, Tensor) and train.x.dtype == torch.uint8:
        yield from _doubted_levels(data, train.x[:_LOOKED_AT])


def _doubted_levels(data: Data, x: Tensor) -> Iterator[str]:
    """Say what looks wrong about the levels of images ``(N, C, H, W)``."""
    settles = data.dataset.params
    opacity = x.shape[1] in (2, 4)
    brightest = int((x[:, :-1] if opacity else x).max())
    if brightest < _DARK and "range" in settles:
        yield (
            f"the images are dark: the brightest value is {brightest} of 255; dataset.range says which "
            f"values are white"
        )
    if opacity and "channels" in settles and int(x[:, -1].min()) == 255:
        yield f"nothing is transparent: dataset.channels={x.shape[1] - 1} leaves the opacity out"


def _pair(given: Any) -> tuple[Any, Any]:
    if isinstance(given, Examples):
        return given.x, given.y
    if isinstance(given, Tensor | np.ndarray):
        return given, None
    if isinstance(given, torch.utils.data.Dataset):
        return _collected(given)
    if isinstance(given, tuple | list) and len(given) == 2:
        return given[0], given[1]
    if isinstance(given, Data):
        raise RequestError(
            "this is data that is loaded already: give the name of the data set, or the examples, as "
            '{"train": data.train, "test": data.test}'
        )
    raise RequestError(
        f"{type(given).__name__} is no data: give a genlab.Dataset, a tensor or array, a pair (x, y), a "
        f"torch.utils.data.Dataset, or a mapping with 'train' and 'test'"
    )


def _collected(dataset: torch.utils.data.Dataset[Any]) -> tuple[Any, Any]:
    """Return all examples of a data set of PyTorch, and their labels where it has some."""
    items: Sequence[Any] = [dataset[i] for i in range(len(dataset))]  # type: ignore[arg-type]
    if not items:
        raise RequestError("the data set is empty")
    pairs = isinstance(items[0], tuple | list)
    x = torch.stack([torch.as_tensor(np.asarray(i[0] if pairs else i)) for i in items])
    if not pairs or len(items[0]) < 2:
        return x, None
    return x, torch.tensor([int(item[1]) for item in items])


def _tensor(x: Any, name: str) -> Tensor:
    try:
        found = torch.as_tensor(x).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise RequestError(f"{name} is no tensor or array: {error}") from None
    if found.ndim < 2 or not len(found):
        raise RequestError(
            f"{name} has the shape {tuple(found.shape)}: examples come first, (N, ...)"
        )
    return found if found.dtype == torch.uint8 else found.float()


def _labels(y: Any) -> Tensor | None:
    if y is None:
        return None
    try:
        labels = torch.as_tensor(y).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise RequestError(f"y are whole numbers (N,), from 0 on: {error}") from None
    if labels.is_floating_point() or labels.ndim != 1 or bool((labels < -1).any()):
        raise RequestError("y are whole numbers (N,), from 0 on; -1 is unknown")
    return labels.long()


def _check_count(name: str, x: Tensor, y: Tensor | None) -> None:
    if y is not None and len(y) != len(x):
        raise RequestError(f"{name} has {len(x)} examples and {len(y)} labels")


def _set_aside(x: Tensor, y: Tensor | None, share: float, seed: int) -> tuple[_Part, _Part]:
    if len(x) < 2:
        raise RequestError(f"there is {len(x)} example; at least two are needed, one for testing")
    count = min(max(round(share * len(x)), 1), len(x) - 1)
    order = torch.randperm(len(x), generator=generator_of(seed, "split"))
    held, kept = order[:count].sort().values, order[count:].sort().values
    train, test = (_Part(x[part], None if y is None else y[part]) for part in (kept, held))
    return train, test


def _check(train: _Part, test: _Part) -> None:
    if (train.y is None) != (test.y is None):
        raise RequestError("either both splits have labels, or none has")
    if train.x.shape[1:] != test.x.shape[1:]:
        raise RequestError(
            f"examples have the shape {tuple(train.x.shape[1:])}, and those for testing "
            f"{tuple(test.x.shape[1:])}"
        )
    if (train.x.dtype == torch.uint8) != (test.x.dtype == torch.uint8):
        raise RequestError("either both splits are uint8, or none is")


def _scaled(x: Tensor, other: Tensor, kind: Kind) -> tuple[Tensor, Tensor, str]:
    """Bring training and test values into the data convention, and say how."""
    if not bool(x.isfinite().all()) or not bool(other.isfinite().all()):
        raise RequestError("x has values that are not finite")
    if kind == "vector":
        x, other = x.float(), other.float()
        mean, std = x.double().mean(0), x.double().std(0, correction=0)
        std = torch.where(std > 0, std, 1.0)
        x, other = (((part - mean) / std).float() for part in (x, other))
        said = "standardised by the training split"
    elif x.dtype == torch.uint8:
        said = "levels 0 to 255"
    else:
        low, high = float(min(x.min(), other.min())), float(max(x.max(), other.max()))
        if low < -1 or high > 1:
            raise RequestError(
                f"x has values from {low:g} to {high:g}: give uint8, or floats in [-1, 1] or [0, 1]"
            )
        if low >= 0:
            x, other, said = 2 * x - 1, 2 * other - 1, "[0, 1] taken to [-1, 1]"
        else:
            said = "[-1, 1] as it is"
    return x, other, said
