"""What every test may use."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# several workers share the cores, and so do processes of tests
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

import genlab
from genlab.cli import main
from genlab.runs.start import start_run

hypothesis.settings.register_profile(
    "genlab",
    deadline=None,  # time tells how busy a machine is
    derandomize=bool(os.environ.get("CI")),  # the same examples for everyone who looks at a failure
)
hypothesis.settings.load_profile("genlab")
torch.set_num_threads(1)

DIGITS = {
    "backbone": {"name": "unet", "channels": [8, 8]}, "optimiser": {"lr": 1e-2},
    "training": {"batch": 64, "ema": 0.9}, "sampling": {"count": 120, "steps": 5},
}  # fmt: skip
"""A small run on the digits."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than there are processors, since many tests wait for a process of their own."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with the real data; tests that ask for it are skipped where it is absent."""
    named = os.environ.get("GENLAB_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("GENLAB_DATA does not name a folder with the real data")
    return Path(named)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; tests that ask for it are skipped where there is none."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    named = [os.environ.get("GENLAB_CHROMIUM"), *map(shutil.which, CHROMIUM)]
    with sync.sync_playwright() as playwright:
        program = next(filter(None, named), None) or playwright.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("there is no Chromium: nox -s play fetches one")
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A short Gaussian run on the digits, without their classes, with all that a run leaves."""
    return genlab.run(steps=60, out=tmp_path_factory.mktemp("runs") / "digits", set=DIGITS)


@pytest.fixture(scope="session")
def blur_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A short blur run on the digits and their classes, with a mixture as prior."""
    changes = {"training.conditional": True}
    return genlab.run(
        degradation="blur", prior={"name": "gmm", "components": 4}, steps=60, figures=["samples"],
        out=tmp_path_factory.mktemp("runs") / "blur", set=DIGITS | changes,
    )  # fmt: skip


@pytest.fixture(scope="session")
def circles_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A Gaussian run on two circles, one per class, which a small network learns in a moment."""
    request = {
        "dataset": {"name": "circles", "train": 4000, "test": 2000}, "seed": 1,
        "backbone": {"name": "mlp", "width": 64, "depth": 2}, "optimiser": {"lr": 3e-3},
        "training": {"steps": 500, "batch": 256, "conditional": True, "ema": 0.95},
        "sampling": {"count": 400, "steps": 10},
    }  # fmt: skip
    out = tmp_path_factory.mktemp("runs") / "circles"
    return start_run(request, out=out, skip=["measuring", "drawing", "page"])


@pytest.fixture(scope="session")
def moons_flow(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A flow of the moons that knows their classes."""
    return genlab.run(
        density={"name": "realnvp", "couplings": 4, "width": 32}, classify=True,
        dataset={"name": "moons", "train": 4000, "test": 2000}, optimiser={"lr": 1e-2}, steps=300,
        out=tmp_path_factory.mktemp("runs") / "moons",
        set={"sampling.count": 500, "training.batch": 256, "training.ema": 0.95},
    )  # fmt: skip


@pytest.fixture
def written() -> Callable[[Path, str], str]:
    """Give what is written down in a file, where with GENLAB_RENEW=1 what was found is put first."""

    def read(file: Path, found: str) -> str:
        if os.environ.get("GENLAB_RENEW"):
            file.write_text(found, "utf-8")
        return file.read_text("utf-8")

    return read


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give a command line to genlab, in this process."""

    def give(*arguments: str | Path) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        captured = capsys.readouterr()
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    return give


@pytest.fixture(scope="session")
def digits() -> genlab.Data:
    """The digits, loaded once."""
    return genlab.load("digits")


@pytest.fixture
def distribution(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder that looks like an installed distribution with components."""

    def make(name: str, module: str, source: str, group: str, entries: dict[str, str]) -> Path:
        site = tmp_path / "site"
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "\n".join(f"{key} = {value}" for key, value in entries.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        return site

    return make
