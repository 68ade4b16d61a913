"""Runs that several processes carry out and one does, in the same words: ``python runs.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genlab import DataSpec, Examples, LazyImages, Likelihood
from genlab.processes import joined
from genlab.runs.start import start_run
from genlab.testing.tiny import AffineFlow
from genlab.training import Training, settings_of


class Normed(nn.Module):
    """A network with a batch normalisation, and weights that no loss depends on."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)
        self.unused = nn.Linear(4, 4)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.last(self.norm(self.first(torch.cat([x, t[:, None]], 1))).relu())
        return out


_POINTS = {"name": "moons", "train": 500, "test": 200}
_MLP = {"name": "mlp", "width": 16, "depth": 1}

# Neither the batch nor the samples can be halved.
REQUESTS: dict[str, dict[str, Any]] = {
    "gaussian": {
        "degradation": "gaussian", "dataset": _POINTS, "backbone": _MLP,
        "training": {"steps": 50, "batch": 33, "conditional": True},
        "sampling": {"count": 50, "batch": 20, "steps": 3},
        "evaluation": {"times": 2, "count": 30},
        "optimiser": "adamw",
    },
    "muon": {
        "degradation": "gaussian", "dataset": _POINTS, "backbone": _MLP, "optimiser": "muon",
        "training": {"steps": 10, "batch": 33}, "sampling": {"count": 20, "batch": 20, "steps": 2},
    },
    "minutes": {
        "degradation": "gaussian", "dataset": _POINTS, "backbone": _MLP,
        "training": {"minutes": 0.005, "batch": 33},
        "sampling": {"count": 20, "batch": 20, "steps": 2},
    },
    "blur": {
        "degradation": "blur", "dataset": "digits", "optimiser": "adamw",
        "backbone": {"name": "unet", "channels": [8]},
        "training": {"steps": 50, "batch": 7, "flip": True, "shift": 1, "accumulate": 2},
        "sampling": {"count": 23, "batch": 8, "steps": 3},
    },
    "flow": {
        "density": {"name": "realnvp", "couplings": 2, "width": 16}, "dataset": _POINTS,
        "training": {"steps": 50, "batch": 33, "conditional": True},
        "sampling": {"count": 50, "batch": 20},
    },
    "normed": {
        "degradation": "gaussian", "dataset": _POINTS, "backbone": Normed,
        "training": {"steps": 10, "batch": 33}, "sampling": {"count": 20, "batch": 20, "steps": 2},
    },
}  # fmt: skip


def carry_out(out: Path) -> None:
    """Carry all runs out, one after the other."""
    for name, request in REQUESTS.items():
        training = {**request["training"], "precision": "fp32", "log_every": 1, "ema": 0.9}
        start_run(
            {**request, "training": training, "seed": 3}, out=out / name,
            skip=["measuring", "drawing", "page"],
        )  # fmt: skip


def lazy_losses() -> list[float]:
    """Train on images that are decoded when they are asked for, and return the loss of every step."""
    images = torch.randint(256, (20, 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    decoded: list[int] = []

    def decode(index: Tensor) -> Tensor:
        decoded.append(len(index))
        return images[index]

    examples = Examples(LazyImages(decode, 20, (1, 4, 4)), torch.arange(20) % 3)
    torch.manual_seed(0)
    objective = Likelihood(AffineFlow(DataSpec((1, 4, 4), "image", 3, ("a", "b", "c"), 256)))
    with joined() as group:
        made = Training(
            objective, examples, settings_of({"steps": 6, "batch": 7, "ema": 0.5}), group=group
        )
        decoded.clear()
        losses = [float(record.loss) for record in made]
        assert max(decoded) == (7 if group is None else len(range(7)[group.own(7)]))
    return losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    carry_out(folder)
    torch.save(lazy_losses(), folder / f"lazy-{sys.argv[2]}.pt")
