"""Image data sets: torchvision's, and any folder or ZIP file."""

from __future__ import annotations

import gc
import gzip
import hashlib
import http.server
import io
import json
import pickle
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import genlab
from genlab import RequestError

Pixels = np.ndarray


def picture(seed: int, shape: tuple[int, ...] = (8, 8), mode: str | None = None) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    image = Image.fromarray(values)
    return image if mode is None else image.convert(mode)


def folder_of(path: Path, classes: dict[str, int], shape: tuple[int, ...] = (8, 8)) -> Path:
    seed = 0
    for name, count in classes.items():
        (path / name).mkdir(parents=True)
        for index in range(count):
            picture(seed, shape).save(path / name / f"{index:03d}.png")
            seed += 1
    return path


def zip_of(folder: Path, target: Path, labels: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder).as_posix())
        if labels is not None:
            archive.writestr("dataset.json", json.dumps({"labels": list(labels.items())}))
    return target


def both(
    path: Path, **parameters: object
) -> tuple[genlab.Dataset, genlab.Examples, genlab.Examples]:
    dataset = genlab.build("dataset", "image-folder", path=str(path), **parameters)
    return dataset, dataset.load("train"), dataset.load("test")


def test_a_folder_of_classes(tmp_path: Path) -> None:
    dataset, train, test = both(folder_of(tmp_path / "set", {"ant": 12, "bee": 28}))
    assert dataset.spec == genlab.DataSpec((1, 8, 8), "image", 2, ("ant", "bee"))
    assert (len(train), len(test)) == (36, 4)
    assert train.x.dtype == torch.uint8
    counts = torch.cat([train.y, test.y]).bincount()
    assert counts.tolist() == [12, 28]
    assert test.y.bincount().tolist() == [1, 3], "the held-out share is balanced"
    seen = {x.numpy().tobytes() for part in (train, test) for x in part.x}
    real = {np.asarray(picture(seed)).tobytes() for seed in range(40)}
    assert seen == real, "every pixel is what was written"


def test_labels_belong_to_their_images(tmp_path: Path) -> None:
    _, train, test = both(folder_of(tmp_path / "set", {"ant": 10, "bee": 10}))
    owner = {np.asarray(picture(seed)).tobytes(): seed // 10 for seed in range(20)}
    for part in (train, test):
        for x, y in zip(part.x, part.y, strict=True):
            assert owner[x.numpy().tobytes()] == int(y)


def test_a_zip_file_holds_the_same_as_its_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", {"a": 5, "b": 5}, (16, 24, 3))
    archive = zip_of(folder, tmp_path / "set.zip")
    one, two = both(folder), both(archive)
    assert one[0].spec == two[0].spec == genlab.DataSpec((3, 16, 24), "image", 2, ("a", "b"))
    assert torch.equal(one[1].x, two[1].x)
    assert torch.equal(one[1].y, two[1].y)


def test_dataset_json_decides_the_labels(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", {"a": 4, "b": 4})
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    labels = {name: 1 - (name[0] == "b") for name in names}
    dataset, train, _ = both(zip_of(folder, tmp_path / "set.zip", labels))
    assert dataset.spec.names == ("b", "a")
    owner = {np.asarray(picture(seed)).tobytes(): 1 - seed // 4 for seed in range(8)}
    assert [owner[x.numpy().tobytes()] for x in train.x] == train.y.tolist()


def test_images_side_by_side_have_no_classes(tmp_path: Path) -> None:
    folder_of(tmp_path / "set", {".": 6})
    (tmp_path / "set" / "notes.txt").write_text("not an image")
    (tmp_path / "set" / ".hidden.png").write_bytes(b"not looked at")
    dataset, train, test = both(tmp_path / "set")
    assert dataset.spec.classes == 0
    assert train.y is None
    assert len(train) + len(test) == 6


@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_train_and_test_are_the_splits_where_they_exist(tmp_path: Path, suffix: str) -> None:
    for split, count in (("train", 5), ("test", 3)):
        folder = folder_of(tmp_path / "made" / split, {"a": count, "b": count})
        target = tmp_path / "set" / f"{split}{suffix}"
        target.parent.mkdir(exist_ok=True)
        zip_of(folder, target) if suffix else folder.rename(target)
    _, train, test = both(tmp_path / "set")
    assert (len(train), len(test)) == (10, 6)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("1", 1), ("CMYK", 3), ("I;16", 1)],
)
def test_any_mode_has_its_channels(tmp_path: Path, mode: str, channels: int) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    for index in range(3):
        if mode == "I;16":
            deep = np.random.default_rng(index).integers(0, 65536, (6, 6), dtype=np.uint16)
            image = Image.fromarray(deep)
        else:
            image = picture(index, (6, 6, 3)).convert(mode)
        image.save(tmp_path / f"{index}.{suffix}")
    dataset, train, _ = both(tmp_path)
    assert dataset.spec.shape == (channels, 6, 6)
    assert train.x.shape[1:] == (channels, 6, 6)
    assert train.x.float().std() > 0


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.full((4, 4), 32896, np.uint16)).save(tmp_path / f"{name}.png")
    assert int(both(tmp_path)[1].x.max()) == 128


