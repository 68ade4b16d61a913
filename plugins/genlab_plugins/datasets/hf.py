"""Data sets of Hugging Face's library: from disk or from the hub, of images or of columns of numbers."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import (
    ArrayDataset,
    Dataset,
    DataSpec,
    Examples,
    LazyImages,
    Picture,
    PictureRule,
    RequestError,
    Split,
    require_extra,
    sub_seed,
    unknown,
)
from genlab_plugins.datasets.array_files import classes_of
from genlab_plugins.datasets.checks import Seed, checked_split
from genlab_plugins.datasets.decoding import Decoders, Workers
from genlab_plugins.datasets.decoding_worker import Head, decoded

__all__ = ["HuggingFace"]

_TESTS = ("test", "validation", "valid", "val")
_GIB, _THREADS = 2**30, 8


class HuggingFace(Dataset):
    """A data set of the library ``datasets`` of Hugging Face: images, or columns of numbers.

    The library maps its files into memory; images that do not fit into ``memory`` are decoded while training.
    Columns are standardised over the training split. Images come in a fixed mixed order.

    Args:
        path: A folder that ``save_to_disk`` has written, or a file or folder of Parquet or Arrow files.
            ``--data`` fills it.
        hub: Instead of it, a data set of the hub by its name, such as ``"ylecun/mnist"``.
        config: The configuration of a data set of the hub that has several.
        image: The column of images. None: the only one.
        columns: Columns of numbers, or of lists of them, that are read as a vector. None: where there are no
            images, all but the label.
        label: The column of the class. None: the only one that says that it holds classes, or none.
        train: The split for training. None: ``"train"``, or the only one.
        test: The split for testing. None: test or validation; otherwise a share is set aside.
        size: Side in pixels that every image is resized and cropped to. None: all have the size of the first.
        channels: Channels that every image is brought to: 1 (grey) to 4 (colour and opacity). None: those of
            the first.
        test_share: Share of the examples for testing where there is no split.
        memory: Largest size in GiB that is held in memory; more is decoded while training.
        workers: Processes that decode then, as many batches ahead; 0: threads of the training's own process.
        seed: Seed of the order, and of the choice of the examples for testing.

    Raises:
        RequestError: The package datasets is not installed, there is no such data set, split or column, or it
            is not clear which is meant.
    """

    def __init__(
        self,
        *,
        path: Path | None = None,
        hub: str | None = None,
        config: str | None = None,
        image: str | None = None,
        columns: tuple[str, ...] | None = None,
        label: str | None = None,
        train: str | None = None,
        test: str | None = None,
        size: Annotated[int, Field(gt=0, le=8192)] | None = None,
        channels: Literal[1, 2, 3, 4] | None = None,
        test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        memory: PositiveFloat = 4.0,
        workers: Workers = 0,
        seed: Seed = 0,
    ) -> None:
        require_extra("datasets", "hf", "the data set 'hf'")
        if (path is None) == (hub is None):
            raise RequestError(
                "dataset.path (or --data) says where the files are, or dataset.hub which data set of the hub "
                "is meant: give one of them"
            )
        self.memory, self.workers, self.size = memory, workers, size
        parts = _parts(_read(path, hub, config), train, test)
        known = parts[0].features
        pictures = _of_kind(known, "Image")
        label = label or _only(_of_kind(known, "ClassLabel"), "label", needed=False)
        numbers, names = _labels(parts, known, label)
        if columns is None and (image or pictures):
            image = image or _only(pictures, "image", needed=True)
            self._of_images(parts, _known(image, pictures, "column of images"), channels)
        else:
            image = None
            self._of_columns(parts, columns, label, numbers, test_share, seed)
        self.spec = replace(self.spec, classes=len(names), names=names)
        if image is not None:
            self._index = _index(parts, test_share, seed)
            self._labels = numbers
        self.settled: Mapping[str, Any] = {"image": image, "label": label} if image else {}
        self.doubts = _doubts(parts, label)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Load a split; nothing is read from ``root``.

        Raises:
            RequestError: An image cannot be read or has another size; the message says which.
        """
        split = checked_split(split)
        if self._inner is not None:
            return self._inner.load(split)
        part, index = self._index[split]
        y = torch.from_numpy(self._labels[part][index]) if self._labels else None
        return Examples(self._pictures(part, index), y)

    def _of_images(
        self, parts: Sequence[Any], image: str, channels: Literal[1, 2, 3, 4] | None
    ) -> None:
        from datasets import Image

        self._inner: ArrayDataset | None = None
        self._image = image
        self._parts = [
            part.select_columns([image]).cast_column(image, Image(decode=False)) for part in parts
        ]
        name, content = self._content(0, 0)
        first = Picture(name, io.BytesIO(content), len(content))
        found, (width, height) = channels or first.channels, first.upright_size()
        self.spec = DataSpec((found, self.size or height, self.size or width), "image")
        self.said = f"{'colour' if found > 2 else 'grey'} images of the column {image}"

    def _of_columns(
        self,
        parts: Sequence[Any],
        columns: tuple[str, ...] | None,
        label: str | None,
        numbers: Sequence[NDArray[np.int64]],
        test_share: float,
        seed: int,
    ) -> None:
        chosen = columns or tuple(name for name in parts[0].column_names if name != label)
        tables = [_table(part, chosen) for part in parts]
        known: list[Any] = [*numbers] if numbers else [None] * len(tables)
        pairs = [*zip(tables, known, strict=True)]
        self._inner = ArrayDataset(
            x=pairs[0][0], y=pairs[0][1], test=pairs[1] if len(pairs) > 1 else None,
            test_share=test_share, kind="vector", seed=seed,
        )  # fmt: skip
        self.spec = self._inner.spec
        self.said = f"columns {', '.join(chosen[:5])}{' ...' * (len(chosen) > 5)}, standardised"

    def _pictures(self, part: int, index: NDArray[np.int64]) -> Tensor | LazyImages:
        """Decode the images of a split, or promise to decode them when they do not fit into memory."""
        shape, rule = self.spec.shape, PictureRule()
        head = Head(shape, rule, self.size is not None)

        def here(chosen: Tensor) -> Tensor:
            with ThreadPoolExecutor(_THREADS) as pool:
                rows = (self._content(part, int(index[i])) for i in chosen.tolist())
                return torch.from_numpy(
                    np.stack(list(pool.map(lambda row: decoded(row, head), rows)))
                )

        if len(index) * float(np.prod(shape)) <= self.memory * _GIB:
            return here(torch.arange(len(index)))
        if not self.workers:
            return LazyImages(here, len(index), shape)
        decoders = Decoders(self.workers, shape, rule, resize=self.size is not None)

        def sent(chosen: Tensor) -> Tensor:
            rows = [self._content(part, int(index[i])) for i in chosen.tolist()]
            return torch.from_numpy(decoders(rows))

        return LazyImages(sent, len(index), shape, ahead=self.workers)

    def _content(self, part: int, row: int) -> tuple[str, bytes]:
        """Return what errors call an image, and its bytes."""
        found = self._parts[part][row][self._image]
        name = f"{self._image} of row {row}"
        if found is None:
            raise RequestError(f"{name} is empty")
        if found.get("bytes") is not None:
            return name, found["bytes"]
        return name, Path(found["path"]).read_bytes()


