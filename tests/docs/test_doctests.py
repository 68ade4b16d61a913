"""The examples in docstrings say the truth."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def with_examples() -> list[str]:
    """Names of the modules whose source has an example: no other is imported."""
    found = []
    for top in (ROOT / "core", ROOT / "plugins"):
        for file in sorted(top.rglob("*.py")):
            if ">>> " in file.read_text("utf-8"):
                parts = file.relative_to(top).with_suffix("").parts
                found.append(".".join(part for part in parts if part != "__init__"))
    return found


@pytest.mark.parametrize("module", with_examples())
def test_examples_of_a_module(module: str) -> None:
    result = doctest.testmod(
        importlib.import_module(module),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert result.attempted > 0
    assert result.failed == 0