def test_size_and_channels_bring_all_images_to_one_shape(tmp_path: Path) -> None:
    picture(0, (20, 10, 3)).save(tmp_path / "a.png")
    picture(1, (9, 9)).save(tmp_path / "b.png")
    with pytest.raises(RequestError, match=r"b\.png has 9x9 .* 10x20.*dataset\.size"):
        both(tmp_path)
    dataset, train, test = both(tmp_path, size=12, channels=1)
    assert dataset.spec.shape == (1, 12, 12)
    assert train.x.shape == test.x.shape == (1, 1, 12, 12)


def test_what_does_not_fit_into_memory_is_decoded_on_demand(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", {"a": 10, "b": 10})
    _, held, _ = both(folder)
    _, lazy, _ = both(folder, memory=1e-9)
    assert lazy.lazy
    assert not held.lazy
    index = torch.tensor([3, 0, 7])
    for one, two in zip(held.take(index), lazy.take(index), strict=True):
        assert torch.equal(one, two)
    assert float(lazy.take(index)[0].abs().max()) <= 1


def test_a_lazy_set_trains(tmp_path: Path) -> None:
    """Decoded while training, the images give the same weights."""
    folder = folder_of(tmp_path / "set", {"a": 10, "b": 10})
    weights = []
    for memory in (4.0, 1e-9):
        dataset, train, _ = both(folder, memory=memory)
        torch.manual_seed(0)
        network = genlab.build("backbone", "mlp", dataset.spec, width=8, depth=1)
        restorer = genlab.Restorer(network, genlab.build("degradation", "blur"))
        genlab.fit(genlab.Denoising(restorer), train, steps=3, batch=4)
        weights.append(torch.nn.utils.parameters_to_vector(network.parameters()))
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no folder or ZIP file"),
        (lambda path: path.mkdir(), "has no images"),
        (lambda path: path.write_bytes(b"PK broken"), "no readable ZIP file"),
    ],
)
def test_nothing_to_learn_from_is_refused(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "set")
    with pytest.raises(RequestError, match=message):
        genlab.build("dataset", "image-folder", path=str(tmp_path / "set"))


