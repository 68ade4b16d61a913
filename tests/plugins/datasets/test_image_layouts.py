"""Folders and ZIP files as people have them: labels, splits, wrapping, order, damage."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import genlab
from genlab import Dataset, Examples, RequestError


def picture(seed: int, size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    Image.fromarray(values).save(buffer, "png")
    return buffer.getvalue()


def pictures(names: Iterable[str]) -> dict[str, bytes]:
    return {name: picture(seed) for seed, name in enumerate(names)}


def written(path: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder, or into a ZIP file where the path ends so."""
    if path.suffix != ".zip":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def listed(labels: dict[str, Any]) -> bytes:
    return json.dumps({"labels": list(labels.items())}).encode()


def many(*folders: str, count: int = 4) -> list[str]:
    return [f"{folder}/{index}.png" for folder in folders for index in range(count)]


def build(path: Path, **parameters: Any) -> Dataset:
    made: Dataset = genlab.build("dataset", "image-folder", path=str(path), **parameters)
    return made


def load_both(dataset: Dataset) -> tuple[Examples, Examples]:
    return dataset.load("train"), dataset.load("test")


def owners(files: dict[str, bytes], examples: Examples) -> list[str]:
    """Return the file that each example comes from."""
    pixels = {
        np.asarray(Image.open(io.BytesIO(data))).tobytes(): name
        for name, data in files.items()
        if name.endswith(".png")
    }
    x = examples.x[torch.arange(len(examples))]
    return [pixels[image[0].numpy().tobytes()] for image in x]


def labels_of(files: dict[str, bytes], dataset: Dataset) -> dict[str, int]:
    """Return the label of each file in both splits, and see that no file comes twice."""
    found: list[tuple[str, int]] = []
    for examples in load_both(dataset):
        assert examples.y is not None
        found += zip(owners(files, examples), examples.y.tolist(), strict=True)
    assert len(dict(found)) == len(found)
    return dict(found)


ENDS = pytest.mark.parametrize("end", ["", ".zip"])


@ENDS
def test_numbers_of_chunks_keep_their_labels(tmp_path: Path, end: str) -> None:
    files = pictures(many("00000", "00001", count=6))
    wanted = {name: k % 3 for k, name in enumerate(files)}
    dataset = build(written(tmp_path / f"set{end}", files | {"dataset.json": listed(wanted)}))
    assert dataset.spec.names == ("0", "1", "2")
    assert labels_of(files, dataset) == wanted


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"cat": 1, "dog": 0}, ("dog", "cat")),
        ({"cat": 0, "dog": 0, "fox": 1}, ("0", "1")),
        ({"cat": 0, "dog": 2}, ("0", "1", "2")),
        ({"cat": 0, "dog": 1, "new": -1}, ("cat", "dog")),
    ],
)
def test_folders_name_the_classes_only_one_to_one(
    tmp_path: Path, given: dict[str, int], names: tuple[str, ...]
) -> None:
    files = pictures(many(*given))
    wanted = {name: given[name.split("/")[0]] for name in files}
    dataset = build(written(tmp_path / "set", files | {"dataset.json": listed(wanted)}))
    assert (dataset.spec.names, dataset.spec.classes) == (names, len(names))
    assert labels_of(files, dataset) == wanted


def test_without_a_known_label_there_are_no_classes(tmp_path: Path) -> None:
    files = pictures(many("00000", "00001"))
    for index, labels in enumerate([b'{"labels": null}', listed(dict.fromkeys(files, -1))]):
        dataset = build(written(tmp_path / f"{index}", files | {"dataset.json": labels}))
        assert dataset.spec.classes == 0
        assert dataset.load("train").y is None


@pytest.mark.parametrize("label", [1.5, -2, "1", True, None, [0, 1], 10**9])
def test_a_label_that_is_none_is_refused(tmp_path: Path, label: Any) -> None:
    files = pictures(many("a", "b"))
    labels = listed(dict.fromkeys(files, 0) | {"b/2.png": label})
    with pytest.raises(
        RequestError, match=r"dataset\.json gives b/2\.png the label .*whole number"
    ):
        build(written(tmp_path / "set", files | {"dataset.json": labels}))


@ENDS
def test_the_first_images_are_of_several_classes(tmp_path: Path, end: str) -> None:
    files = pictures([f"{part}/{name}" for part in ("train", "test")
                      for name in many("a", "b", count=20)])  # fmt: skip
    plain = {name.removeprefix("train/"): data for name, data in files.items() if "train" in name}
    for index, content in enumerate((files, plain)):
        path = written(tmp_path / f"{index}{end}", content)
        for split in ("train", "test")[: 2 - index]:
            y = build(path).load(split).y
            assert y[:10].unique().tolist() == [0, 1]
            assert torch.equal(y, build(path).load(split).y)
            assert owners(files, build(path).load(split)) != owners(
                files, build(path, seed=1).load(split)
            )


