"""What genlab itself costs: its training step and its sampling against bare PyTorch.

Both sides use the same network, data, batch, optimiser and arithmetic. The bare training loop does what
every script does by hand: take a batch, draw times and noise, forward, backward, clip, step, and average
the weights. The bare sampling loop calls the network and makes the step of DDIM by a table of its schedule.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

import genlab
from genlab import DataSpec, Examples
from genlab.training import StepLog, Training, settings_of
from measure import Row, seconds_of

SPEC = DataSpec((1, 28, 28), "image")
BATCH = 128


def made() -> tuple[genlab.Restorer, Examples]:
    """Build the network of `genlab run --dataset mnist`, and images of its size."""
    torch.manual_seed(0)
    backbone = genlab.build("backbone", "unet", SPEC).to(memory_format=torch.channels_last)
    restorer = genlab.Restorer(backbone, genlab.build("degradation", "gaussian"))
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4096, *SPEC.shape), generator=generator, dtype=torch.uint8)
    return restorer, Examples(images)


def bare_training(restorer: genlab.Restorer, examples: Examples) -> Callable[[], None]:
    """Return a step of the loop that a script would hold."""
    network = restorer.backbone
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    averaged = copy.deepcopy(network)
    pairs = (list(averaged.parameters()), list(network.parameters()))
    generator = torch.Generator().manual_seed(0)
    alpha_bar = torch.cos(torch.linspace(0, 1.56, 1001)).square()
    network.train()

    def step() -> None:
        index = torch.randint(len(examples), (BATCH,), generator=generator)
        x_0 = examples.x[index].float() / 127.5 - 1
        k = torch.randint(1, 1001, (BATCH,), generator=generator)
        alpha, sigma = alpha_bar[k].sqrt(), (1 - alpha_bar[k]).sqrt()
        alpha, sigma = alpha[:, None, None, None], sigma[:, None, None, None]
        z = torch.randn(x_0.shape, generator=generator)
        loss = (
            (network(alpha * x_0 + sigma * z, k / 1000) - (alpha * z - sigma * x_0)).square().mean()
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(*pairs, 0.001)

    return step


def genlab_training(
    restorer: genlab.Restorer, examples: Examples, steps: int
) -> Callable[[], None]:
    """Return `steps` steps of genlab's own loop, logging and all."""
    settings = settings_of({"steps": 10**9, "batch": BATCH, "precision": "fp32"})
    training = Training(genlab.Denoising(restorer), examples, settings)
    log, records = StepLog(training), iter(training)

    def run() -> None:
        for _ in range(steps):
            log(next(records))

    return run


def bare_sampling(restorer: genlab.Restorer, x: Tensor, steps: int) -> Callable[[], None]:
    """Return a trajectory of `steps` steps of DDIM as a script would hold it."""
    angle = torch.linspace(0, 1.56, steps + 1)
    alphas, sigmas = angle.cos().tolist(), angle.sin().tolist()

    def run() -> None:
        x_t = x
        with torch.no_grad():
            for k in range(steps, 0, -1):
                v = restorer.backbone(x_t, torch.full((len(x),), k / steps))
                x_0 = alphas[k] * x_t - sigmas[k] * v
                z = sigmas[k] * x_t + alphas[k] * v
                x_t = alphas[k - 1] * x_0 + sigmas[k - 1] * z

    return run


def genlab_sampling(restorer: genlab.Restorer, x: Tensor, steps: int) -> Callable[[], None]:
    """Return a trajectory of genlab's DDIM."""
    sampler = genlab.build("sampler", "ddim")

    def run() -> None:
        generator = torch.Generator().manual_seed(0)
        for _ in genlab.trajectory(restorer, sampler, x, steps=steps, generator=generator):
            pass

    return run


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure both ratios."""
    steps = 5 if short else 20
    restorer, examples = made()
    twin, _ = made()
    step = bare_training(twin, examples)

    def bare() -> None:
        for _ in range(steps):
            step()

    taken = seconds_of(
        {"genlab": genlab_training(restorer, examples, steps), "bare PyTorch": bare}, rounds=rounds
    )
    yield _row("training", taken, steps)
    restorer.eval()
    x = torch.randn(BATCH, *SPEC.shape)
    taken = seconds_of(
        {"genlab": genlab_sampling(restorer, x, steps), "bare PyTorch": bare_sampling(restorer, x, steps)},
        rounds=rounds,
    )  # fmt: skip
    yield _row("sampling", taken, steps)


def _row(task: str, taken: Mapping[str, float], steps: int) -> Row:
    ours, theirs = (1e3 * taken[name] / steps for name in ("genlab", "bare PyTorch"))
    return Row("overhead", task, "ms a step", ours, "bare PyTorch", theirs, less=True, bar=0.98)
