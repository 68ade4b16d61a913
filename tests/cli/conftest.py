"""Commands in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Process:
    """How a command ended, what it said, and which modules it imported."""

    status: int
    out: str
    err: str
    modules: frozenset[str]


@pytest.fixture(scope="session")
def process() -> Callable[..., Process]:
    """Run a command line in a process of its own."""

    def run(*arguments: str, **environment: str) -> Process:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "genlab", *arguments],
            env={**os.environ, "COLUMNS": "120", **environment}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        lines = done.stderr.splitlines()
        modules = [m[1] for line in lines if (m := re.match(r"import time:.*\|\s+([\w.]+)$", line))]
        said = [line for line in lines if not line.startswith("import time:")]
        return Process(done.returncode, done.stdout, "\n".join(said), frozenset(modules))

    return run