def test_the_seed_chooses_what_is_held_out(tmp_path: Path) -> None:
    files = pictures(many("a", "b", count=20))
    path = written(tmp_path / "set", files)
    held_out = [set(owners(files, build(path, seed=k).load("test"))) for k in (0, 0, 1)]
    assert held_out[0] == held_out[1] != held_out[2]


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_reach_is_refused(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path / "set", pictures(many("a", "b")))
    with pytest.raises(
        RequestError, match=r"seed: .* (than or equal to 0|less than 9223372036854775808)"
    ):
        build(path, seed=seed)


@ENDS
@pytest.mark.parametrize("wrap", ["", "set/"])
@pytest.mark.parametrize(
    ("others", "test"), [(("test",), "test"), (("val",), "val"), (("test", "val", "extra"), "test")]
)
def test_folders_of_splits_are_the_splits(
    tmp_path: Path, end: str, wrap: str, others: tuple[str, ...], test: str
) -> None:
    names = [f"{wrap}{part}/{name}" for part in ("train", *others) for name in many("a", "b")]
    files = pictures(names)
    dataset = build(written(tmp_path / f"x{end}", files))
    assert dataset.spec.names == ("a", "b")
    for split, part in (("train", "train"), ("test", test)):
        found = owners(files, dataset.load(split))
        assert sorted(found) == [name for name in names if name.startswith(f"{wrap}{part}/")]
        assert dataset.load(split).y.tolist() == ["/b/" in name for name in found]


@ENDS
def test_a_wrapping_folder_is_entered(tmp_path: Path, end: str) -> None:
    names = many("deep/set/cat", "deep/set/dog")
    files = pictures(names)
    dataset = build(written(tmp_path / f"x{end}", files))
    assert dataset.spec.names == ("cat", "dog")
    assert labels_of(files, dataset) == {name: int("dog" in name) for name in names}


@pytest.mark.parametrize("place", ["set/dataset.json", "dataset.json"])
def test_the_list_of_labels_may_lie_in_or_beside_a_wrapping_folder(
    tmp_path: Path, place: str
) -> None:
    files = pictures(many("set/cat", "set/dog"))
    above = "" if "/" in place else "set/"
    wanted = {name: int("cat" in name) for name in files}
    labels = {name.replace("set/", above): k for name, k in wanted.items()}
    dataset = build(written(tmp_path / "x", files | {place: listed(labels)}))
    assert dataset.spec.names == ("dog", "cat")
    assert labels_of(files, dataset) == wanted


@pytest.mark.parametrize("files", [many("train/a", "train/b", count=10), ["train.zip"]])
def test_train_alone_is_split(tmp_path: Path, files: list[str]) -> None:
    path = tmp_path / "set"
    if files == ["train.zip"]:
        written(path / "train.zip", pictures(many("a", "b", count=10)))
    else:
        written(path, pictures(files))
    dataset = build(path)
    assert dataset.spec.names == ("a", "b")
    assert (len(dataset.load("train")), len(dataset.load("test"))) == (18, 2)


def test_train_can_be_a_class(tmp_path: Path) -> None:
    assert build(written(tmp_path, pictures(many("car", "train")))).spec.names == ("car", "train")


def test_a_test_split_of_one_class_keeps_it(tmp_path: Path) -> None:
    files = pictures([*many("train/a", "train/b"), *many("test/b")])
    assert build(written(tmp_path, files)).load("test").y.tolist() == [1] * 4


def test_splits_without_classes(tmp_path: Path) -> None:
    files = pictures([f"{part}/{k}.png" for part in ("train", "test") for k in range(3)])
    dataset = build(written(tmp_path, files))
    assert dataset.spec.classes == 0
    assert [examples.y for examples in load_both(dataset)] == [None, None]


def test_one_image_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="has one image; at least two are needed"):
        build(written(tmp_path, pictures(["0.png"])))


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(folder: Path) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(RequestError, match=r"the folder .* cannot be read: not yours"):
        build(tmp_path)


def test_test_and_val_need_train(tmp_path: Path) -> None:
    path = written(tmp_path / "set", pictures(many("test/a", "val/a")))
    with pytest.raises(RequestError, match="has test and val, but no train"):
        build(path)


@pytest.mark.parametrize("names", [[*many("a"), "9.png"], ["0.png", *many("a", "b")]])
def test_images_partly_in_folders_are_refused(tmp_path: Path, names: list[str]) -> None:
    path = written(tmp_path / "set", pictures(names))
    with pytest.raises(RequestError, match=r"/[09]\.png lies in no class folder.*put every image"):
        build(path)


@pytest.mark.parametrize("labels", [None, {"cat": 0, "dog": 1, "fox": 2}])
def test_a_class_of_test_images_only_is_refused(
    tmp_path: Path, labels: dict[str, int] | None
) -> None:
    files = pictures([*many("train/cat", "train/dog"), *many("test/dog", "test/fox")])
    if labels:
        files["dataset.json"] = listed({name: labels[name.split("/")[1]] for name in files})
    message = r"test has images of fox, and the classes are cat, dog: remove .* training images"
    with pytest.raises(RequestError, match=message):
        build(written(tmp_path / "set", files))


