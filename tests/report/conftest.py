"""What the tests of the report share: its modules, which belong to no package, and results to quote from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "report"
RUN = {
    "name": "run",
    "command": "genlab run ddpm-mnist --steps 9 --seed 0 --data DIR",
    "steps": 4200,
    "seconds": {"training": 90.0},
    "metrics": [
        {"name": "frechet", "value": 3.256, "baseline": 0.078, "n": 5000, "interval": [3.11, 3.4]},
        {"name": "frechet", "value": 9.0, "baseline": 0.5, "n": 1000},
        {"name": "frechet", "value": 2.0, "n": 9000, "sampler": "naive", "sampling_steps": 10},
        {"name": "accuracy", "value": 0.9929, "n": 10000},
        {"name": "kernel", "value": 1.0, "n": 10, "sampler": "naive", "sampling_steps": 10},
        {"name": "kernel", "value": 2.0, "n": 10, "sampler": "cold", "sampling_steps": 10},
    ],
    "evaluations": [
        {"step": 525, "elapsed_s": 90.0, "n": 500, "values": {"frechet": 20.123}, "baselines": {}}
    ],
}
LIST = [
    {"method": "direct", "n": 9, "t": 1.0, "ssim": 0.5},
    {"method": "cold", "n": 9, "ssim": 0.25},
]


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the modules beside the report known, under their own names, for one test."""
    monkeypatch.syspath_prepend(str(REPORT))
    yield
    for name in ("build", "draw", "sources", "gather", "collect", "rows"):
        sys.modules.pop(name, None)


def row(degradation: str, seed: int, frechet: float, loss: str = "l1") -> dict[str, Any]:
    said = " --set objective.loss=l1" if (degradation, loss) == ("noisy", "l1") else ""
    return {
        "degradation": degradation, "loss": loss, "sampler": "cold", "sampling_steps": 20,
        "frechet": frechet, "confidence": 0.9, "smallest class": 0.1, "largest class": 0.1,
        "baseline": 0.078, "n": 5000, "seed": seed,
        "commands": [f"genlab run --degradation {degradation}{said}"],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results: a run, a list, and a comparison with two seeds of one degradation."""
    rows = [
        row("blur", 0, 2.0),
        row("blur", 1, 3.0),
        row("noisy", 0, 60.0),
        row("noisy", 0, 1.0, "l2"),
    ]
    again, seed = (
        {"metrics": [{"name": "frechet", "value": value, "n": 5000}]} for value in (2.0, 3.0)
    )
    for name, content in {
        "again": again, "again-seed-1": seed, "run": RUN, "restoration": LIST,
        "degradations-compared": {"rows": rows},
    }.items():  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(content))
    (tmp_path / "run" / "loss.png").touch()
    return tmp_path
