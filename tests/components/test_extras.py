"""What genlab says where a package that it only grows by is missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

import genlab

BRIDGES = [
    ("backbone", "diffusers-unet", "diffusers", {"dataset": "digits"}),
    ("backbone", "timm", "timm", {"dataset": "digits"}),
    ("density", "zuko", "zuko", {"dataset": "moons"}),
]


@pytest.mark.parametrize(("role", "name", "package", "request_"), BRIDGES)
def test_a_missing_package_is_one_line(
    role: str, name: str, package: str, request_: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in [m for m in sys.modules if m == package or m.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    genlab.registry(role).get(name)  # the class is there: what fits can be told of it
    with pytest.raises(genlab.RequestError) as refused:
        genlab.run(**request_, **{role: name}, steps=1, out=tmp_path / "run")
    assert str(refused.value) == (
        f"the {role} {name!r} needs the package {package}: pip install 'genlab[{package}]'"
    )
    assert not (tmp_path / "run").exists()


def test_a_package_that_is_there_and_broken_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halfway.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.util.find_spec("halfway")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        genlab.extra("halfway", "halfway", "this test")


def test_a_package_is_required_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loud").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for package in ("loud", "quite_absent"):  # a folder without code is no package
        with pytest.raises(
            genlab.RequestError, match=rf"^this test needs .* {package}: .*'genlab\[more\]'$"
        ):
            genlab.require_extra(package, "more", "this test")
    (tmp_path / "loud" / "__init__.py").write_text("raise AssertionError('imported')")
    importlib.invalidate_caches()
    genlab.require_extra("loud", "more", "this test")
