"""The search for mutants, on a package where one is found, one survives and one is never executed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="only the session `mutants` has it")

HERE = Path(__file__).parent

CODE = """
from typing import TYPE_CHECKING

__all__ = ["found"] * 1

if TYPE_CHECKING:
    import numbers as numbers_1


def found(*values: "int | None", **named: object) -> "tuple[int | None, ...]":
    if not values:
        raise ValueError(f"{1 + 1} are wanted" + "!" * 3)
    return values


def survives(value):
    return not value


def idle(value):
    return not value
"""

TESTS = """
import pytest
import small


@pytest.fixture(scope="session")
def shared():
    return small.found(3), small.survives(3)


def test_that_looks_at_nothing(shared):
    pass


def test_that_looks(shared):
    assert shared[0] == (3,)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {"core/small/__init__.py": CODE, "tests/test_small.py": TESTS}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return tmp_path


def test_found_and_surviving(tree: Path) -> None:
    """Annotations, errors, ``__all__`` and typing are left alone; what a fixture runs, all its tests try."""
    command = [sys.executable, HERE, "--root", tree, "--paths", "core/small", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    change = "    -    return not value\n    +    return  value"
    for text in (
        "found     core/small/__init__.py:11 core/ReplaceUnaryOperator_Delete_Not",
        f"survived: core/small/__init__.py:17 (2 of 2 tests)\n{change}",
        f"never executed: core/small/__init__.py:21 (0 of 0 tests)\n{change}",
        "2 mutants: 1 found, 0 timed out, 1 survived; 1 more are never executed\n50.0 % found",
    ):
        assert text in done.stdout, done.stderr
    assert done.returncode == 1
    assert (tree / "core/small/__init__.py").read_text() == CODE
    again = subprocess.run([*command, "--least", "50"], capture_output=True, text=True, timeout=250)
    assert again.returncode == 0, again.stderr
