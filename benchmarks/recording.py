"""CUDA graphs: steps of training that are recorded and replayed, against steps launched kernel by kernel.

There are rows only where there is a CUDA device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

import genlab
from genlab import DataSpec, Examples
from genlab.training import Training, settings_of
from measure import Row, seconds_of

STEPS, BATCH = 20, 128
IMAGES, POINTS = DataSpec((1, 28, 28), "image"), DataSpec((2,), "vector")


def denoising(backbone: str, spec: DataSpec) -> genlab.Objective:
    """Return the objective of a Gaussian diffusion."""
    network = genlab.build("backbone", backbone, spec)
    return genlab.Denoising(genlab.Restorer(network, genlab.build("degradation", "gaussian")))


def likelihood(density: str, spec: DataSpec) -> genlab.Objective:
    """Return the objective of a flow."""
    return genlab.Likelihood(genlab.build("density", density, spec))


TASKS: dict[str, tuple[Callable[[], genlab.Objective], DataSpec]] = {
    "unet, 28x28": (lambda: denoising("unet", IMAGES), IMAGES),
    "dit, 28x28": (lambda: denoising("dit", IMAGES), IMAGES),
    "realnvp, 28x28": (lambda: likelihood("realnvp", IMAGES), IMAGES),
    "tarflow, 28x28": (lambda: likelihood("tarflow", IMAGES), IMAGES),
    "mlp, points": (lambda: denoising("mlp", POINTS), POINTS),
    "realnvp, points": (lambda: likelihood("realnvp", POINTS), POINTS),
}


def examples_of(spec: DataSpec) -> Examples:
    """Return made-up data."""
    generator = torch.Generator().manual_seed(0)
    if spec is POINTS:
        return Examples(torch.randn(4096, *spec.shape, generator=generator))
    pixels = torch.randint(0, 256, (4096, *spec.shape), generator=generator, dtype=torch.uint8)
    return Examples(pixels)


def steps(objective: genlab.Objective, spec: DataSpec, graphs: str) -> Callable[[], None]:
    """Return some steps of a training, of which the device has done the last."""
    settings = settings_of({"steps": 10**9, "batch": BATCH, "graphs": graphs})
    optimiser = genlab.build("optimiser", "muon" if spec is IMAGES else "adamw")
    records = iter(
        Training(objective, examples_of(spec), settings, optimiser=optimiser, device="cuda")
    )

    def run() -> None:
        for _ in range(STEPS):
            next(records)
        torch.cuda.synchronize()

    return run


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure training with a recording against training without."""
    if not torch.cuda.is_available():
        return
    for name, (made, spec) in TASKS.items():
        if short and spec is IMAGES and not name.startswith("unet"):
            continue
        torch.manual_seed(0)
        sides = {graphs: steps(made(), spec, graphs) for graphs in ("on", "off")}
        taken = seconds_of(sides, rounds=rounds)
        yield Row(
            "recording", f"training, {name}", "steps/s", STEPS / taken["on"], "launched one by one",
            STEPS / taken["off"], bar=2.0,
        )  # fmt: skip
