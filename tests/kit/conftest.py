"""Packages that look installed, without a network and without an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Path]:
    """Write what an installer would write for packages, and return the folder it lies in."""

    def write(packages: Sequence[Path]) -> Path:
        site = tmp_path / "site"
        for package in packages:
            project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
            name, version = project["name"], project["version"]
            info = site / f"{name.replace('-', '_')}-{version}.dist-info"
            info.mkdir(parents=True)
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            (info / "METADATA").write_text(metadata)
            lines = []
            for group, entries in project["entry-points"].items():
                lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
            (info / "entry_points.txt").write_text("\n".join(lines))
        return site

    return write


@pytest.fixture
def outside(
    tmp_path: Path, installed: Callable[..., Path]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python with packages installed, in a folder outside the repository."""

    def run(packages: Sequence[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
        site = installed(packages)
        path = os.pathsep.join(map(str, [*(package / "src" for package in packages), site]))
        environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"),
                       "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run