@pytest.mark.parametrize("damage", ["text", "cut"])
def test_an_unreadable_image_is_named(tmp_path: Path, damage: str) -> None:
    folder = folder_of(tmp_path / "set", {"a": 4, "b": 4}, (32, 32))
    victim = folder / "b" / "002.png"
    data = victim.read_bytes()
    victim.write_bytes(b"no image" if damage == "text" else data[: len(data) // 2])
    with pytest.raises(RequestError, match=r"b/002\.png"):
        both(folder)


def test_a_wrong_dataset_json_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", {"a": 2, "b": 2})
    (folder / "dataset.json").write_text('{"labels": 3}')
    with pytest.raises(RequestError, match=r"dataset\.json is not of the form"):
        both(folder)
    (folder / "dataset.json").write_text('{"labels": [["a/000.png", 0]]}')
    with pytest.raises(RequestError, match=r"no label for a/001\.png"):
        both(folder)


def idx(array: Pixels) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.tobytes()


def mnist_files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    files = {}
    for part, n in (("train", 20), ("t10k", 10)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, n, dtype=np.uint8))
    return files


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")]
)
def test_idx_files_are_read(tmp_path: Path, name: str, folder: str) -> None:
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    for file, data in mnist_files().items():
        (raw / file).write_bytes(data)
    dataset = genlab.build("dataset", name)
    train, test = dataset.load("train", tmp_path), dataset.load("test", tmp_path)
    assert train.x.shape == (20, 1, 28, 28)
    assert test.x.shape == (10, 1, 28, 28)
    assert train.x.dtype == torch.uint8
    assert train.x.numpy().tobytes() == mnist_files()["train-images-idx3-ubyte"][16:]
    assert train.y.tolist() == list(mnist_files()["train-labels-idx1-ubyte"][8:])
    assert len(dataset.spec.names) == dataset.spec.classes == 10


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_missing_data_says_how_to_get_it(tmp_path: Path, name: str) -> None:
    dataset = genlab.build("dataset", name)
    for root in (None, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RequestError, match=r"--data DIR.*dataset\.download=true"):
            dataset.load("train", root)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of this machine that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def test_mnist_downloads_when_asked_to(
    tmp_path: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    resources = []
    for name, data in mnist_files().items():
        packed = gzip.compress(data)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    dataset = genlab.build("dataset", "mnist", download=True)
    assert dataset.load("train", tmp_path / "data").x.shape == (20, 1, 28, 28)
    assert (tmp_path / "data" / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file()


def test_cifar10_downloads_when_asked_to(
    tmp_path: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    source = torchvision.datasets.CIFAR10
    packed = cifar_archive()
    (folder / source.filename).write_bytes(packed)
    lists = {
        name: [[file, hashlib.md5(data).hexdigest()] for file, data in cifar_batches().items()
               if ("test" in file) == (name == "test_list")]
        for name in ("train_list", "test_list")
    }  # fmt: skip
    meta = {**source.meta, "md5": hashlib.md5(cifar_meta()).hexdigest()}
    for key, value in {**lists, "meta": meta, "url": address + source.filename,
                       "tgz_md5": hashlib.md5(packed).hexdigest()}.items():  # fmt: skip
        monkeypatch.setattr(source, key, value)
    examples = genlab.build("dataset", "cifar10", download=True).load("train", tmp_path / "data")
    assert examples.x.shape == (20, 3, 32, 32)
    first = pickle.loads(cifar_batches()["data_batch_1"])
    assert examples.x[0].numpy().tobytes() == first["data"][0].tobytes()
    assert examples.y[:10].tolist() == first["labels"]


def test_a_damaged_batch_of_cifar10_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = torchvision.datasets.CIFAR10
    folder = tmp_path / source.base_folder
    folder.mkdir()
    files = {**cifar_batches(), "batches.meta": cifar_meta()}
    for name, data in files.items():
        (folder / name).write_bytes(data[:100])
    cut = {name: hashlib.md5(data[:100]).hexdigest() for name, data in files.items()}
    monkeypatch.setattr(source, "train_list", [["data_batch_1", cut["data_batch_1"]]])
    monkeypatch.setattr(source, "test_list", [["test_batch", cut["test_batch"]]])
    with pytest.raises(RequestError, match=r"'cifar10' in .* cannot be read: .* may be damaged"):
        genlab.build("dataset", "cifar10").load("train", tmp_path)


def test_a_download_that_fails_is_one_clear_line(
    tmp_path: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [served[1]])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # the failed request leaves its socket open
        with pytest.raises(RequestError, match="'mnist' cannot be downloaded") as refusal:
            genlab.build("dataset", "mnist", download=True).load("train", tmp_path / "data")
        gc.collect()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "digits"])
def test_a_split_that_does_not_exist_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=r"unknown split 'val'.* test, train"):
        genlab.build("dataset", name).load("val", tmp_path)


def cifar_batches() -> dict[str, bytes]:
    rng = np.random.default_rng(1)
    return {
        name: pickle.dumps(
            {"data": rng.integers(0, 256, (10, 3072), dtype=np.uint8),
             "labels": rng.integers(0, 10, 10).tolist()}
        )
        for name in ("data_batch_1", "data_batch_2", "test_batch")
    }  # fmt: skip


