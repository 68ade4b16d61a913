"""What the tests of metrics share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import genlab


@pytest.fixture(scope="session")
def digits() -> genlab.Data:
    """The digits, loaded."""
    dataset = genlab.build("dataset", "digits")
    return genlab.Data(dataset.spec, dataset.load("train"), dataset.load("test"), dataset)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of classifiers in an empty user's cache."""
    finding = "genlab_plugins.metrics.classifier_finding"
    monkeypatch.setattr(f"{finding}.cache_folder", lambda: tmp_path)
    monkeypatch.setattr(f"{finding}._FOUND", {})
    return tmp_path / "classifiers"
