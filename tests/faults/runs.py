"""The runs that are killed and damaged, and what makes two of them the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
import torch

import genlab
from genlab.cli.app import exit_status
from genlab.training import read_checkpoint

_VECTORS: dict[str, Any] = {
    "dataset": {"name": "8-gaussians", "train": 400, "test": 100}, "sampling": {"count": 50, "steps": 3},
    "metrics": ["sliced-wasserstein"], "figures": ["loss"],
}  # fmt: skip
_IMAGES: dict[str, Any] = {
    "dataset": "digits", "backbone": {"class": "genlab.testing.tiny:Perceptron"},
    "sampling": {"count": 40, "steps": 2}, "metrics": ["sliced-wasserstein"], "figures": ["loss"],
}  # fmt: skip
STEPS = 60
_TRAINING = {"steps": STEPS, "batch": 32, "log_every": 5, "save_every": 0.05, "keep": 3}
_FLOW = {"name": "realnvp", "couplings": 2, "width": 8, "depth": 1}
_WATCHED = {"times": 3, "count": 50, "best": "sliced-wasserstein"}

REQUESTS: dict[str, dict[str, Any]] = {
    "diffusion": {
        **_VECTORS, "backbone": {"name": "mlp", "width": 16, "depth": 1}, "optimiser": "muon",
        "training": {**_TRAINING, "conditional": True},
    },
    "blur with a mixture": {
        **_IMAGES, "degradation": "blur", "prior": {"name": "gmm", "components": 2},
        "training": {**_TRAINING, "shift": 1, "flip": True},
    },
    "blur with a flow": {
        **_IMAGES, "degradation": "blur", "prior": _FLOW,
        "prior_training": {"steps": 40, "batch": 32, "log_every": 5}, "training": _TRAINING,
    },
    "best checkpoint": {
        **_VECTORS, "backbone": {"name": "mlp", "width": 16, "depth": 1}, "evaluation": _WATCHED,
        "figures": ["loss", "quality"], "training": _TRAINING,
    },
    "flow": {
        **_VECTORS, "density": _FLOW, "objective": {"cross_entropy": 1.0}, "sampling": {"count": 50},
        "training": {**_TRAINING, "conditional": True},
    },
}  # fmt: skip
"""Runs of 60 steps, with all that has a state of its own."""

_TIMES = ("seconds", "created", "elapsed_s", "examples_per_s")


def write_request(name: str, folder: Path) -> Path:
    """Write a request as a file that ``genlab run`` reads."""
    file = folder / f"{name.replace(' ', '-')}.toml"
    file.write_text(tomli_w.dumps({**REQUESTS[name], "seed": 1, "device": "cpu"}))
    return file


def started(request: Path, out: Path) -> int:
    """Start a run, and return the exit status of the command."""
    return exit_status(["run", str(request), "--out", str(out)])


def gone_on(out: Path) -> int:
    """Go on with a run, and return the exit status of the command."""
    return exit_status(["resume", str(out)])


def differences(a: Path, b: Path, *, logs: bool = True) -> list[str]:
    """Say in what two runs differ, of all that a run leaves; times may differ, and figures that show them.

    Args:
        a: The folder of the run that nobody touched.
        b: The folder of the other.
        logs: Whether the logs are compared, too.
    """
    found = []
    for name in ("last", "best", "prior"):
        file = f"checkpoints/{name}.safetensors"
        if (a / file).is_file():
            found += _tensors_differ(a / file, b / file)
    if (a / "samples/samples.npz").read_bytes() != (b / "samples/samples.npz").read_bytes():
        found.append("samples.npz")
    one, two = genlab.open_run(a, device="cpu"), genlab.open_run(b, device="cpu")
    for what in ("metrics", "history", "evaluations") if logs else ("metrics",):
        if _timeless(getattr(one, what)) != _timeless(getattr(two, what)):
            found.append(what)
    pages = [file.relative_to(a) for file in (*(a / "figures").iterdir(), a / "report.html")]
    found += [f"{page} is missing" for page in pages if not (b / page).is_file()]
    if logs:
        found += [f"{p} differs" for p in pages
                  if p.name == "loss.png" and (a / p).read_bytes() != (b / p).read_bytes()]  # fmt: skip
    if two.status.outcome != "done" or two.status.missing:
        found.append(f"the status is {two.status}")
    found += [
        f"{f.name} is left" for f in b.rglob("*") if f.name.startswith(".") or f.name == "run.lock"
    ]
    return found


def _tensors_differ(a: Path, b: Path) -> list[str]:
    if not b.is_file():
        return [f"{b.name} is missing"]
    one, two = read_checkpoint(a), read_checkpoint(b)
    numbers = [{**each.numbers, "elapsed": 0} for each in (one, two)]
    found = [] if numbers[0] == numbers[1] else [f"{a.name}: numbers {numbers}"]
    if one.tensors.keys() != two.tensors.keys():
        return [*found, f"{a.name}: other tensors"]
    return found + [
        f"{a.name}: {key}"
        for key, value in one.tensors.items()
        if not torch.equal(value, two.tensors[key])
    ]


def _timeless(value: Any) -> Any:
    """Return what is written down without what a clock has said."""
    if isinstance(value, Mapping):
        return {k: _timeless(v) for k, v in value.items() if k not in _TIMES}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
