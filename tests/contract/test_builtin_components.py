"""Every component that is installed keeps its contract with its default parameters, whoever wrote it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab import registry
from genlab.components.parameters import parameters
from genlab.components.registry import ROLES
from genlab.errors import BrokenComponentError
from genlab.testing import Check, check_dataset, checks_of, dataset_checks

EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("degradation", "mix"): {"summary_is_small": "the last state is a whole other example"},
}
"""Known failures: reasons by component and check."""

BUILT_LATER = ("backbone", "density", "objective")
"""Roles whose components are built for data or a model: the checks do it."""

ELSEWHERE = (("tracker", "mlflow"), ("tracker", "wandb"), ("engine", "ray"), ("engine", "slurm"),
             ("dataset", "hf"), ("density", "tarflow"))  # fmt: skip
"""Components that take seconds, as a transformer of the usual size does, or packages of their own: they are
checked where their other tests are."""

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "cifar10"}
"""Where the data sets that live in files are looked for under GENLAB_DATA."""


EXTRAS = {
    "diffusers-unet": "diffusers",
    "tensorboard": "tensorboard",
    "timm": "timm",
    "zuko": "zuko",
}
"""Packages that components need and genlab does not."""


def cases() -> list[Any]:
    """Return one parameter per check of every component of every role."""
    found: list[Any] = []
    for role in ROLES:
        for name in registry(role).names():
            if (role, name) in ELSEWHERE:
                continue
            try:
                component = registry(role).get(name)
            except BrokenComponentError as error:
                skip = pytest.mark.skip(reason=str(error))
                found.append(pytest.param(None, id=f"{role}-{name}", marks=skip))
                continue
            if name in EXTRAS and importlib.util.find_spec(EXTRAS[name]) is None:
                skip = pytest.mark.skip(reason=f"it needs the package {EXTRAS[name]}")
                found.append(pytest.param(None, id=f"{role}-{name}", marks=skip))
            elif role == "dataset":
                found += of_dataset(name, component)
            else:
                subject = component if role in BUILT_LATER else component()
                found += params(role, name, checks_of(subject))
    return found


def of_dataset(name: str, component: type[Any]) -> list[Any]:
    """Return the same of a data set: those that live in files are skipped where the files are not."""
    root = Path(os.environ["GENLAB_DATA"]) if os.environ.get("GENLAB_DATA") else None
    if any(p.required for p in parameters(component)):
        return []  # image-folder, array and table, which have tests of their own below
    if name in FOLDERS and not (root and (root / FOLDERS[name]).is_dir()):
        skip = pytest.mark.skip(reason="its files are in no folder named by GENLAB_DATA")
        return [pytest.param(None, id=f"dataset-{name}", marks=[pytest.mark.data, skip])]
    marks = [pytest.mark.data] if name in FOLDERS else []
    return params("dataset", name, dataset_checks(component(), root), marks)


def params(role: str, name: str, checks: Iterable[Check], marks: Iterable[Any] = ()) -> list[Any]:
    reasons = EXPECTED.get((role, name), {})
    tests = []
    for check in checks:
        reason = reasons.get(check.name)
        expected = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        shown = f"{role}-{name}-{check.name}"
        tests.append(pytest.param(check, id=shown, marks=[*marks, *expected]))
    return tests


@pytest.mark.parametrize("check", cases())
def test_contract(check: Check) -> None:
    check.run()


@pytest.mark.parametrize(("channels", "memory"), [(1, 4.0), (3, 1e-9)])
def test_folder_of_images(tmp_path: Path, channels: int, memory: float) -> None:
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for i in range(20):
            pixels = rng.integers(0, 256, (6, 9, channels), dtype=np.uint8)
            Image.fromarray(pixels.squeeze()).save(tmp_path / kind / f"{i}.png")
    folder = registry("dataset").get("image-folder")
    check_dataset(folder(path=str(tmp_path), memory=memory))


@pytest.mark.parametrize("fractions", [False, True])
def test_array_of_images(tmp_path: Path, fractions: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.random((40, 6, 9)) if fractions else rng.integers(0, 17, (40, 3, 6, 9))
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    images = registry("dataset").get("array")
    check_dataset(images(path=str(tmp_path / "a.npz"), range=None if fractions else (0, 16)))


def test_table_of_numbers(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(5, 2, (300, 2))
    lines = ("a,b,kind", *(f"{a},{b},{'xy'[k % 2]}" for k, (a, b) in enumerate(rows)))
    (tmp_path / "a.csv").write_text("\n".join(lines))
    check_dataset(registry("dataset").get("table")(path=str(tmp_path / "a.csv"), label="kind"))
