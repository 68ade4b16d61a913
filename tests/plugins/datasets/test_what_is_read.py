"""The tables of "What is read, and how": each row is a promise, and each promise a test."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import genlab
from genlab import Dataset, RequestError

PAGE = Path(__file__).parents[3] / "docs" / "data.md"
RNG = np.random.default_rng(0)
ROWS: dict[str, Callable[[Path], None]] = {}
"""The test of each row, by the first cell of the row."""


def row(name: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def add(test: Callable[[Path], None]) -> Callable[[Path], None]:
        ROWS[name] = test
        return test

    return add


def build(path: Path, name: str = "image-folder", **params: Any) -> Dataset:
    found: Dataset = genlab.build("dataset", name, path=str(path), **params)
    return found


def save(path: Path, values: Any, mode: str | None = None, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    (image if mode is None else image.convert(mode)).save(path, **how)
    return path


def noise(*shape: int, top: int = 255) -> Any:
    return RNG.integers(0, top + 1, shape or (6, 6)).astype(np.uint8)


def tree(root: Path, *folders: str, count: int = 4) -> Path:
    for folder in folders:
        for index in range(count):
            save(root / folder / f"{index}.png", noise())
    return root


def zipped(target: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            buffer = io.BytesIO()
            Image.fromarray(noise()).save(buffer, "png")
            archive.writestr(entry, buffer.getvalue())
    return target


def pixels(dataset: Dataset) -> Any:
    x = [
        dataset.load(split).x[torch.arange(len(dataset.load(split)))] for split in ("train", "test")
    ]
    return torch.cat(x).numpy()


def refused(match: str, path: Path, name: str = "image-folder", **params: Any) -> None:
    with pytest.raises(RequestError, match=match) as refusal:
        pixels(build(path, name, **params))
    assert "\n" not in str(refusal.value)
    str(refusal.value).encode()


def doubts(dataset: Dataset) -> str:
    with pytest.warns(UserWarning, match=".") as caught:
        genlab.load(dataset)
    return "; ".join(str(each.message) for each in caught)


# --- folders


@row("folders of pictures")
def _(path: Path) -> None:
    assert build(tree(path, "cat/a", "cat/b", "dog")).spec.names == ("cat", "dog")


@row("pictures side by side")
def _(path: Path) -> None:
    assert build(tree(path, ".")).spec.classes == 0


@row("pictures in folders and beside them")
def _(path: Path) -> None:
    refused("lies in no class folder", tree(path, ".", "cat"))


@row("one folder around everything")
def _(path: Path) -> None:
    assert build(tree(path, "deep/set/cat", "deep/set/dog")).spec.names == ("cat", "dog")


@row("`train` and `test`, or `training` and `testing`, in small or large letters")
def _(path: Path) -> None:
    for k, (a, b) in enumerate((("train", "test"), ("Training", "TESTING"))):
        dataset = build(tree(tree(path / f"{k}", f"{a}/cat", f"{a}/dog"), f"{b}/cat", count=1))
        assert dataset.spec.names == ("cat", "dog")
        assert (len(dataset.load("train")), len(dataset.load("test"))) == (8, 1)
        assert dataset.settled["splits"] is True
        assert build(path / f"{k}", splits=False).spec.names == tuple(sorted((a, b)))


@row("`train` and `val`, `valid` or `validation`")
def _(path: Path) -> None:
    for name in ("val", "Valid", "validation"):
        dataset = build(tree(path / name, "train/cat", f"{name}/cat"))
        assert (len(dataset.load("train")), len(dataset.load("test"))) == (4, 4)
    dataset = build(tree(path / "all", "train/cat", "test/cat", "val/cat"))
    assert len(pixels(dataset)) == 8
    assert "val beside the splits is not read" in doubts(dataset)
    refused("has val and valid: which", tree(path / "two", "train/a", "val/a", "valid/a"))


@row("`test` or `val` beside classes, without `train`")
def _(path: Path) -> None:
    refused(r"has test, but no train beside cat.*splits=false", tree(path, "cat", "test"))
    assert build(path, splits=False).spec.names == ("cat", "test")


@row("`train` beside classes, without `test`")
def _(path: Path) -> None:
    dataset = build(tree(path, "car", "train"))
    assert dataset.spec.names == ("car", "train")
    assert "train beside car is taken for a class" in doubts(dataset)
    assert len(pixels(build(path, splits=True))) == 4


@row("splits inside of classes (`cat/train`)")
def _(path: Path) -> None:
    refused(
        "cat holds test and train", tree(path, "cat/train", "cat/test", "dog/train", "dog/test")
    )
    assert build(path, splits=False).spec.names == ("cat", "dog")


@row("no splits")
def _(path: Path) -> None:
    tree(path, "cat", "dog", count=10)
    assert [len(build(path, test_share=0.2).load(s)) for s in ("train", "test")] == [16, 4]
    tests = [build(path, seed=k).load("test").x for k in (0, 0, 1)]
    assert torch.equal(tests[0], tests[1])
    assert not torch.equal(tests[0], tests[2])


@row("a ZIP file")
def _(path: Path) -> None:
    names = [f"{kind}\\{k}.png" for kind in ("cat", "dog") for k in range(4)]
    assert build(zipped(path / "a.zip", names)).spec.names == ("cat", "dog")


@row("a ZIP file with a path that leads out, or twice the same")
def _(path: Path) -> None:
    refused("leads out of it", zipped(path / "a.zip", ["a/0.png", "../a/1.png"]))
    refused("has two files a/0.png", zipped(path / "b.zip", ["a/0.png", "a\\0.png"]))


@row("names of classes that are no UTF-8")
def _(path: Path) -> None:
    tree(path / "set", "b", "\udce9t\udce9")
    refused(r"the name of the class '\\udce9t\\udce9' is no UTF-8", path / "set")
    with pytest.raises(RequestError, match="no UTF-8"):
        genlab.run(dataset="image-folder", data=path / "set", out=path / "run", steps=1)
    assert not (path / "run").exists()


@row("hidden files, `__MACOSX`")
def _(path: Path) -> None:
    tree(path, "cat", "dog", ".cache", "__MACOSX/cat")
    assert len(pixels(build(path))) == 8


@row("other files (`.txt`, `.csv`, ...)")
def _(path: Path) -> None:
    tree(path, "cat", "dog")
    for name in ("notes.txt", "cat/a.txt", "dog/b.csv"):
        (path / name).write_text("no picture")
    dataset = build(path)
    assert dataset.said.endswith("skipped 2 .txt, 1 .csv")
    assert not dataset.doubts


@row("pictures of a format that is not read (DICOM, HDF5, HEIF, SVG, ...)")
def _(path: Path) -> None:
    tree(path, "cat", "dog")
    for name in ("cat/a.dcm", "cat/b.h5", "dog/c.svg"):
        (path / name).write_bytes(b"other")
    (path / "scan").write_bytes(bytes(128) + b"DICM")
    dataset = build(path)
    assert len(pixels(dataset)) == 8
    assert "cat/a.dcm and 3 more (DICOM) is of a format that is not read" in doubts(dataset)
    (path / "none").mkdir()
    (path / "none" / "scan").write_bytes(bytes(128) + b"DICM")
    refused(r"has no images.*1 without suffix.*scan \(DICOM\) is of a format", path / "none")


@row("a picture that is damaged or cut off")
def _(path: Path) -> None:
    for victim, data in (("a/1.png", b"no picture"), ("b/2.png", None)):
        tree(path, "a", "b")
        file = path / victim
        file.write_bytes(file.read_bytes()[:60] if data is None else data)
        refused(f"{victim} cannot be read", path)


@row("several pictures in one file (GIF, TIFF)")
def _(path: Path) -> None:
    frames = [Image.fromarray(noise()) for _ in range(3)]
    for k in range(3):
        save(path / f"{k}.tif", frames[0], save_all=True, append_images=frames[1:])
    dataset = build(path)
    assert (pixels(dataset) == np.asarray(frames[0])).all()
    assert "3 files hold several pictures: the first of each" in doubts(dataset)


# --- pixels


@row("EXIF orientation")
def _(path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    values = noise(4, 8)
    for k in range(2):
        save(path / f"{k}.png", values, exif=exif)
    assert (pixels(build(path))[0, 0] == np.rot90(values, -1)).all()


@row("pictures of several sizes")
def _(path: Path) -> None:
    tree(path, "a", "b")
    save(path / "b" / "9.png", noise(6, 18))
    refused("b/9.png has 18x6 pixels", path)
    wide = np.zeros((6, 18), np.uint8)
    wide[:, 6:12] = 255  # the middle, which alone is left
    save(path / "b" / "9.png", wide)
    assert (pixels(build(path, size=6)) == 255).all((1, 2, 3)).sum() == 1


@row("grey pictures only")
def _(path: Path) -> None:
    assert build(tree(path, "a")).spec.shape[0] == 1
    assert build(path, channels=3).spec.shape[0] == 3


@row("grey and colour pictures")
def _(path: Path) -> None:
    tree(path, "a", count=3)
    save(path / "a" / "9.png", noise(6, 6, 3))
    dataset = build(path)
    assert dataset.spec.shape[0] == 3
    assert "3 of 4 images are grey" in doubts(dataset)
    assert build(path, channels=1).spec.shape[0] == 1


@row("transparency")
def _(path: Path) -> None:
    values = noise(6, 6, 4)
    values[0, 0], values[1, 1, 3], values[2, 2, 3] = (255, 0, 0, 0), 255, 128
    for k in range(2):
        save(path / f"{k}.png", values)
    found = pixels(build(path))[0]
    assert found.shape[0] == 4
    assert found[:, 0, 0].tolist() == [255, 255, 255, 0]
    for ground, colour in (((255, 255, 255), 255), ((0, 0, 0), 0)):
        found = pixels(build(path, channels=3, background=ground))[0]
        assert found[:, 0, 0].tolist() == [colour] * 3
        assert found[:, 1, 1].tolist() == values[1, 1, :3].tolist()
        halves = (values[2, 2, :3] * (128 / 255) + colour * (127 / 255)).round()
        assert np.abs(found[:, 2, 2] - halves).max() <= 1
    assert "transparency over white" in build(path, channels=3).said


@row("palettes, black and white, CMYK")
def _(path: Path) -> None:
    for mode, channels, suffix in (("P", 3, "png"), ("1", 1, "png"), ("CMYK", 3, "tif")):
        for k in range(2):
            save(path / mode / f"{k}.{suffix}", noise(6, 6, 3), mode)
        assert build(path / mode).spec.shape[0] == channels


@row("8 bits")
def _(path: Path) -> None:
    for k in range(2):
        save(path / f"{k}.png", noise(top=16))
    dataset = build(path, range=[0, 16])
    assert dataset.spec.levels == 17
    values = np.asarray(Image.open(path / "0.png"))
    assert (values * (255 / 16)).round().astype(np.uint8).tolist() in pixels(dataset)[:, 0].tolist()
    for k in range(2):
        save(path / f"{k}.png", noise())
    assert (build(path).settled["range"], build(path).said) == ([0, 255], "grey 0..255")
    assert np.asarray(Image.open(path / "0.png")).tolist() in pixels(build(path))[:, 0].tolist()


@row("8 bits and all of it dark")
def _(path: Path) -> None:
    for k in range(3):
        save(path / f"{k}.png", noise(top=16))
    assert "the brightest value is 1" in doubts(build(path))


@row("grey of more than 8 bits, or 32-bit whole numbers")
def _(path: Path) -> None:
    for top, limit in ((200, 255), (1000, 1023), (4000, 4095), (9000, 16383), (50000, 65535)):
        for kind, suffix in ((np.uint16, "png"), (np.int32, "tif")):
            folder = path / f"{top}-{suffix}"
            for k, high in enumerate((top, top // 4)):  # the second alone would be of fewer bits
                save(folder / f"{k}.{suffix}", np.array([[0, high]], kind))
            dataset = build(folder)
            assert dataset.settled["range"] == [0, limit]
            wanted = sorted(round(high * 255 / limit) for high in (top, top // 4))
            assert sorted(pixels(dataset)[:, 0, 0, 1].tolist()) == wanted


@row("fractions (TIFF)")
def _(path: Path) -> None:
    for low, high, limits in ((0, 0.9, [0, 1]), (0, 200, [0, 255]), (-0.5, 0.5, [-1, 1])):
        folder = path / f"{high}"
        for k in range(2):
            save(folder / f"{k}.tif", np.array([[low, high]], np.float32))
        dataset = build(folder)
        assert dataset.settled["range"] == limits
        share = (high - limits[0]) / (limits[1] - limits[0])
        assert pixels(dataset)[0, 0, 0, 1] == round(255 * share)


@row("values below 0, above 65535")
def _(path: Path) -> None:
    for k, value in enumerate((-5, 70000)):
        for i in range(2):
            save(path / f"{k}" / f"{i}.tif", np.array([[0, value]], np.int32))
        refused(r"has values from .*--set dataset\.range=\[", path / f"{k}")
    assert pixels(build(path / "0", range=[-5, 0]))[0, 0, 0].tolist() == [255, 0]


@row("values that are not finite")
def _(path: Path) -> None:
    for k in range(2):
        save(path / f"{k}.tif", np.array([[0.5, [np.nan, np.inf][k]]], np.float32))
    refused(r"\.tif cannot be read: it has numbers that are not finite", path)


@row("8-bit and deeper pictures in one set")
def _(path: Path) -> None:
    save(path / "0.png", np.array([[0, 255]], np.uint8))
    save(path / "1.png", np.array([[0, 4095]], np.uint16))
    dataset = build(path)
    assert pixels(dataset)[:, 0, 0].tolist() == [[0, 255]] * 2
    assert "numbers are of several kinds" in doubts(dataset)
    assert build(path, depth="8-bit").settled["range"] == [0, 255]


@row("colour of 16 bits")
def _(path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">3H", 0x1234, 0xABCD, 0xFF00)))
    for k in range(2):
        (path / f"{k}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b""))
    assert pixels(build(path))[0, :, 0, 0].tolist() == [0x12, 0xAB, 0xFF]


SINGLE: dict[str, Callable[[Path], Path]] = {
    "16 bits": lambda p: save(
        p.with_suffix(".png"), RNG.integers(0, 4000, (6, 6)).astype(np.uint16)
    ),
    "turned": lambda p: save(p.with_suffix(".jpg"), noise(6, 6), exif=_sideways()),
    "wide": lambda p: save(p.with_suffix(".png"), noise(9, 15)),
    "LA": lambda p: save(p.with_suffix(".png"), noise(6, 6, 4), "LA"),
    "palette": lambda p: save(
        p.with_suffix(".png"), Image.fromarray(noise(6, 6, 3)).quantize(8), transparency=3
    ),
    "fractions": lambda p: save(p.with_suffix(".tif"), RNG.random((6, 6)).astype(np.float32)),
}


def _sideways() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return exif


@row("a single picture for `restore`, `interpolate`, `classify`")
def _(path: Path) -> None:
    from genlab.report.pictures import read_pictures

    for name, make in SINGLE.items():
        files = [make(path / name / f"{k}") for k in range(3)]
        dataset = build(path / name, size=6)
        params = {**dataset.params, **dataset.settled}
        rule = type(dataset).picture_rule(json.loads(json.dumps(params, default=str)))
        alone = read_pictures(files, dataset.spec, rule)
        learned = torch.cat([dataset.load(s).first(9)[0] for s in ("train", "test")])
        for x in alone:
            assert any(torch.equal(x, other) for other in learned), name


# --- arrays and tables


def arrays(path: Path, **given: Any) -> Path:
    np.savez(path / "a.npz", **given)
    return path / "a.npz"


def text(path: Path, *lines: str) -> Path:
    (path / "a.csv").write_text("\n".join(lines) + "\n")
    return path / "a.csv"


@row("`.npy`")
def _(path: Path) -> None:
    x = noise(10, 6, 6)
    np.save(path / "a.npy", x)
    dataset = build(path / "a.npy", "array")
    assert (dataset.spec.shape, dataset.spec.classes, dataset.spec.levels) == ((1, 6, 6), 0, 256)
    assert sorted(pixels(dataset)[:, 0].tolist()) == sorted(x.tolist())


@row("`.npz` with `x` and `y`, or `images` and `labels`")
def _(path: Path) -> None:
    x, y = noise(10, 6, 6, 3), np.arange(10)[:, None] % 2 * 7
    for a, b in (("x", "y"), ("images", "labels"), ("arr_0", "targets")):
        dataset = build(arrays(path, **{a: x, b: y}), "array")
        assert (dataset.spec.shape, dataset.spec.names) == ((3, 6, 6), ("0", "7"))
        train = dataset.load("train")
        for one, label in zip(train.x, train.y, strict=True):
            (k,) = [k for k in range(10) if (np.moveaxis(x[k], 2, 0) == one.numpy()).all()]
            assert y[k, 0] == 7 * int(label)
    refused("dataset.x names the array", arrays(path, left=x, right=x), "array")
    assert len(pixels(build(arrays(path, left=x, right=x), "array", x="left"))) == 10


@row("`.npz` with `x_train`, `test_labels`, ...")
def _(path: Path) -> None:
    x = noise(12, 6, 6)
    y = np.array(["cat", "dog"] * 6)
    file = arrays(
        path, train_images=x[:6], train_labels=y[:6], test_images=x[6:9], test_labels=y[6:9],
        val_images=x[9:], val_labels=y[9:],
    )  # fmt: skip
    dataset = build(file, "array")
    assert (len(dataset.load("train")), len(dataset.load("test"))) == (6, 3)
    assert dataset.spec.names == ("cat", "dog")
    assert "val_images, val_labels is not read" in doubts(dataset)


@row("images `(N, H, W)`, `(N, C, H, W)`, `(N, H, W, C)`")
def _(path: Path) -> None:
    for shape, wanted in (
        ((9, 6, 7), (1, 6, 7)),
        ((9, 3, 6, 7), (3, 6, 7)),
        ((9, 6, 7, 3), (3, 6, 7)),
    ):
        np.save(path / "a.npy", noise(*shape))
        assert build(path / "a.npy", "array").spec.shape == wanted
    np.save(path / "a.npy", noise(9, 3, 6, 3))
    refused("is not clear: --set dataset.layout=", path / "a.npy", "array")
    assert build(path / "a.npy", "array", layout="NHWC").spec.shape == (3, 3, 6)
    np.save(path / "a.npy", noise(9, 6))
    refused("is no array of images", path / "a.npy", "array")


@row("bytes, whole numbers, fractions")
def _(path: Path) -> None:
    for values, limits, levels in (
        (noise(9, 6, 6), [0, 255], 256),
        (RNG.integers(0, 200, (9, 6, 6)), [0, 255], 256),
        (RNG.integers(0, 4000, (9, 6, 6)), [0, 4095], 0),
        (RNG.random((9, 6, 6)) / 2 + 0.5, [0, 1], 0),
        (RNG.random((9, 6, 6)) - 0.5, [-1, 1], 0),
        (noise(9, 6, 6) > 99, [0, 1], 2),
    ):
        np.save(path / "a.npy", values)
        dataset = build(path / "a.npy", "array")
        assert (dataset.settled["range"], dataset.spec.levels) == (limits, levels)
        x = torch.cat([dataset.load(s).first(9)[0] for s in ("train", "test")]).double()
        wanted = 2 * (values.astype(float) - limits[0]) / (limits[1] - limits[0]) - 1
        assert np.abs(np.sort(x.numpy().ravel()) - np.sort(wanted.ravel())).max() < 1e-6
    np.save(path / "a.npy", np.full((9, 6, 6), -7))
    refused(r"has values from -7 to -7", path / "a.npy", "array")


@row("a table with a first line of names")
def _(path: Path) -> None:
    file = text(path, "a,b,kind", *(f"{k},{k * k},{'xy'[k % 2]}" for k in range(20)))
    dataset = build(file, "table", label="kind")
    assert (dataset.spec.shape, dataset.spec.names) == ((2,), ("x", "y"))
    assert dataset.settled["columns"] == ["a", "b"]
    assert build(file, "table", columns=["b"]).spec.shape == (1,)
    with pytest.raises(RequestError, match="unknown column 'c'"):
        build(file, "table", label="c")


@row("a table of numbers alone")
def _(path: Path) -> None:
    dataset = build(text(path, *(f"{k},{k * k}" for k in range(20))), "table")
    assert dataset.settled["columns"] == ["0", "1"]
    assert len(dataset.load("train")) + len(dataset.load("test")) == 20
    named = build(
        text(path, "2023,2024", *(f"{k},{k * k}" for k in range(20))), "table", header=True
    )
    assert named.settled["columns"] == ["2023", "2024"]
    assert len(pixels(named)) == 20


@row("a first line that is partly numbers")
def _(path: Path) -> None:
    file = text(path, *(f"{k},{k * k},{'xy'[k % 2]}" for k in range(20)))
    refused("partly numbers: dataset.header", file, "table")
    assert build(file, "table", header=False, label="2").spec.names == ("x", "y")


@row("comma, semicolon or tab")
def _(path: Path) -> None:
    for between in (",", ";", "\t"):
        file = text(path, f"a{between}b", *(f"{k}{between}{k * k}" for k in range(9)))
        assert build(file, "table").settled["delimiter"] == between
    file = text(path, *(f"{k}|{k * k}" for k in range(9)))
    assert build(file, "table", delimiter="|").spec.shape == (2,)


@row("a column of text, an empty cell, `NaN`")
def _(path: Path) -> None:
    for cell in ("red", "", "NaN", "inf", "1_0", "1,5"):
        file = text(path, "a;b", *(f"{k};{k}" for k in range(5)), f"3;{cell}")
        refused(r"a\.csv, line 7: .* in the column 'b' is no finite number", file, "table")
    assert build(file, "table", columns=["a"]).spec.shape == (1,)
    refused("line 3 has 3 cells", text(path, "a,b", "1,2", "1,2,3"), "table")


@row("a column called `label`, `class`, `target` or `y`")
def _(path: Path) -> None:
    for name in ("label", "Class", "target", "y"):
        dataset = build(text(path, f"a,{name}", *(f"{k},{k % 2}" for k in range(9))), "table")
        assert dataset.spec.shape == (2,)
        assert f"dataset.label={name}" in doubts(dataset)


@row("labels")
def _(path: Path) -> None:
    lines = (f"{k},{['10', '9', ''][k % 3]}" for k in range(30))
    dataset = build(text(path, "a,k", *lines), "table", label="k")
    assert dataset.spec.names == ("9", "10")
    y = torch.cat([dataset.load(s).y for s in ("train", "test")])  # type: ignore[misc]
    assert [int((y == k).sum()) for k in (-1, 0, 1)] == [10, 10, 10]


@row("the scale of a column")
def _(path: Path) -> None:
    values = RNG.normal(7, 3, (200, 2)) * [1, 100]
    file = text(path, *(f"{a},{b}" for a, b in values))
    dataset = build(file, "table", test_share=0.3)
    train, test = dataset.load("train").x.double(), dataset.load("test").x.double()  # type: ignore[union-attr]
    assert (len(train), len(test)) == (140, 60)
    assert float(train.mean(0).abs().max()) < 1e-6
    assert float((train.std(0, correction=0) - 1).abs().max()) < 1e-6
    np.save(path / "a.npy", values)
    assert torch.equal(build(path / "a.npy", "table", test_share=0.3).load("test").x, test.float())


@row("Python objects in an array")
def _(path: Path) -> None:
    np.save(path / "a.npy", np.array([print, 1], object), allow_pickle=True)
    for name in ("array", "table"):
        refused("holds Python objects", path / "a.npy", name)


# --- limits


@row("a picture")
def _(path: Path) -> None:
    save(path / "0.png", Image.new("1", (8193, 8192)))
    save(path / "1.png", Image.new("1", (8, 8)))
    refused(r"0\.png cannot be read: it has 8193 x 8192 pixels, and at most 67108864", path)


@row("a member of a ZIP file")
def _(path: Path) -> None:
    file = zipped(path / "a.zip", ["0.png", "1.png"])
    data = file.read_bytes()
    at = data.index(b"PK\1\2") + 24  # the size that the directory states for the first member
    file.write_bytes(data[:at] + (2**30).to_bytes(4, "little") + data[at + 4 :])
    refused(r"0\.png cannot be read: it has 1073741824 bytes, and at most 536870912", file)


@row("`dataset.json`")
def _(path: Path) -> None:
    tree(path, "a")
    for data, match in (
        (b"[" * 5_000_000, "entries"),
        (b'{"labels": ' + b"[" * 90_000, "is not of"),
    ):
        (path / "dataset.json").write_bytes(data)
        refused(match, path)
    with (path / "dataset.json").open("wb") as file:
        file.truncate(2**26 + 1)
    refused("has 67108865 bytes", path)


@row("pictures that are held in memory")
def _(path: Path) -> None:
    assert build(tree(path, "a"), memory=1e-9).load("train").lazy


@row("an array, by its head")
def _(path: Path) -> None:
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 64, 64), }"
    data = b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head.encode()
    (path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(path / "a.npz", "w") as archive:
        archive.writestr("x.npy", data)
    for name in ("array", "table"):
        for file in ("a.npy", "a.npz"):
            refused("declares 1000000x64x64 values of uint8", path / file, name)
            refused("is cut off", path / file, name, memory=8)


@row("a text table")
def _(path: Path) -> None:
    with text(path, "a").open("r+b") as file:
        file.truncate(2**28 + 1)
    refused("268435457 bytes, which may take more than the 1 GiB", path / "a.csv", "table")
    text(path, "1," * 600_000)
    refused("a line of more than 1048576 characters", path / "a.csv", "table")


@row("`size`")
def _(path: Path) -> None:
    refused("size: .*less than or equal to 8192", tree(path, "a"), size=8193)


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, tmp_path: Path) -> None:
    ROWS[name](tmp_path)


def test_every_row_has_its_test() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    told = [
        line.removeprefix("| ").split(" | ")[0]
        for line, below in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("| ") and "| --- |" not in (line[:7], below[:7])
    ]
    assert told == list(ROWS)
