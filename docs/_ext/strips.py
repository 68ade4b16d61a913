"""Pictures of degradations at work, drawn while the documentation is built."""

from __future__ import annotations

import torch

from genlab import build
from genlab.figures.forward import forward

TIMES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)


def strip(name: str, rows: int = 2) -> None:
    """Draw digits, or moons, on their way from t = 0 to t = 1."""
    degradation = build("degradation", name)
    data = build("dataset", "digits" if "image" in degradation.tags.data else "moons")
    x_0, _ = data.load("test").first(rows if data.spec.kind == "image" else 1000)
    z = degradation.draw(x_0, generator=torch.Generator().manual_seed(0))
    states = [degradation.degrade(x_0, torch.full((len(x_0),), t), z) for t in TIMES]
    forward(states, TIMES, data.spec, rows=rows)
