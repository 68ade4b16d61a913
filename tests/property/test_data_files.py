"""Folders and ZIP files of pictures, drawn at random: read right or refused, never silently other."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import genlab
from genlab import RequestError

CLASSES = ("cat", "Été", "a b", "1", "2", "日本", "x.y")
SPLITS = (("train", "test"), ("Training", "TESTING"), ("train", "Valid"), ("TRAIN", "validation"))
MODES = ("L", "LA", "RGB", "RGBA", "P", "I;16", "F")
TOPS = (255, 1023, 4095, 16383, 65535)
WHITE = 255


@dataclass(frozen=True)
class File:
    """A picture: where it lies, its mode, its numbers, and what is done to its bytes."""

    split: str
    kind: str
    mode: str
    values: Any
    damage: str = ""

    def data(self) -> bytes:
        buffer = io.BytesIO()
        if self.mode == "P":
            image = Image.new("P", self.values.shape[1::-1])
            image.putdata(list(range(self.values.shape[0] * self.values.shape[1])))
            image.putpalette(self.values.reshape(-1, 3).tobytes())
        else:
            image = Image.fromarray(self.values)
        image.save(buffer, "TIFF" if self.mode == "F" else "PNG")
        data = buffer.getvalue()
        return {"": data, "cut": data[: len(data) // 2], "text": b"no picture"}[self.damage]

    @property
    def suffix(self) -> str:
        return ".tif" if self.mode == "F" else ".png"


@dataclass(frozen=True)
class Case:
    """A folder or ZIP file of pictures."""

    files: tuple[File, ...]
    zipped: bool
    between: str
    wrap: str
    size: int | None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kinds = draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True))
    kinds = draw(st.sampled_from([kinds, [""]])) if len(kinds) > 1 else [""]
    splits = draw(st.sampled_from([("",), *SPLITS]))
    modes = draw(st.lists(st.sampled_from(MODES), min_size=1, max_size=2, unique=True))
    top = draw(st.sampled_from((200, 900, 4000, 60000)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    files = [
        File(split, kind, mode, _values(rng, mode, top))
        for split in splits
        for kind in kinds
        for mode in (modes * 2)[: 2 if len(modes) == 1 else 3]
    ]
    spoiled = draw(st.sampled_from(["", "", "", "size", "cut", "text"]))
    k = draw(st.integers(0, len(files) - 1))
    if spoiled == "size":
        files[k] = replace(files[k], values=_values(rng, files[k].mode, top, (4, 5)))
    elif spoiled:
        files[k] = replace(files[k], damage=spoiled)
    zipped = draw(st.booleans())
    return Case(
        tuple(files), zipped, draw(st.sampled_from("/\\")) if zipped else "/",
        draw(st.sampled_from(["", "deep/set/"])), draw(st.sampled_from([None, None, 3])),
    )  # fmt: skip


def _values(rng: Any, mode: str, top: int, size: tuple[int, int] = (3, 2)) -> Any:
    if mode == "F":
        return rng.random(size).astype(np.float32)
    if mode == "I;16":
        return rng.integers(0, top, size, endpoint=True).astype(np.uint16)
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,), "P": (3,)}[mode]
    values = rng.integers(0, 256, (*size, *channels)).astype(np.uint8)
    if mode in ("LA", "RGBA"):
        values[..., -1] = rng.choice([0, 100, 255], size)
    return values


def write(case: Case, root: Path) -> Path:
    entries = {}
    for k, file in enumerate(case.files):
        parts = [part for part in (file.split, file.kind, f"{k}{file.suffix}") if part]
        entries[case.wrap + "/".join(parts)] = file.data()
    entries[f"{case.wrap}notes.txt"] = b"no picture"
    if not case.zipped:
        for name, data in entries.items():
            (root / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "set" / name).write_bytes(data)
        return root / "set"
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = name.replace("/", case.between)
            archive.writestr(entry, data)
    return root / "set.zip"


def wanted(case: Case) -> list[Any]:
    """Return the pixels ``(C, H, W)`` of each file by formulas, from the numbers that were drawn."""
    modes = {file.mode for file in case.files}
    colour, opacity = bool(modes & {"RGB", "RGBA", "P"}), bool(modes & {"LA", "RGBA"})
    largest = max((int(f.values.max()) for f in case.files if f.mode == "I;16"), default=0)
    top = 65535 if "F" in modes else next(t for t in TOPS if largest <= t)
    return [_pixels(file, top, colour=colour, opacity=opacity) for file in case.files]


def _pixels(file: File, top: int, *, colour: bool, opacity: bool) -> Any:
    values = file.values.astype(float)
    alpha = np.full(values.shape[:2], 255.0)
    if file.mode in ("LA", "RGBA"):
        values, alpha = values[..., :-1], values[..., -1]
        values = np.where(alpha[..., None] == 0, WHITE, values)
    values = {"I;16": values * 255 / top, "F": values * 255}.get(file.mode, values)
    values = values.reshape(*values.shape[:2], -1)
    channels = np.repeat(values, 3, 2) if colour and values.shape[2] == 1 else values
    parts = [channels, alpha[..., None]] if opacity else [channels]
    return np.concatenate(parts, 2).transpose(2, 0, 1)


def found(dataset: genlab.Dataset, split: Any) -> list[tuple[str, Any]]:
    """Return the class and the pixels of each example of a split."""
    examples = dataset.load(split)
    names = (
        [""] * len(examples) if examples.y is None else [dataset.spec.names[k] for k in examples.y]
    )
    return list(zip(names, examples.x[torch.arange(len(examples))].numpy(), strict=True))


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_right_or_refused(case: Case) -> None:
    spoiled = any(file.damage for file in case.files)
    odd = len({file.values.shape[:2] for file in case.files}) > 1
    refusal, parts = "", {}
    with tempfile.TemporaryDirectory() as folder:
        path = write(case, Path(folder))
        try:
            dataset = genlab.build("dataset", "image-folder", path=str(path), size=case.size)
            parts = {split: found(dataset, split) for split in ("train", "test")}
        except RequestError as error:
            refusal = str(error)
    if refusal:
        assert spoiled or (odd and case.size is None), refusal
        assert "cannot be read" in refusal or "pixels and the first image" in refusal
        assert "\n" not in refusal
        return
    assert case.size is not None or not odd
    named = {file.split for file in case.files} != {""}
    for split, part in parts.items():
        files = [
            (file.kind, pixels)
            for file, pixels in zip(case.files, wanted(case), strict=True)
            if not named or (file.split.lower().startswith("train") == (split == "train"))
        ]
        assert not named or Counter(k for k, _ in files) == Counter(k for k, _ in part)
        if case.size is not None:
            assert {pixels.shape for _, pixels in part} == {(len(wanted(case)[0]), 3, 3)}
            continue
        for kind, pixels in part:
            same = [p for k, p in files if k == kind and np.abs(p - pixels).max() <= 0.501]
            assert len(same) == 1
    assert sum(map(len, parts.values())) == len(case.files)
