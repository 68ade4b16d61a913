"""Images in a folder or in a ZIP file, with their labels."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from genlab import Examples, LazyImages, RequestError

__all__ = ["ImageFiles", "decode"]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_THREADS = 8
_GIB = 2**30


@dataclass(frozen=True)
class ImageFiles:
    """A list of image files and what is known about them without decoding all.

    Args:
        source: The folder or ZIP file, for messages.
        read: Returns the bytes of a file.
        names: The files, sorted.
        labels: The label of each file, or empty where there are none.
        class_names: Names of the classes.
        shape: Shape ``(C, H, W)`` of the first image.
    """

    source: Path
    read: Callable[[str], bytes]
    names: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]

    @classmethod
    def open(cls, source: Path) -> ImageFiles:
        """List the images below a folder or in a ZIP file.

        The labels are those of ``dataset.json``, ``{"labels": [[path, index], ...]}``, where there is
        one, and the first folder of each path otherwise.

        Raises:
            RequestError: There is nothing there, or no image in it, or it cannot be read.
        """
        names, read = _archived(source) if source.is_file() else _in_folder(source)
        images = tuple(sorted(name for name in names if _is_image(name)))
        if not images:
            raise RequestError(
                f"{source} has no images: expected are files such as <class>/<image>.png"
            )
        labels, class_names = _labels(source, images, set(names), read)
        first = _opened(read(images[0]), source, images[0])
        shape = (len(_wanted(first).getbands()), first.height, first.width)
        return cls(source, read, images, labels, class_names, shape)

    def chosen(self, index: Sequence[int]) -> ImageFiles:
        """Return some of the files."""
        labels = tuple(self.labels[i] for i in index) if self.labels else ()
        return replace(self, names=tuple(self.names[i] for i in index), labels=labels)

    def examples(
        self,
        shape: tuple[int, ...],
        *,
        names: Sequence[str] | None = None,
        resize: bool = False,
        memory: float = 4.0,
    ) -> Examples:
        """Decode the images, or promise to decode them when they do not fit into memory.

        Args:
            shape: Shape ``(C, H, W)`` that every image has, or is brought to.
            names: Names of the classes in the order of the labels; None: in this source's order.
            resize: Whether images of another size are resized and cropped.
            memory: Largest size in GiB that is held in memory.

        Raises:
            RequestError: An image cannot be read or has another size; the message names it.
        """

        def some(index: Tensor) -> Tensor:
            each = [self.names[int(i)] for i in index]
            return decode(self.read, self.source, each, shape, resize=resize)

        y = None
        if self.labels:
            order = [list(names).index(n) for n in self.class_names] if names else None
            labels = [order[label] for label in self.labels] if order else list(self.labels)
            y = torch.tensor(labels)
        if len(self.names) * float(np.prod(shape)) > memory * _GIB:
            return Examples(LazyImages(some, len(self.names), tuple(shape)), y)
        return Examples(some(torch.arange(len(self.names))), y)


def decode(
    read: Callable[[str], bytes],
    source: Path,
    names: Sequence[str],
    shape: tuple[int, ...],
    *,
    resize: bool = False,
) -> Tensor:
    """Decode images in threads.

    Args:
        read: Returns the bytes of a file.
        source: Where the files are, for messages.
        names: The files.
        shape: Shape ``(C, H, W)`` of the result.
        resize: Whether images of another size are resized and cropped.

    Returns:
        uint8 images ``(N, C, H, W)``.

    Raises:
        RequestError: An image cannot be read or has another size; the message names it.
    """
    pixels = np.empty((len(names), shape[1], shape[2], shape[0]), np.uint8)

    def one(index: int) -> None:
        name = names[index]
        image = _opened(read(name), source, name)
        if image.size != (shape[2], shape[1]):
            if not resize:
                raise RequestError(
                    f"{source / name} has {image.width}x{image.height} pixels and the first image "
                    f"{shape[2]}x{shape[1]}: --set dataset.size=N brings all to N x N"
                )
            image = ImageOps.fit(image, (shape[2], shape[1]), Image.Resampling.LANCZOS)
        values = np.asarray(image.convert(_MODES[shape[0]]))
        pixels[index] = values.reshape(shape[1], shape[2], shape[0])

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(one, range(len(names))))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _in_folder(source: Path) -> tuple[list[str], Callable[[str], bytes]]:
    if not source.is_dir():
        raise RequestError(
            f"there is no folder or ZIP file {source}: expected are images as <class>/<image>"
        )
    names = [
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(source).parts)
    ]
    return names, lambda name: (source / name).read_bytes()


def _archived(source: Path) -> tuple[list[str], Callable[[str], bytes]]:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError) as error:
        raise RequestError(f"{source} is no readable ZIP file: {error}") from None
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith(("__MACOSX/", "."))
    ]

    def read(name: str) -> bytes:
        try:
            return archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise RequestError(f"{name} in {source} cannot be read: {error}") from None

    return names, read


def _is_image(name: str) -> bool:
    kind = Image.registered_extensions().get(PurePosixPath(name).suffix.lower())
    return kind in Image.OPEN


def _labels(
    source: Path, images: Sequence[str], names: set[str], read: Callable[[str], bytes]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the label of every image and the names of the classes."""
    folders = {name: PurePosixPath(name).parts[0] for name in images if "/" in name}
    if "dataset.json" in names:
        listed = _listed(source, read)
        if listed is not None:
            missing = [name for name in images if name not in listed]
            if missing:
                raise RequestError(f"dataset.json in {source} has no label for {missing[0]}")
            labels = tuple(listed[name] for name in images)
            by_label = {
                label: folders.get(name) for name, label in zip(images, labels, strict=True)
            }
            count = max(labels) + 1
            return labels, tuple(by_label.get(k) or str(k) for k in range(count))
    if len(folders) < len(images):
        return (), ()
    class_names = tuple(sorted(set(folders.values())))
    if len(class_names) == 1:
        return (), ()
    index = {name: k for k, name in enumerate(class_names)}
    return tuple(index[folders[name]] for name in images), class_names


def _listed(source: Path, read: Callable[[str], bytes]) -> dict[str, int] | None:
    try:
        pairs = json.loads(read("dataset.json"))["labels"]
        return None if pairs is None else {str(path): int(label) for path, label in pairs}
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f'dataset.json in {source} is not of the form {{"labels": [[path, index], ...]}}: {error}'
        ) from None


def _opened(data: bytes, source: Path, name: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        reason = "no image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise RequestError(f"the image {source / name} cannot be read: {reason}") from None
    return _wanted(image)


def _wanted(image: Image.Image) -> Image.Image:
    """Return the image with one, two, three or four channels of eight bits."""
    if image.mode in _MODES.values():
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image, dtype=np.float64)
        top = 255.0 if image.mode == "F" and values.max() <= 255 else 65535.0
        return Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if "transparency" in image.info else "RGB")
