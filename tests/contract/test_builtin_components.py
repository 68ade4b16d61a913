"""Every component that is installed keeps its contract, whoever wrote it."""

from __future__ import annotations

import inspect
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab import registry
from genlab.errors import BrokenComponentError
from genlab.testing import Check, check_dataset, checks_of, dataset_checks

VARIANTS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("degradation", "gaussian"): [{"schedule": "linear"}],
    ("degradation", "blur"): [{"sigma_max": 6.0}],
    ("sampler", "ddim"): [{"eta": 1.0}],
    ("sampler", "ddpm"): [{"variance": "large"}],
    ("backbone", "unet"): [{"attention": False, "patch": 2}],
    ("density", "gmm"): [{"components": 3, "covariance": "diag"}],
}
"""Parameters beside the defaults."""

EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("degradation", "mix"): {"summary_is_small": "the last state is a whole other example"},
}
"""Known failures: reasons by component and check."""

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "cifar10"}
"""Where the data sets that live in files are looked for under GENLAB_DATA."""


def cases(role: str) -> list[Any]:
    """Return one parameter per check of every component of a role."""
    found: list[Any] = []
    for name in registry(role).names():
        try:
            component = registry(role).get(name)
        except BrokenComponentError as error:
            found.append(pytest.param(None, id=name, marks=pytest.mark.skip(reason=str(error))))
            continue
        for params in ({}, *VARIANTS.get((role, name), [])):
            shown = name + "".join(f",{key}={value}" for key, value in params.items())
            built = role in ("degradation", "sampler")
            subject = component(**params) if built else partial(component, **params)
            found += parameters_of(role, name, shown, checks_of(subject))
    return found


def dataset_cases() -> list[Any]:
    """Return the same for data sets: those that live in files are skipped where the files are not."""
    root = Path(os.environ["GENLAB_DATA"]) if os.environ.get("GENLAB_DATA") else None
    found: list[Any] = []
    for name in registry("dataset").names():
        try:
            component = registry("dataset").get(name)
        except BrokenComponentError as error:
            found.append(pytest.param(None, id=name, marks=pytest.mark.skip(reason=str(error))))
            continue
        if "path" in inspect.signature(component).parameters:
            continue  # has a test of its own below
        if name in FOLDERS and not (root and (root / FOLDERS[name]).is_dir()):
            skip = pytest.mark.skip(reason="its files are in no folder named by GENLAB_DATA")
            found.append(pytest.param(None, id=name, marks=[pytest.mark.data, skip]))
            continue
        marks = [pytest.mark.data] if name in FOLDERS else []
        found += parameters_of("dataset", name, name, dataset_checks(component(), root), marks)
    return found


def parameters_of(role: str, name: str, shown: str, checks: Any, marks: Any = ()) -> list[Any]:
    reasons = EXPECTED.get((role, name), {})
    tests = []
    for check in checks:
        reason = reasons.get(check.name)
        expected = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        tests.append(pytest.param(check, id=f"{shown}-{check.name}", marks=[*marks, *expected]))
    return tests


@pytest.mark.parametrize("check", cases("degradation"))
def test_degradation(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("check", cases("sampler"))
def test_sampler(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("check", cases("backbone"))
def test_backbone(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("check", cases("density"))
def test_density(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("check", dataset_cases())
def test_dataset(check: Check) -> None:
    check.run()


@pytest.mark.parametrize(("channels", "memory"), [(1, 4.0), (3, 4.0), (3, 1e-9)])
def test_folder_of_images(tmp_path: Path, channels: int, memory: float) -> None:
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for i in range(20):
            pixels = rng.integers(0, 256, (6, 9, channels), dtype=np.uint8)
            Image.fromarray(pixels.squeeze()).save(tmp_path / kind / f"{i}.png")
    folder = registry("dataset").get("image-folder")
    check_dataset(folder(path=str(tmp_path), memory=memory))
