"""How long it takes to generate well: the Frechet distance on MNIST over the minutes of training.

    uv run --group benchmarks python benchmarks/quality.py --data DIR [--out FILE] [--only NAME]

genlab's Gaussian and blur diffusions are trained with their defaults for a quarter, half, one and two minutes
each, a prior included. The networks of diffusers and of denoising-diffusion-pytorch are trained by the loops
of their documentation, batch 128, with a moving average that forgets the first weights as ours does, and
looked at after the shares of the time that --at names. Time that passes while samples are drawn and measured
does not count. Each side generates the same number of samples, the peers in 50 steps of DDIM, and one
classifier measures all. --out FILE writes FILE.json and the curves as FILE.png, beside those that were
measured before; --only takes the sides whose name begins so. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")  # the peers' bars

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import genlab
from genlab.training.average import moving_average
from networks import BATCH, ddpm_diffusion, ddpm_training, diffusers_training, their_unet

MINUTES = (0.25, 0.5, 1.0, 2.0)
STEPS = 50

Curve = list[tuple[float, float]]
"""Minutes of training, and the Frechet distance after them."""


def main() -> int:
    """Measure all four, print the curves and write them."""
    parser = argparse.ArgumentParser(prog="quality", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with MNIST")
    parser.add_argument("--minutes", type=float, default=20.0, help="for each of the peers")
    parser.add_argument("--count", type=int, default=2048, help="samples of each")
    parser.add_argument("--out", type=Path, help="where the curves are written, without an ending")
    parser.add_argument("--only", default="", help="sides whose name begins so")
    parser.add_argument(
        "--at", type=float, nargs="+", default=[0.5, 1.0], help="shares of the minutes"
    )
    given = parser.parse_args()
    torch.manual_seed(0)
    data = genlab.load("mnist", data=given.data)

    def distance(x: Tensor) -> float:
        return _frechet(genlab.evaluate(x.clamp(-1, 1), data, ["frechet"], intervals=False))

    pixels, marks = data.train.x, [60 * given.minutes * share for share in given.at]
    sides: dict[str, Callable[[], Iterator[tuple[float, float]]]] = {
        "genlab, gaussian": lambda: ours("gaussian", given.data, given.count),
        "genlab, blur": lambda: ours("blur", given.data, given.count),
        "diffusers": lambda: of_diffusers(pixels, marks, given.count, distance),
        "denoising-diffusion-pytorch": lambda: of_ddpm(pixels, marks, given.count, distance),
    }
    curves: dict[str, Curve] = {}
    if given.out and given.out.with_suffix(".json").is_file():
        curves = json.loads(given.out.with_suffix(".json").read_text("utf-8"))
    for name, side in sides.items():
        if not name.startswith(given.only):
            continue
        curves[name] = []
        for minutes, value in side():
            curves[name].append((minutes, value))
            print(f"{name}: {value:.3f} after {minutes:.2f} min", flush=True)
            if given.out:
                given.out.with_suffix(".json").write_text(json.dumps(curves, indent=1) + "\n")
    if given.out:
        drawn(curves, given.count).savefig(given.out.with_suffix(".png"), dpi=200)
    return 0


def ours(degradation: str, data: Path, count: int) -> Iterator[tuple[float, float]]:
    """Train anew for each budget, as a user does, and give the minutes of prior and training."""
    for minutes in MINUTES:
        with tempfile.TemporaryDirectory() as folder:
            run = genlab.run(
                dataset="mnist", degradation=degradation, minutes=minutes, metrics=["frechet"], figures=[],
                data=data, out=Path(folder, "run"), set={"sampling.count": count},
            )  # fmt: skip
            spent = sum(run.status.done.get(stage, 0.0) for stage in ("prior", "training"))
            yield spent / 60, _frechet(run.records)


def _frechet(records: Sequence[Mapping[str, Any]]) -> float:
    """Return the Fréchet distance among measured numbers."""
    return float(next(record["value"] for record in records if record["name"] == "frechet"))


def of_diffusers(
    pixels: Tensor, marks: Sequence[float], count: int, distance: Callable[[Tensor], float]
) -> Iterator[tuple[float, float]]:
    """Train the network of diffusers."""
    network = their_unet((32, 64, 64))
    scheduler = importlib.import_module("diffusers").DDIMScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(STEPS)

    def samples(average: nn.Module, n: int) -> Tensor:
        x = torch.randn(n, 1, 28, 28)
        for t in scheduler.timesteps:
            predicted = average(x, t, return_dict=False)[0].float()
            x = scheduler.step(predicted, t, x).prev_sample
        return x

    yield from looked_at(
        network, diffusers_training(network, pixels), marks, samples, count, distance
    )


def of_ddpm(
    pixels: Tensor, marks: Sequence[float], count: int, distance: Callable[[Tensor], float]
) -> Iterator[tuple[float, float]]:
    """Train the network of denoising-diffusion-pytorch."""
    diffusion = ddpm_diffusion(sampling_timesteps=STEPS)

    def samples(average: nn.Module, n: int) -> Tensor:
        drawn: Tensor = average.module.sample(batch_size=n)  # type: ignore[union-attr,operator]
        return drawn.float() * 2 - 1

    yield from looked_at(
        diffusion, ddpm_training(diffusion, pixels), marks, samples, count, distance
    )


def looked_at(
    module: nn.Module,
    step: Callable[[], object],
    marks: Sequence[float],
    samples: Callable[[nn.Module, int], Tensor],
    count: int,
    distance: Callable[[Tensor], float],
) -> Iterator[tuple[float, float]]:
    """Train, and give the distance after so many seconds."""
    average, spent, marks = moving_average(module, 0.995), 0.0, list(marks)
    while marks:
        begun = time.perf_counter()
        step()
        average.update_parameters(module)
        spent += time.perf_counter() - begun
        if spent >= marks[0]:
            marks.pop(0)
            kept = copy.deepcopy(average).eval()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                x = torch.cat([samples(kept, BATCH) for _ in range(-(-count // BATCH))])[:count]
            yield spent / 60, distance(x)


def drawn(curves: dict[str, Curve], count: int) -> Figure:
    """Draw all curves in one figure."""
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    ax = figure.subplots()
    for name, curve in curves.items():
        ax.plot(
            *zip(*curve, strict=True),
            marker="o",
            ms=4,
            ls="-" if "genlab" in name else "--",
            label=name,
        )
    ax.set(xscale="log", yscale="log", xlabel="minutes of training on this machine",
           ylabel=f"Fréchet distance, {count:,} samples")  # fmt: skip
    ax.legend(frameon=False)
    return figure


if __name__ == "__main__":
    sys.exit(main())