def cifar_meta() -> bytes:
    return pickle.dumps({"label_names": list("abcdefghij")})


def cifar_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in {**cifar_batches(), "batches.meta": cifar_meta()}.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def test_cifar10_reads_zip_files(tmp_path: Path) -> None:
    dataset = genlab.build("dataset", "cifar10")
    classes = dict.fromkeys(dataset.spec.names, 2)
    folder = folder_of(tmp_path / "made", classes, (32, 32, 3))
    labels = {
        p.relative_to(folder).as_posix(): dataset.spec.names.index(p.parent.name)
        for p in folder.rglob("*.png")
    }
    (tmp_path / "cifar10").mkdir()
    for split in ("train", "test"):
        zip_of(folder, tmp_path / "cifar10" / f"{split}.zip", labels)
    examples = dataset.load("train", tmp_path)
    assert examples.x.shape == (20, 3, 32, 32)
    assert examples.y.bincount().tolist() == [2] * 10
    cats = examples.x[examples.y == dataset.spec.names.index("cat")]
    written = {np.asarray(picture(seed, (32, 32, 3))).tobytes() for seed in (6, 7)}
    assert {x.permute(1, 2, 0).numpy().tobytes() for x in cats} == written


def test_cifar10_reads_numbered_chunks(tmp_path: Path) -> None:
    # The EDM tools write 00000/img00000000.png, where only dataset.json knows the classes.
    folder = folder_of(tmp_path / "made", {"00000": 10, "00001": 10}, (32, 32, 3))
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    zip_of(folder, tmp_path / "train.zip", {name: 9 - k // 2 for k, name in enumerate(names)})
    examples = genlab.build("dataset", "cifar10").load("train", tmp_path)
    owner = {np.asarray(picture(k, (32, 32, 3))).tobytes(): 9 - k // 2 for k in range(20)}
    found = [owner[x.permute(1, 2, 0).numpy().tobytes()] for x in examples.x]
    assert found == examples.y.tolist() != sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("labels", "message"),
    [({"cat/000.png": 5}, "images of cat the label 5, which is that of dog"),
     ({"cat/000.png": 10}, "has images of cat, and the classes are airplane")],
)  # fmt: skip
def test_cifar10_in_another_order_is_refused(
    tmp_path: Path, labels: dict[str, int], message: str
) -> None:
    zip_of(folder_of(tmp_path / "m", {"cat": 1}, (32, 32, 3)), tmp_path / "train.zip", labels)
    with pytest.raises(RequestError, match=message):
        genlab.build("dataset", "cifar10").load("train", tmp_path)


def test_a_zip_file_that_is_not_cifar10_is_refused(tmp_path: Path) -> None:
    zip_of(folder_of(tmp_path / "made", {"cat": 2, "dog": 2}), tmp_path / "train.zip")
    with pytest.raises(RequestError, match="is not CIFAR-10"):
        genlab.build("dataset", "cifar10").load("train", tmp_path)


def test_the_digits_are_split_and_scaled() -> None:
    dataset = genlab.build("dataset", "digits")
    train, test = dataset.load("train"), dataset.load("test")
    assert (len(train), len(test)) == (1500, 297)
    assert train.x.unique().tolist() == [round(k * 255 / 16) for k in range(17)]
    assert dataset.spec.levels == 17
    assert torch.cat([train.y, test.y]).bincount().min() >= 174
    assert train.y.bincount().max() - train.y.bincount().min() < 12
    assert torch.equal(train.x, dataset.load("train").x)


@pytest.mark.data
def test_the_real_mnist(data_root: Path) -> None:
    dataset = genlab.build("dataset", "mnist")
    train, test = dataset.load("train", data_root), dataset.load("test", data_root)
    assert train.x.shape == (60000, 1, 28, 28)
    assert test.y.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.data
def test_the_real_cifar10(data_root: Path) -> None:
    train = genlab.build("dataset", "cifar10").load("train", data_root)
    means = train.x.double().mean((0, 2, 3)) / 255
    assert means.tolist() == pytest.approx([0.49139968, 0.48215841, 0.44653091], abs=1e-7)
    assert train.y.bincount().tolist() == [5000] * 10