def test_labels_that_name_another_folder_than_in_training_are_refused(tmp_path: Path) -> None:
    files = pictures([*many("train/cat", "train/dog"), *many("test/cat", "test/dog")])
    labels = {name.removeprefix("test/"): int("cat" in name) for name in files if "test" in name}
    files["test/dataset.json"] = listed(labels)
    with pytest.raises(RequestError, match=r"images of (cat the label 1|dog the label 0)"):
        build(written(tmp_path / "set", files))


@ENDS
def test_hidden_files_are_no_images(tmp_path: Path, end: str) -> None:
    files = pictures(many("a", "b"))
    hidden = ["__MACOSX/a/._0.png", "a/._0.png", "._b/0.png", ".cache/1.png", "a/__MACOSX/1.png"]
    files |= dict.fromkeys(hidden, b"no image")
    dataset = build(written(tmp_path / f"set{end}", files))
    assert dataset.spec.names == ("a", "b")
    assert len(dataset.load("train")) + len(dataset.load("test")) == 8


def test_linked_folders_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    written(tmp_path / "far", pictures(many("cat", "dog")))
    path = written(tmp_path / "set", {"ant/0.png": picture(50), "ant/1.png": picture(51)})
    for name in ("cat", "dog"):
        (path / name).symlink_to(tmp_path / "far" / name, target_is_directory=True)
    (path / "ant" / "loop").symlink_to(path, target_is_directory=True)
    dataset = build(path)
    assert dataset.spec.names == ("ant", "cat", "dog")
    assert len(dataset.load("train")) + len(dataset.load("test")) == 10


def sideways(size: tuple[int, int], orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    column = np.repeat(np.linspace(0, 255, size[1], dtype=np.uint8)[None], size[0], 0)
    Image.fromarray(column).save(
        buffer, kind, exif=exif, **({} if kind == "png" else {"quality": 95})
    )
    return buffer.getvalue()


@pytest.mark.parametrize("memory", [4.0, 1e-9])
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_images_are_turned_upright(tmp_path: Path, kind: str, memory: float) -> None:
    # Orientation 6: the camera was turned, and the picture has to be turned clockwise by 90 degrees.
    files = {f"{k}.{kind}": sideways((8, 16), 6, kind) for k in range(3)}
    files[f"3.{kind}"] = sideways((16, 8), 1, kind)
    dataset = build(written(tmp_path / "set", files), memory=memory)
    assert dataset.spec.shape == (1, 16, 8)
    train, test = dataset.load("train"), dataset.load("test")
    x = torch.cat([part.x[torch.arange(len(part))] for part in (train, test)]).float()
    down, across = x.diff(dim=2).mean((1, 2, 3)), x.diff(dim=3).mean((1, 2, 3))
    assert int(((down > 10) & (across.abs() < 2)).sum()) == 3
    assert int(((across > 10) & (down.abs() < 2)).sum()) == 1


@ENDS
def test_a_lazy_set_refuses_another_size_when_it_is_loaded(tmp_path: Path, end: str) -> None:
    files = pictures(many("a", "b")) | {"b/2.png": picture(99, (9, 8))}
    path = written(tmp_path / f"set{end}", files)
    dataset = build(path, memory=1e-9)
    with pytest.raises(RequestError, match=r"b/2\.png has 8x9 pixels and the first image 8x8"):
        load_both(dataset)
    assert len(build(path, memory=1e-9, size=8).load("train")) == 7


def test_damaged_data_in_a_zip_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "set.zip", pictures(many("a", "b")))
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("b/1.png")
    data = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    data[start : start + entry.compress_size] = b"\xff" * entry.compress_size
    path.write_bytes(data)
    with pytest.raises(RequestError, match=r"set\.zip/b/1\.png cannot be read"):
        load_both(build(path))


def test_an_encrypted_zip_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "set.zip", pictures(many("a", "b")))
    data = path.read_bytes()
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        parts = data.split(signature)
        data = signature.join(
            [
                parts[0],
                *(p[: flags - 4] + bytes([p[flags - 4] | 1]) + p[flags - 3 :] for p in parts[1:]),
            ]
        )
    path.write_bytes(data)
    with pytest.raises(RequestError, match=r"a/0\.png cannot be read: .*encrypted"):
        build(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_any_share_leaves_images_on_both_sides(tmp_path: Path, share: float) -> None:
    dataset = build(written(tmp_path, pictures(many("a", "b", "c", count=2))), test_share=share)
    sizes = len(dataset.load("train")), len(dataset.load("test"))
    assert sum(sizes) == 6
    assert min(sizes) >= 1


def test_a_split_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    dataset: Any = build(written(tmp_path, pictures(many("a", "b"))))
    with pytest.raises(RequestError, match="unknown split 'val'"):
        dataset.load("val")
