"""What every test may use."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import torch

import genlab

hypothesis.settings.register_profile("genlab", deadline=None)  # time tells how busy a machine is
hypothesis.settings.load_profile("genlab")
torch.set_num_threads(1)  # small networks; and several workers share the cores


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
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A short Gaussian run on the digits."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    return genlab.run(
        steps=60, out=out, set={"sampling": {"count": 120, "steps": 5}, "training": {"batch": 64}}
    )


@pytest.fixture(scope="session")
def blur_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A short blur run on the digits."""
    out = tmp_path_factory.mktemp("runs") / "blur"
    return genlab.run(
        degradation="blur", steps=60, out=out,
        set={"sampling": {"count": 120, "steps": 5}, "training": {"batch": 64}},
    )  # fmt: skip


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
