"""The page, served as it is for a user, and what a browser sees of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from genlab import Run

PATIENCE = 60_000  # milliseconds until something must be there; it says nothing about speed


@dataclass(frozen=True)
class Served:
    """The page: its address, and the folder of its runs."""

    address: str
    folder: Path


@dataclass
class Look:
    """A page in a browser, what it complained of, and whom it asked."""

    page: Any
    served: Served
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Open a page, and return it once it is connected with its server."""
        self.page.goto(self.served.address + path)
        self.page.wait_for_selector(".play-card, .play-message >> visible=true")
        return self.page


@pytest.fixture(scope="session")
def served(
    browser: Any, tmp_path_factory: pytest.TempPathFactory, digits_run: Run, blur_run: Run,
    circles_run: Run, moons_flow: Run,
) -> Iterator[Served]:  # fmt: skip
    """The page of a folder with four runs, and one that is damaged."""
    pytest.importorskip("nicegui", reason="the extra play is not installed")
    folder = tmp_path_factory.mktemp("play") / "runs"
    for run in (digits_run, blur_run, circles_run, moons_flow):
        shutil.copytree(run.path, folder / run.path.name)
    shutil.copytree(circles_run.path, folder / "damaged")
    (folder / "damaged" / "checkpoints" / "last.safetensors").write_bytes(b"no tensors")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    command = [sys.executable, "-m", "genlab", "play", "--folder", str(folder), "--port", "0",
               "--no-browser"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=kept,
        cwd=folder.parent,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        told = re.search(r"http://127\.0\.0\.1:\d+", line)
        try:
            assert told, line + process.stdout.read()
            answers(told[0])
            yield Served(told[0], folder)
            assert process.poll() is None, "it is still there"
        finally:
            process.terminate()
    assert not (folder.parent / ".nicegui").exists(), "nothing is written beside the runs"


def answers(address: str) -> None:
    """Wait until a server answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


@pytest.fixture
def look(browser: Any, served: Served, request: pytest.FixtureRequest) -> Iterator[Look]:
    """A fresh page; afterwards it has neither complained nor asked anybody but the server."""
    width = getattr(request, "param", 1200)
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(PATIENCE)
    found = Look(context.new_page(), served)
    found.page.on(
        "console", lambda said: found.errors.append(said.text) if said.type == "error" else None
    )
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    context.on("request", lambda asked: found.asked.append(asked.url))
    yield found
    context.close()
    assert found.errors == []
    inside = (served.address, served.address.replace("http", "ws", 1), "data:", "blob:")
    assert [url for url in found.asked if not url.startswith(inside)] == []
    assert found.asked
