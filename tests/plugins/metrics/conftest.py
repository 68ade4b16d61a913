"""What the tests of metrics share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab import Dataset, Examples
from genlab.registries import build


@pytest.fixture(scope="session")
def digits() -> tuple[Dataset, Examples, Examples]:
    """The digits: the data set, its training and its test split."""
    dataset = build("dataset", "digits")
    return dataset, dataset.load("train"), dataset.load("test")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty user's cache."""
    monkeypatch.setattr(
        "genlab_plugins.metrics.judge_finding.user_cache_dir", lambda _: str(tmp_path)
    )
    monkeypatch.setattr("genlab_plugins.metrics.judge_finding._FOUND", {})
    return tmp_path / "judges"
