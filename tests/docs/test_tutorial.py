"""The tutorial, followed to the letter, with a smaller budget."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import genlab
from genlab.kit import create_package

from .conftest import DOCS, Install, blocks, command_line


def with_method(source: str, method: str) -> str:
    """Put a method into the class of a module, in the place of the one of its name."""
    name = ast.parse(method).body[0].name  # type: ignore[attr-defined]
    (cls,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    (old,) = [n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == name]
    lines = source.splitlines()
    new = ["    " + line if line else line for line in method.splitlines()]
    return "\n".join([*lines[: old.lineno - 1], *new, *lines[old.end_lineno :]]) + "\n"


@pytest.mark.usefixtures("small")
def test_the_tutorial_ends_with_a_comparison(
    tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = DOCS / "tutorial.md"
    shell = "\n".join(block.text for block in blocks(page, "sh"))
    for step in ("genlab new degradation ripple", "genlab check degradation ripple",
                 "genlab run --degradation ripple", "genlab compare"):  # fmt: skip
        assert step in shell
    folder = create_package("degradation", "ripple", tmp_path)
    source = (folder / "src" / "genlab_ripple" / "degradation.py").read_text()
    methods = [block.text for block in blocks(page, "python") if "(self" in block.text]
    assert methods
    for method in methods:
        source = with_method(source, method)
    install(source, {"genlab.degradations": {"ripple": "my_package:Ripple"}})
    monkeypatch.chdir(tmp_path)
    assert command_line("check", "degradation", "ripple", "--json") == 0
    for name in ("ripple", "gaussian"):
        genlab.run(degradation=name, steps=5, out=f"runs/{name}")
    assert command_line("compare", "runs/ripple", "runs/gaussian", "--json") == 0
    assert (tmp_path / "comparison" / "samples.png").is_file()
    assert json.loads((tmp_path / "runs" / "ripple" / "metrics.json").read_text())["metrics"]
