"""The default network against those of diffusers and of denoising-diffusion-pytorch, and against the machine.

Each is trained and sampled as its own users run it: theirs in float32 with AdamW and Adam and the loop of
their documentation, ours as `genlab run --dataset mnist` does. Images are of 28 x 28, batches of 128. The
peak is that of a product of two matrices of 2048 x 2048 in bfloat16. "The same network" is the small one of
diffusers in its own loop and as a backbone of genlab, both in float32.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import genlab
from genlab import DataSpec, Examples
from genlab.training import Training, settings_of
from measure import Row, fastest, seconds_of

SPEC = DataSpec((1, 28, 28), "image")
BATCH = 128

Call = Callable[[], object]


def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1024, *SPEC.shape), generator=generator, dtype=torch.uint8)


def restorer_of(backbone: nn.Module, **settings: Any) -> genlab.Restorer:
    placed = backbone.to(memory_format=torch.channels_last)
    return genlab.Restorer(placed, genlab.build("degradation", "gaussian"), **settings)


def training_of(
    backbone: nn.Module, precision: str, x: Tensor | None = None, *, batch: int = BATCH
) -> Call:
    """Return a step of genlab's own loop."""
    settings = settings_of({"steps": 10**9, "batch": batch, "precision": precision})
    examples = Examples(images() if x is None else x)
    records = iter(Training(genlab.Denoising(restorer_of(backbone)), examples, settings))
    return lambda: next(records)


def diffusers_training(network: nn.Module, pixels: Tensor | None = None) -> Call:
    """Return a step of the loop of the documentation of diffusers."""
    scheduler = importlib.import_module("diffusers").DDPMScheduler(num_train_timesteps=1000)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    x = (images() if pixels is None else pixels).float() / 127.5 - 1
    network.train()

    def step() -> None:
        clean = x[torch.randint(len(x), (BATCH,))]
        noise = torch.randn_like(clean)
        times = torch.randint(0, 1000, (BATCH,))
        noisy = scheduler.add_noise(clean, noise, times)
        loss = nn.functional.mse_loss(network(noisy, times, return_dict=False)[0], noise)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    return step


def their_unet(channels: tuple[int, ...]) -> nn.Module:
    """Return the network of diffusers, without genlab around it."""
    network: nn.Module = genlab.build("backbone", "diffusers-unet", SPEC, channels=channels).unet
    return network


def ddpm_diffusion(**settings: Any) -> Any:
    """Return the diffusion of denoising-diffusion-pytorch, around its network."""
    theirs = importlib.import_module("denoising_diffusion_pytorch")
    unet = theirs.Unet(dim=32, dim_mults=(1, 2, 4), channels=1, flash_attn=False)
    return theirs.GaussianDiffusion(unet, image_size=(28, 28), timesteps=1000, **settings)


def ddpm_training(diffusion: nn.Module, pixels: Tensor | None = None) -> Call:
    """Return a step of the trainer of denoising-diffusion-pytorch."""
    optimiser = torch.optim.Adam(diffusion.parameters(), lr=8e-5, betas=(0.9, 0.99))
    x = (images() if pixels is None else pixels).float() / 255
    diffusion.train()

    def step() -> None:
        diffusion(x[torch.randint(len(x), (BATCH,))]).backward()
        nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    return step


def peers() -> dict[str, tuple[Call, Callable[[Tensor], object]]]:
    """Return a training step and an evaluation of the network of each peer that is installed."""
    found: dict[str, tuple[Call, Callable[[Tensor], object]]] = {}
    try:
        network = their_unet((32, 64, 64))
        call = diffusers_training(network)
        found["diffusers"] = (call, lambda x: network(x, torch.full((len(x),), 500)))
    except genlab.RequestError:  # it is not installed
        pass
    try:
        diffusion = ddpm_diffusion()
    except ImportError:
        return found
    found["denoising-diffusion-pytorch"] = (
        ddpm_training(diffusion), lambda x: diffusion.model(x, torch.full((len(x),), 500)),
    )  # fmt: skip
    return found


def flops_of(network: nn.Module) -> float:
    """Return the floating-point operations of a training step: those of the forward pass, three times."""
    x, t = torch.zeros(BATCH, *SPEC.shape), torch.full((BATCH,), 0.5)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x, t)
    return 3.0 * counter.get_total_flops()


def evaluations(network: nn.Module, bf16: bool) -> Callable[[Tensor], object]:
    """Return what evaluates genlab's network as sampling does."""
    restorer = restorer_of(network, bf16=bf16).eval()
    return lambda x: restorer(x, torch.full((len(x),), 0.5))


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure training and evaluations."""
    torch.manual_seed(0)
    network = genlab.build("backbone", "unet", SPEC)
    flops = flops_of(network)
    ours = training_of(network, "bf16")
    matrix = torch.randn(2048, 2048).bfloat16()
    taken = seconds_of({"genlab": ours, "peak": lambda: matrix @ matrix}, rounds=rounds, calls=3)
    reached, peak = flops / taken["genlab"], 2 * 2048**3 / taken["peak"]
    yield Row(
        "networks", "training against the peak", "GFLOP/s", reached / 1e9, "product in bfloat16",
        peak / 1e9, bar=0.5,
    )  # fmt: skip
    x = torch.randn(BATCH, *SPEC.shape).to(memory_format=torch.channels_last)
    half, whole = (evaluations(genlab.build("backbone", "unet", SPEC), on) for on in (True, False))
    with torch.no_grad():
        taken = seconds_of(
            {"genlab": lambda: half(x), "float32": lambda: whole(x)}, rounds=rounds, calls=3
        )
    yield _speed("evaluations in bfloat16", taken, "float32")
    if short:
        return
    others = peers()
    if others:
        taken = seconds_of(
            {"genlab": ours} | {name: step for name, (step, _) in others.items()}, rounds=rounds
        )
        yield _speed("training", taken, fastest(taken))
        with torch.no_grad():
            calls = {name: (lambda call=call: call(x)) for name, (_, call) in others.items()}
            taken = seconds_of({"genlab": lambda: half(x)} | calls, rounds=rounds)
        yield _speed("evaluations", taken, fastest(taken))
    if "diffusers" in others:
        same = genlab.build("backbone", "diffusers-unet", SPEC)
        taken = seconds_of(
            {"genlab": training_of(same, "fp32"), "diffusers": diffusers_training(their_unet((32, 64)))},
            rounds=rounds,
        )  # fmt: skip
        yield _speed("training of the same network", taken, "diffusers")


def _speed(task: str, taken: dict[str, float], peer: str) -> Row:
    ours, theirs = (BATCH / taken[name] for name in ("genlab", peer))
    return Row("networks", task, "images/s", ours, peer, theirs)
