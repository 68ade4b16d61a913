"""RealNVP on the plane against normflows, nflows, zuko and FrEIA, side by side.

Every flow has 8 affine couplings whose conditioners have two hidden layers of 128 units, on 2 features, and
trains with fused Adam on batches of 512; densities and samples are asked for 10,000 at a time. The latent
distribution is a unit normal one, as that of the peers is. FrEIA's couplings do not swap the halves here,
and nflows' conditioners are residual: both do no more work than ours.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import genlab
from genlab import DataSpec
from measure import Row, fastest, seconds_of

COUPLINGS, WIDTH, BATCH, MANY = 8, 128, 512, 10_000
COMPILED = "training, compiled"


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


def compiled() -> Rival:
    """Our flow as `training.compile` trains it."""
    flow = ours()
    network = torch.compile(flow.module)
    return replace(flow, log_prob=lambda x: network(x)[:, 0])


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
        "training": (step, 1),
        "log_prob": (torch.no_grad()(lambda: rival.log_prob(many)), MANY),
        "samples": (torch.no_grad()(lambda: rival.sample(MANY)), MANY),
    }


UNITS = {"training": "steps/s", "log_prob": "points/s", "samples": "points/s"}


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure training, densities and samples; a peer that is not installed is left out."""
    torch.manual_seed(0)
    rivals = {"genlab": ours()}
    for name, make in RIVALS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the peers' own
                rivals[name] = make()
        except ImportError:
            continue
    if len(rivals) == 1:
        return
    todo = {name: tasks(rival) for name, rival in rivals.items()}
    for task, unit in UNITS.items():
        units = todo["genlab"][task][1]
        sides = {name: each[task][0] for name, each in todo.items()}
        if task == "training" and not short:
            sides[COMPILED] = tasks(compiled())[task][0]
        taken = seconds_of(sides, rounds=rounds, calls=8 if short else 15)
        ours_too = taken.pop(COMPILED, None)
        best = fastest(taken)
        yield Row("flows", task, unit, units / taken["genlab"], best, units / taken[best], bar=1.2)
        if ours_too:
            yield Row("flows", COMPILED, unit, units / ours_too, best, units / taken[best], bar=1.5)
