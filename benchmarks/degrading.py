"""What a degradation takes of a training step: drawing its randomness and degrading a batch of 128 images.

The step is that of the default network on MNIST. The other side of each row is 3 % of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

import genlab
from measure import Row, seconds_of
from networks import BATCH, SPEC, images, training_of

SHARE = 0.03


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure every degradation of images; in short, the three that took most."""
    torch.manual_seed(0)
    x = images()[:BATCH].float() / 127.5 - 1
    t = torch.rand(BATCH)
    generator = torch.Generator().manual_seed(0)

    def degrading(degradation: genlab.Degradation) -> Callable[[], object]:
        return lambda: degradation.degrade(x, t, degradation.draw(x, generator=generator))

    names = ("gravity", "ink", "mask-dropout") if short else genlab.registry("degradation").names()
    built = {name: genlab.build("degradation", name) for name in names}
    fit = {name: each for name, each in built.items() if "image" in each.tags.data}
    sides: dict[str, Callable[[], object]] = {name: degrading(each) for name, each in fit.items()}
    step = seconds_of(
        {"step": training_of(genlab.build("backbone", "unet", SPEC), "bf16")}, rounds=rounds
    )["step"]
    with torch.no_grad():
        for name, seconds in seconds_of(sides, rounds=rounds, calls=3).items():
            yield Row(
                "degradations", name, "ms", 1e3 * seconds, "3 % of a step", 1e3 * SHARE * step,
                less=True, bar=1.0,
            )  # fmt: skip