def _read(path: Path | None, hub: str | None, config: str | None) -> Mapping[str, Any]:
    """Return the splits of a data set by name."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets

    datasets.disable_progress_bars()
    try:
        if hub is not None:
            found = datasets.load_dataset(hub, config)
        elif path is not None and path.is_dir() and _is_saved(path):
            found = datasets.load_from_disk(str(path))
        else:
            found = _from_files(datasets, path)
    except RequestError:
        raise
    except Exception as error:  # of the library, of the network, or of a damaged file
        said = " ".join(str(error).split())
        raise RequestError(f"{hub or path} cannot be read as a data set: {said[:300]}") from None
    return dict(found) if isinstance(found, dict) else {"": found}


def _is_saved(path: Path) -> bool:
    return any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def _from_files(datasets: Any, path: Path | None) -> Any:
    """Read files of Parquet or Arrow, whose names say which split they are."""
    if path is None or not path.exists():
        raise RequestError(f"there is no file or folder {path}")
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for kind in ("parquet", "arrow"):
        if any(file.suffix == f".{kind}" for file in files):
            where = {"data_dir": str(path)} if path.is_dir() else {"data_files": str(path)}
            return datasets.load_dataset(kind, **where)
    raise RequestError(
        f"{path} has neither .parquet nor .arrow files, and is no folder that save_to_disk has written"
    )


def _parts(splits: Mapping[str, Any], train: str | None, test: str | None) -> list[Any]:
    """Return the split for training and, where there is one, that for testing."""
    first = train or ("train" if "train" in splits else _only(list(splits), "train", needed=True))
    second = test or next((name for name in _TESTS if name in splits and name != first), None)
    for name in (first, second):
        if name is not None and name not in splits:
            raise unknown("split", name, splits)
    return [splits[name] for name in (first, second) if name is not None]


def _of_kind(features: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, feature in features.items() if type(feature).__name__ == kind]


def _only(names: Sequence[str], parameter: str, *, needed: bool) -> Any:
    """Return the only name that there is; None where there is none and none is needed."""
    if len(names) == 1:
        return names[0]
    if not names and not needed:
        return None
    raise RequestError(
        f"dataset.{parameter} says which is meant: {', '.join(names) or 'there is none'}"
    )


def _known(name: str, names: Sequence[str], what: str) -> str:
    if name not in names:
        raise unknown(what, name, names)
    return name


def _labels(
    parts: Sequence[Any], features: Mapping[str, Any], label: str | None
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Return the labels of each part, and the names of the classes."""
    if label is None:
        return [], ()
    _known(label, list(features), "column")
    values = [part[label][:] for part in parts]
    if label in _of_kind(features, "ClassLabel"):
        numbers = [np.array([-1 if v is None else v for v in each], np.int64) for each in values]
        return numbers, tuple(features[label].names)
    return classes_of(*(np.array(each) for each in values))


