"""IDX files: where they may lie, how they may be packed, and what is wrong with them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import genlab
from genlab import RequestError

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    head = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.tobytes()


def images(n: int = 20, side: int = 28) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)


def labels(n: int = 20, top: int = 10) -> np.ndarray:
    return (np.arange(n) % top).astype(np.uint8)


def raw_folder(root: Path, name: str = "MNIST", packed: bool = False) -> Path:
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for file, array in ((IMAGES, images()), (LABELS, labels())):
        data = idx(array)
        (raw / (f"{file}.gz" if packed else file)).write_bytes(
            gzip.compress(data) if packed else data
        )
    return raw


def load(root: Path, name: str = "mnist", **parameters: object) -> genlab.Examples:
    return genlab.build("dataset", name, **parameters).load("train", root)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", [".", "MNIST", "MNIST/raw"])
def test_any_of_the_folders_around_the_files_may_be_given(
    tmp_path: Path, inside: str, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_folder(tmp_path, packed=packed)
    monkeypatch.chdir(tmp_path / inside)
    for root in (tmp_path / inside, Path()):
        examples = load(root)
        assert examples.x.numpy().tobytes() == images().tobytes()
        assert examples.y.tolist() == labels().tolist()


def test_what_is_there_is_not_downloaded(tmp_path: Path) -> None:
    raw_folder(tmp_path, packed=True)
    assert len(load(tmp_path, download=True)) == 20


def test_the_files_of_another_data_set_are_not_taken(tmp_path: Path) -> None:
    raw = raw_folder(tmp_path)
    for root in (tmp_path, raw.parent, raw):
        with pytest.raises(RequestError, match=r"looked for FashionMNIST/raw"):
            load(root, "fashion-mnist")


def test_fashion_spells_its_classes_as_its_authors_do() -> None:
    names = genlab.build("dataset", "fashion-mnist").spec.names
    assert (names[0], names[1], names[9]) == ("T-shirt/top", "Trouser", "Ankle boot")


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        (IMAGES, idx(images())[:50], r"has 34 values, and its head says 20 x 28 x 28"),
        (IMAGES, idx(images())[:7], r"is no IDX file of unsigned bytes"),
        (IMAGES, b"", r"is no IDX file of unsigned bytes"),
        (IMAGES, idx(images().astype(">f4"), kind=13), r"is no IDX file of unsigned bytes"),
        (IMAGES, idx(images(side=32)), r"shape \(32, 32\), not \(28, 28\)"),
        (IMAGES, idx(images(19)), r"there are 19 images, and labels of shape \(20,\)"),
        (IMAGES, idx(images()[:, 0]), r"images have the shape \(28,\)"),
        (LABELS, idx(labels(21)), r"there are 20 images, and labels of shape \(21,\)"),
        (LABELS, idx(labels().reshape(10, 2)), r"labels of shape \(10, 2\)"),
        (LABELS, idx(labels(top=11)), r"there is a label 10; they go from 0 to 9"),
        (LABELS, idx(np.float32(labels()), kind=13), r"is no IDX file of unsigned bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, file: str, data: bytes, message: str
) -> None:
    (raw_folder(tmp_path) / file).write_bytes(data)
    with pytest.raises(RequestError, match=rf"MNIST/raw.*{message}"):
        load(tmp_path)


def test_no_images_at_all_are_refused(tmp_path: Path) -> None:
    raw = raw_folder(tmp_path)
    (raw / IMAGES).write_bytes(idx(images(0)))
    (raw / LABELS).write_bytes(idx(labels(0)))
    with pytest.raises(RequestError, match="there are 0 images"):
        load(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "bits"])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, damage: str) -> None:
    file = raw_folder(tmp_path, packed=True) / f"{IMAGES}.gz"
    data = file.read_bytes()
    file.write_bytes({"cut": data[:500], "text": b"no gzip",
                      "bits": data[:40] + b"\xff" * 40 + data[80:]}[damage])  # fmt: skip
    with pytest.raises(RequestError, match="MNIST/raw"):
        load(tmp_path)
