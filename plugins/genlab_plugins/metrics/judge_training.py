r"""How a judge is trained: one procedure, with a name and a seed, that anybody can repeat.

Cross-entropy on images that are turned by up to 12 degrees, scaled by up to a tenth and shifted by up to
a fourteenth of their side; AdamW whose rate rises to 0.004 over a fifth of the training and falls to 0 as
a cosine; an exponential moving average of the weights, which is rounded to float16 and then tested.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from genlab import DataSpec, Examples, RequestError
from genlab_plugins.metrics.judge import PROCEDURE, Judge, JudgeRecord, fingerprint
from genlab_plugins.metrics.judge_network import JudgeNetwork

__all__ = ["USUAL_EXAMPLES", "train_judge"]

USUAL_EXAMPLES = 200_000
"""Images that a judge learns from, with repetition, where no budget is given."""

_BATCH = 128
_RATE = 4e-3
_DECAY = 0.05
_EMA = 0.998
_HELD_OUT = 10_000


def train_judge(
    train: Examples,
    test: Examples | None,
    spec: DataSpec,
    *,
    dataset: str,
    seed: int = 0,
    epochs: float | None = None,
    minutes: float | None = None,
    device: torch.device | str = "cpu",
    advance: Callable[[float], None] = lambda progress: None,
) -> Judge:
    """Train a judge.

    With a budget in epochs the same seed gives the same weights on the same kind of machine.

    Args:
        train: What to learn from; examples with the label -1 are left out.
        test: What its accuracy is measured on; None: a tenth of ``train``, which it does not learn from.
        spec: What the data is.
        dataset: Name of the data set, for the record.
        seed: Seed of the weights, the order and the distortions.
        epochs: Budget in passes over ``train``.
        minutes: Budget in minutes. Without a budget: 200,000 images, and at most 60 passes.
        device: Where to train.
        advance: Called with the share done.

    Raises:
        RequestError: There are no labels, or nothing to learn from.
    """
    mark = fingerprint(train, spec)
    generator = torch.Generator().manual_seed(seed)
    order = _labelled(train, spec)[torch.randperm(len(_labelled(train, spec)), generator=generator)]
    held = torch.empty(0, dtype=torch.int64)
    if test is None:
        held, order = order.tensor_split([min(len(order) // 10, _HELD_OUT)])
    if len(order) < 2:
        raise RequestError(f"a judge of {dataset!r} needs at least two labelled examples")
    if epochs is None and minutes is None:
        epochs = min(USUAL_EXAMPLES / len(order), 60)
    begun = time.perf_counter()
    network, steps = _fit(train, order, spec, seed, generator, epochs, minutes, device, advance)
    _round(network)
    tested = (train, held) if test is None else (test, _labelled(test, spec))
    record = JudgeRecord(
        dataset=dataset,
        fingerprint=mark,
        procedure=PROCEDURE,
        seed=seed,
        steps=steps,
        epochs=round(steps * min(_BATCH, len(order)) / len(order), 3),
        examples=len(order),
        accuracy=_accuracy(network, *tested),
        accuracy_n=len(tested[1]),
        accuracy_on="test" if test is not None else "a tenth of train, not learned from",
        shape=spec.shape,
        classes=spec.classes,
        seconds=round(time.perf_counter() - begun, 1),
        machine=f"{platform.machine()} {torch.device(device).type}",
        versions={name: metadata.version(name) for name in ("genlab", "torch")},
        created=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    return Judge(network, record)


def _fit(
    train: Examples,
    order: Tensor,
    spec: DataSpec,
    seed: int,
    generator: torch.Generator,
    epochs: float | None,
    minutes: float | None,
    device: torch.device | str,
    advance: Callable[[float], None],
) -> tuple[JudgeNetwork, int]:
    """Return the averaged network, and the steps that were made."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = JudgeNetwork(spec.shape[0], spec.classes)
    network.to(device=device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    average = AveragedModel(network, multi_avg_fn=_average, use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    batch, begun = min(_BATCH, len(order)), time.perf_counter()
    total = math.ceil((epochs or 0) * len(order) / batch)
    step, progress, queue = 0, 0.0, order[:0]
    while progress < 1:
        if len(queue) < batch:
            queue = order[torch.randperm(len(order), generator=generator)]
        chosen, queue = queue[:batch], queue[batch:]
        x, y = _take(train, chosen)
        x = _distort(x, generator).to(device, memory_format=torch.channels_last)
        for group in optimiser.param_groups:
            group["lr"] = _RATE * _shape_of_rate(progress)
        loss = functional.cross_entropy(network(x), y.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update_parameters(network)
        step += 1
        spent = (time.perf_counter() - begun) / 60
        progress = spent / minutes if minutes is not None else step / max(total, 1)
        advance(min(progress, 1.0))
    return cast(JudgeNetwork, average.module.cpu().eval()), step


def _average(means: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
    """Move exponential averages, with a memory that grows with what has been seen."""
    decay = min(_EMA, float((1 + count) / (10 + count)))
    for mean, value in zip(means, values, strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _shape_of_rate(progress: float) -> float:
    rise = 0.2
    if progress < rise:
        return (progress + 0.005) / (rise + 0.005)
    return (1 + math.cos(math.pi * (progress - rise) / (1 - rise))) / 2


def _distort(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, scale and shift each image by amounts of its own."""
    u = 2 * torch.rand(len(x), 4, generator=generator) - 1
    angle, scale, shift = u[:, 0] * math.radians(12), 1 + u[:, 1] / 10, u[:, 2:] / 7
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _round(network: JudgeNetwork) -> None:
    """Round the weights to what float16 can hold, as the file does."""
    for value in [*network.parameters(), *network.buffers()]:
        if value.is_floating_point():
            value.data = value.data.half().float()


def _accuracy(network: JudgeNetwork, examples: Examples, chosen: Tensor) -> float:
    right = 0
    with torch.no_grad():
        for part in chosen.split(512):
            x, y = _take(examples, part)
            logits = network(x.to(memory_format=torch.channels_last))
            right += int((logits.argmax(1) == y).sum())
    return right / max(len(chosen), 1)


def _take(examples: Examples, chosen: Tensor) -> tuple[Tensor, Tensor]:
    x, y = examples.take(chosen.to(examples.device))
    assert y is not None  # _labelled() has seen to it
    return x.cpu(), y.cpu()


def _labelled(examples: Examples, spec: DataSpec) -> Tensor:
    """Return the indices of the examples with a label."""
    if examples.y is None or not spec.classes:
        raise RequestError("a judge learns from labels, and this data has none")
    return (examples.y.cpu() >= 0).nonzero().flatten()
