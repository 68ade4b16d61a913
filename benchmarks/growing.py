"""How seconds and memory grow: with the batch, the size of images, steps of sampling, and runs in a folder.

The numbers are exponents: 1 is linear. Steps are those of the default network, from where a fixed share no
longer counts. Memory is what a process holds at most while it samples, for four times as many samples.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import genlab
from genlab import DataSpec
from measure import Row, seconds_of, slope
from networks import SPEC, restorer_of, training_of

MEMORY = """
import resource, sys, torch, genlab
torch.manual_seed(0)
spec = genlab.DataSpec((1, 28, 28), "image")
noise = genlab.build("degradation", "gaussian")
restorer = genlab.Restorer(genlab.build("backbone", "unet", spec, channels=(8, 8)), noise)
prior = genlab.Prior(noise, spec, None)
model = genlab.DiffusionModel(spec, restorer, prior, genlab.build("sampler", "ddim"), batch=64)
model.sample(int(sys.argv[1]), steps=2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def training(batch: int, side: int) -> Callable[[], object]:
    """Return a step of the default network."""
    spec = DataSpec((1, side, side), "image")
    x = torch.randint(0, 256, (4 * batch, *spec.shape), dtype=torch.uint8)
    return training_of(genlab.build("backbone", "unet", spec), "bf16", x, batch=batch)


def sampling(steps: int) -> Callable[[], object]:
    """Return a trajectory of so many steps."""
    restorer = restorer_of(genlab.build("backbone", "unet", SPEC)).eval()
    sampler, x = genlab.build("sampler", "ddim"), torch.randn(32, *SPEC.shape)
    generator = torch.Generator()

    def run() -> None:
        for _ in genlab.trajectory(restorer, sampler, x, steps=steps, generator=generator):
            pass

    return run


def listing(folder: Path, count: int) -> Callable[[], object]:
    """Return what looks through a folder of so many runs that it has not seen."""
    settings, status = 'dataset = { name = "moons" }\n', '{"stages": {}, "stage": ""}'
    for number in range(count):
        run = folder / f"{count}" / f"{number:04d}"
        run.mkdir(parents=True)
        (run / "run.toml").write_text(settings)
        (run / "status.json").write_text(status)

    def look() -> None:
        for file in (folder / f"{count}").glob(".genlab-index*"):
            file.unlink()
        assert len(genlab.find_runs(folder / f"{count}")) == count

    return look


def memory(count: int) -> float:
    """Return the most MiB that sampling so many images takes."""
    command = [sys.executable, "-c", MEMORY, str(count)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure growth; it is left out where the whole should be short."""
    if short:
        return
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        cases: dict[str, dict[float, Callable[[], object]]] = {
            "seconds of a step by batch": {n: training(n, 28) for n in (64, 128, 256)},
            "seconds of a step by pixels": {n * n: training(64, n) for n in (28, 40, 56)},
            "seconds of sampling by steps": {n: sampling(n) for n in (5, 10, 20)},
            "seconds of a list by runs": {n: listing(Path(folder), n) for n in (50, 100, 200)},
        }
        for task, sides in cases.items():
            taken = seconds_of({str(size): call for size, call in sides.items()}, rounds=rounds)
            found = slope({float(size): seconds for size, seconds in taken.items()})
            yield Row("growth", task, "exponent", found, "linear", 1.0, less=True, bar=0.9)
    few, many = memory(256), memory(1024)
    yield Row("growth", "memory of sampling 1,024", "MiB", many, "256", few, less=True, bar=0.95)
