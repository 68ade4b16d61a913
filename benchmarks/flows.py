"""RealNVP on the plane against normflows, nflows, zuko and FrEIA, side by side.

Every flow has 8 affine couplings whose conditioners have two hidden layers of 128 units, on 2 features, and
trains with fused Adam on batches of 512; densities and samples are asked for 10,000 at a time. The latent
distribution is a unit normal one, as that of the peers is. Rounds go through all of them in turn, so that a
change in the machine's speed hits each, and the median round counts, of wall time and of the processor's.
FrEIA's couplings do not swap the halves here, and nflows' conditioners are residual: both do no more work
than ours.

Run with nothing else at work:
uv run --group benchmarks python benchmarks/flows.py
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import genlab
from genlab import DataSpec

COUPLINGS, WIDTH, BATCH, MANY = 8, 128, 512, 10_000


@dataclass(frozen=True)
class Rival:
    """A flow: its module, its log density and how samples are drawn."""

    module: nn.Module
    log_prob: Callable[[Tensor], Tensor]
    sample: Callable[[int], Tensor]


def ours() -> Rival:
    flow = genlab.build(
        "density",
        "realnvp",
        DataSpec((2,), "vector"),
        couplings=COUPLINGS,
        width=WIDTH,
        components=1,
    )
    generator = torch.Generator().manual_seed(0)
    flow.initialise(torch.randn(1000, 2, generator=generator), generator=generator)
    return Rival(flow, lambda x: flow(x)[:, 0], lambda n: flow.sample(n, generator=generator))


def zuko_nice() -> Rival:
    zuko = importlib.import_module("zuko")
    flow = zuko.flows.NICE(2, 0, transforms=COUPLINGS, hidden_features=(WIDTH, WIDTH))
    return Rival(flow, lambda x: flow().log_prob(x), lambda n: flow().sample((n,)))


def normflows_block() -> Rival:
    normflows = importlib.import_module("normflows")
    layers = []
    for _ in range(COUPLINGS):
        network = normflows.nets.MLP([1, WIDTH, WIDTH, 2], init_zeros=True)
        layers += [
            normflows.flows.AffineCouplingBlock(network),
            normflows.flows.Permute(2, mode="swap"),
        ]
    base = normflows.distributions.base.DiagGaussian(2, trainable=False)
    flow = normflows.NormalizingFlow(base, layers)
    return Rival(flow, flow.log_prob, lambda n: flow.sample(n)[0])


def nflows_simple() -> Rival:
    realnvp = importlib.import_module("nflows.flows.realnvp")
    flow = realnvp.SimpleRealNVP(2, WIDTH, COUPLINGS, 1)
    return Rival(flow, flow.log_prob, flow.sample)


def freia_one_sided() -> Rival:
    framework = importlib.import_module("FrEIA.framework")
    modules = importlib.import_module("FrEIA.modules")

    def conditioner(given: int, out: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(given, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, out),
        )  # fmt: skip

    flow = framework.SequenceINN(2)
    for _ in range(COUPLINGS):
        flow.append(modules.AffineCouplingOneSided, subnet_constructor=conditioner)

    def log_prob(x: Tensor) -> Tensor:
        z, ladj = flow(x)
        return -0.5 * z.square().sum(1) - 1.8378770664093453 + ladj

    return Rival(flow, log_prob, lambda n: flow(torch.randn(n, 2), rev=True)[0])


RIVALS = {
    "zuko": zuko_nice,
    "normflows": normflows_block,
    "nflows": nflows_simple,
    "FrEIA": freia_one_sided,
}


def tasks(rival: Rival) -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is timed, and how many units of it one call does."""
    optimiser = torch.optim.Adam(rival.module.parameters(), 1e-4, fused=True)
    generator = torch.Generator().manual_seed(1)
    batch, many = (torch.randn(n, 2, generator=generator) for n in (BATCH, MANY))

    def step() -> None:
        loss = -rival.log_prob(batch).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return {
        "training steps/s": (step, 1),
        "log_prob/s": (torch.no_grad()(lambda: rival.log_prob(many)), MANY),
        "samples/s": (torch.no_grad()(lambda: rival.sample(MANY)), MANY),
    }


CLOCKS = {"wall": time.perf_counter, "CPU": time.process_time}

Speeds = dict[tuple[str, str, str], float]
"""Units per second, by flow, task and clock."""


def speeds(rivals: dict[str, Rival], rounds: int, calls: int) -> Speeds:
    """Return the median speed of every task of every flow."""
    todo = {name: tasks(rival) for name, rival in rivals.items()}
    found: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(rounds):
        for name, listed in todo.items():
            for task, (call, units) in listed.items():
                call()
                begun = {clock: read() for clock, read in CLOCKS.items()}
                for _ in range(calls):
                    call()
                for clock, read in CLOCKS.items():
                    speed = calls * units / (read() - begun[clock])
                    found.setdefault((name, task, clock), []).append(speed)
    return {key: statistics.median(each) for key, each in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=15)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers' own
    torch.manual_seed(0)
    rivals = {"genlab": ours()}
    for name, make in RIVALS.items():
        try:
            rivals[name] = make()
        except ImportError:
            print(f"{name} is not installed and is left out")
    if len(rivals) == 1:
        print("none of the peers is installed: there is nothing to compare with")
        return 2
    found = speeds(rivals, arguments.rounds, arguments.calls)
    slower = 0
    for clock in CLOCKS:
        for task in ("training steps/s", "log_prob/s", "samples/s"):
            each = {name: found[name, task, clock] for name in rivals}
            fastest = max((name for name in rivals if name != "genlab"), key=each.__getitem__)
            ratio = each["genlab"] / each[fastest]
            slower += clock == "wall" and ratio < 1
            row = "  ".join(f"{name} {speed:,.0f}" for name, speed in each.items())
            print(f"{clock:4s}  {task:16s}  {row}  genlab / {fastest} = {ratio:.2f}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
