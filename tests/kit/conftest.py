"""Packages that look installed, without a network and without an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from genlab.kit import create_package
from genlab.kit.names import GROUPS

SWIRL = Path(__file__).parents[2] / "docs" / "examples" / "genlab-swirl"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A package of every role, ``genlab-try-ROLE``, and the one of the documentation."""
    folder = tmp_path_factory.mktemp("packages")
    return [*(create_package(role, f"try-{role}", folder) for role in GROUPS), SWIRL]


def installed(packages: Sequence[Path], site: Path) -> list[str]:
    """Write what an installer would write for packages, and return the search path of Python."""
    for package in packages:
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        name, version = project["name"], project["version"]
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
        lines = []
        for group, entries in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))
    return [*(str(package / "src") for package in packages), str(site)]


SCRIPT = """
import contextlib, io, json, sys
import pytest
import torch
from genlab.cli import main

def outcome(call, arguments):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            status = call(arguments)
        except SystemExit as end:
            status = end.code
    return {"status": int(status or 0), "said": said.getvalue()}

torch.set_num_threads(1)
asked = json.loads(sys.argv[1])
found = {"tests": outcome(pytest.main, asked.pop("tests"))}
for name, arguments in asked.items():
    found[name] = outcome(main, arguments)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Outcome:
    """What a command ended with, and what it printed."""

    status: int
    said: str


def outside(
    packages: Sequence[Path], folder: Path, commands: Mapping[str, Sequence[str]]
) -> dict[str, Outcome]:
    """Run commands of genlab, and pytest for the name ``tests``, where packages are installed.

    One process, outside of the repository, does it all: most of the time is the import of torch.
    """
    site = folder / "site"
    site.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(installed(packages, site)),
                   "XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1",
                   "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(commands)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stderr)  # where a command fails, it is shown
    return {name: Outcome(**found) for name, found in json.loads(done.stdout).items()}
