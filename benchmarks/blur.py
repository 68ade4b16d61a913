"""What the closed form of blur saves: 256 images of 28 x 28, each blurred to a step of its own.

The reference is the forward process of Cold Diffusion's code, ``q_sample``. It knows no time but whole
steps: it convolves the whole batch with one 11 x 11 kernel after the other up to the latest step in the
batch, keeps every state, and then picks for each example the state of its own step. (Their loop that
picks in Python is one indexing here, to the benefit of the reference.) ``blur-cascade`` multiplies by the
product of the kernels' transfer functions, once, whatever the step. ``blur``, the heat equation, has
another transfer function and no counterpart to be equal to; only its time is printed.

Both sides compute in float32 with the same threads and edges. Rounds alternate and the least time of each
side counts. The ratio is given twice, in wall time and in CPU time, and the lower one must be good: on a
busy machine a long measurement is interrupted, and a short one is not.

Source: Bansal et al. 2022 (arXiv:2208.09392). MNIST has T = 20, sigma = 7 and circular edges. CIFAR-10 has
T = 50 and sigma = k / 100 + 0.35 for k = 0 ... 49; its edges reflect without repeating the last pixel,
which no orthonormal basis fits, so that here both sides repeat it.

Run with nothing else at work: python benchmarks/blur.py
It exits with 1 if a ratio is below 50 or a difference above 1e-5.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

import genlab

BATCH, SHAPE, SIZE = 256, (1, 28, 28), 11
LEAST_RATIO, LARGEST_DIFFERENCE = 50.0, 1e-5


class Setting(NamedTuple):
    """One of the papers' cascades: the width of kernel k = 0 .. T - 1 is ``sigma + growth k``."""

    name: str
    steps: int
    sigma: float
    growth: float
    boundary: Literal["circular", "reflect"]

    def cascade(self) -> Any:
        """Return the cascade in closed form."""
        return genlab.build(
            "degradation", "blur-cascade", steps=self.steps, size=SIZE, sigma=self.sigma,
            growth=self.growth, boundary=self.boundary,
        )  # fmt: skip

    def kernels(self) -> Tensor:
        """Return the kernels in float32, ``(T, 1, 1, 11, 11)``."""
        width = self.sigma + self.growth * torch.arange(self.steps, dtype=torch.float64)
        place = torch.arange(SIZE, dtype=torch.float64) - SIZE // 2
        line = torch.exp(-place.square() / (2 * width[:, None].square()))
        line = line / line.sum(1, keepdim=True)
        return (line[:, :, None] * line[:, None, :])[:, None, None].float()

    def padded(self, x: Tensor) -> Tensor:
        """Return images with half a kernel of what lies beyond their edges."""
        half = SIZE // 2
        if self.boundary == "circular":
            return functional.pad(x, [half] * 4, mode="circular")
        x = torch.cat([x[..., :half].flip(-1), x, x[..., -half:].flip(-1)], dim=-1)
        return torch.cat([x[..., :half, :].flip(-2), x, x[..., -half:, :].flip(-2)], dim=-2)


SETTINGS = (
    Setting("MNIST", 20, 7.0, 0.0, "circular"),
    Setting("CIFAR-10", 50, 0.35, 0.01, "reflect"),
)


class Seconds(NamedTuple):
    """What a call takes: wall time, and CPU time of all threads."""

    wall: float
    cpu: float


class Result(NamedTuple):
    """What the reference, the cascade and the heat equation take, and how far the first two differ."""

    iterated: Seconds
    cascade: Seconds
    heat: Seconds
    difference: float

    @property
    def ratios(self) -> Seconds:
        """How many times faster the cascade is."""
        return Seconds(*(a / b for a, b in zip(self.iterated, self.cascade, strict=True)))

    @property
    def good(self) -> bool:
        """Whether both criteria are met."""
        return min(self.ratios) >= LEAST_RATIO and self.difference <= LARGEST_DIFFERENCE


def iterated(x_0: Tensor, k: Tensor, setting: Setting, kernels: Tensor) -> Tensor:
    """Convolve step by step, keep every state, and pick that of each example.

    Args:
        x_0: Images ``(B, 1, H, W)``.
        k: How many steps each of them takes, int64 ``(B,)``.
        setting: What lies beyond the edges.
        kernels: ``(T, 1, 1, 11, 11)``.
    """
    states = [x_0]
    for kernel in kernels[: int(k.max())]:
        states.append(functional.conv2d(setting.padded(states[-1]), kernel))
    return torch.stack(states)[k, torch.arange(len(k))]


def seconds(function: Callable[[], Tensor]) -> Seconds:
    """Time one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def least(functions: Sequence[Callable[[], Tensor]], rounds: int, inner: int) -> list[Seconds]:
    """Return the least seconds of each function; all but the first run ``inner`` times a round."""
    taken: list[list[Seconds]] = [[] for _ in functions]
    for _ in range(rounds):
        for i, function in enumerate(functions):
            taken[i] += [seconds(function) for _ in range(inner if i else 1)]
    return [Seconds(*(min(values) for values in zip(*calls, strict=True))) for calls in taken]


@torch.inference_mode()
def measure(setting: Setting, rounds: int, inner: int) -> Result:
    """Measure one setting."""
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.rand(BATCH, *SHAPE, generator=generator) * 2 - 1
    k = torch.randint(1, setting.steps + 1, (BATCH,), generator=generator)
    t, kernels, cascade = k / setting.steps, setting.kernels(), setting.cascade()
    heat = genlab.build("degradation", "blur")
    difference = cascade.degrade(x_0, t, None) - iterated(x_0, k, setting, kernels)
    functions = (
        lambda: iterated(x_0, k, setting, kernels),
        lambda: cascade.degrade(x_0, t, None),
        lambda: heat.degrade(x_0, t, None),
    )
    of_reference, of_cascade, of_heat = least(functions, rounds, inner)
    return Result(of_reference, of_cascade, of_heat, float(difference.abs().max()))


def table(results: Mapping[Setting, Result]) -> Table:
    """Return the results as a table."""
    shown = Table(title=f"{BATCH} images {SHAPE}, {torch.get_num_threads()} threads, times in ms")
    shown.add_column("setting")
    for heading in ("T", "iterated", "cascade", "ratio", "CPU ratio", "difference", "blur"):
        shown.add_column(heading, justify="right")
    for setting, r in results.items():
        shown.add_row(
            setting.name, str(setting.steps), f"{1e3 * r.iterated.wall:.1f}",
            f"{1e3 * r.cascade.wall:.2f}", f"{r.ratios.wall:.0f}", f"{r.ratios.cpu:.0f}",
            f"{r.difference:.1e}", f"{1e3 * r.heat.wall:.2f}",
        )  # fmt: skip
    return shown


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="calls of the reference")
    parser.add_argument("--inner", type=int, default=20, help="calls of the others in each round")
    arguments = parser.parse_args()
    results = {s: measure(s, arguments.rounds, arguments.inner) for s in SETTINGS}
    Console().print(table(results))
    good = all(result.good for result in results.values())
    verdict = "met" if good else "MISSED"
    print(f"{verdict}: ratios >= {LEAST_RATIO:.0f}, differences <= {LARGEST_DIFFERENCE:.0e}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