def _table(part: Any, columns: Sequence[str]) -> NDArray[np.float64]:
    """Return columns of numbers, or of lists of them, side by side, ``(N, D)``."""
    found = []
    for name in columns:
        _known(name, part.column_names, "column")
        values = np.array(part[name][:], dtype=None if len(part) else np.float64)
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise RequestError(f"the column {name!r} has other than finite numbers")
        found.append(values.reshape(len(values), -1).astype(np.float64))
    return np.concatenate(found, 1)


def _index(
    parts: Sequence[Any], test_share: float, seed: int
) -> dict[Split, tuple[int, NDArray[np.int64]]]:
    """Return, for each split, which part holds it and which of its rows, in a mixed order."""
    generator = torch.Generator().manual_seed(sub_seed(seed, "order"))
    mixed = [torch.randperm(len(part), generator=generator).numpy() for part in parts]
    if len(parts) > 1:
        return {"train": (0, mixed[0]), "test": (1, mixed[1])}
    count = len(mixed[0])
    if count < 2:
        raise RequestError(f"there are {count} examples; at least two are needed")
    held = min(max(round(test_share * count), 1), count - 1)
    return {"train": (0, mixed[0][held:]), "test": (0, mixed[0][:held])}


def _doubts(parts: Sequence[Any], label: str | None) -> tuple[str, ...]:
    """Say what looks wrong."""
    if label is not None:
        return ()
    likely = [
        name for name in parts[0].column_names if name.lower() in ("label", "class", "target")
    ]
    return tuple(
        f"dataset.label={name} would make the column {name!r} the class" for name in likely
    )
