"""Packages that the kit makes, and the one in the documentation, pass their tests from outside."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from genlab.kit import create_package
from genlab.registries import ROLES

SWIRL = Path(__file__).parents[2] / "docs" / "examples" / "genlab-swirl"

Outside = Callable[..., subprocess.CompletedProcess[str]]

PYTEST = ("-W", "error", "-m", "pytest", "--import-mode=importlib", "-p", "no:cacheprovider",
          "-p", "no:xdist", "-q")  # fmt: skip


def test_every_package_passes_its_own_tests(outside: Outside, tmp_path: Path) -> None:
    """One process for all of them: most of the time is the import of torch."""
    made = [create_package(role, f"try-{role}", tmp_path) for role in ROLES]
    packages = [*made, SWIRL]
    done = outside(packages, *PYTEST, *(str(package / "tests") for package in packages))
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed in", done.stdout)
    assert passed
    assert int(passed[1]) > 130


COMMANDS = """
import sys
import torch
from genlab.cli.app import _status

torch.set_num_threads(1)
small = ["--backbone", "mlp", "--set", "sampling.count=60", "--set", "sampling.steps=2"]
show = ["show", "degradation", "swirl", "--json"]
run = ["run", "--degradation", "swirl", "--steps", "5", *small, "--out", "run"]
sys.exit(_status(show) or _status(run))
"""


def test_swirl_is_shown_and_trained_like_our_own(outside: Outside, tmp_path: Path) -> None:
    done = outside([SWIRL], "-c", COMMANDS)
    assert done.returncode == 0, done.stdout + done.stderr
    shown, _ = json.JSONDecoder().raw_decode(done.stdout)
    assert shown["package"] == "genlab-swirl 0.1.0"
    assert {p["name"] for p in shown["parameters"]} == {"turns", "rings"}
    assert "swirl" in (tmp_path / "run" / "run.toml").read_text()
    assert (tmp_path / "run" / "figures" / "samples.png").is_file()


def test_the_example_is_what_the_kit_makes_today(tmp_path: Path) -> None:
    """Its pyproject, licence and workflow have not fallen behind the templates."""
    fresh = create_package("degradation", "swirl", tmp_path)
    for name in ("LICENSE", ".gitignore", ".github/workflows/tests.yml"):
        assert (SWIRL / name).read_text() == (fresh / name).read_text()
    known = {"description = ", "genlab = ", "# Remove this table"}
    for ours, theirs in zip(
        (SWIRL / "pyproject.toml").read_text().splitlines(),
        (fresh / "pyproject.toml").read_text().splitlines(),
        strict=False,
    ):
        assert ours == theirs or any(ours.startswith(start) for start in known)
    source = {p.relative_to(SWIRL) for p in (SWIRL / "src").rglob("*.py")}
    assert source == {p.relative_to(fresh) for p in (fresh / "src").rglob("*.py")}


def own_lines(source: str) -> int:
    """Count lines that are neither blank, comments, docstrings nor imports."""
    tree = ast.parse(source)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(body, list) and body and isinstance(body[0], ast.Expr)
        if documented and isinstance(body[0].value, ast.Constant):
            skipped |= set(range(body[0].lineno, (body[0].end_lineno or 0) + 1))
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = dict(enumerate(source.splitlines(), 1))
    kept = [n for n, line in lines.items() if n not in skipped and line.strip()]
    return sum(not lines[n].lstrip().startswith("#") for n in kept)


@pytest.mark.parametrize("role", ROLES)
def test_a_component_takes_fewer_than_thirty_lines(role: str, tmp_path: Path) -> None:
    module = create_package(role, "few-lines", tmp_path) / "src/genlab_few_lines" / f"{role}.py"
    assert own_lines(module.read_text()) < 30
