r"""How a reference classifier is trained: one procedure, with a name and a seed, that anybody can repeat.

Cross-entropy on images that are turned by up to 12 degrees, scaled by up to a tenth and shifted by up to
a fourteenth of their side; AdamW whose learning rate rises to 0.004 over a fifth of the training and falls
as a cosine, without clipping; an exponential moving average of the weights, which is rounded to float16 and
then tested.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from genlab import (
    AdamW,
    DataSpec,
    Examples,
    LazyImages,
    Network,
    Objective,
    RequestError,
    fit,
    sub_seed,
)
from genlab_plugins.metrics.classifier import Classifier, ClassifierRecord, fingerprint
from genlab_plugins.metrics.classifier_network import ClassifierNetwork

__all__ = ["PROCEDURE", "USUAL_EXAMPLES", "Classification", "train_classifier"]

PROCEDURE = "classifier-2"
"""Name of the training procedure. Whoever changes what it computes gives it another name."""

USUAL_EXAMPLES = 200_000
"""Images that a classifier learns from, with repetition, where no budget is given."""

_MOST_EPOCHS = 60
_BATCH = 128
_HELD_OUT = 10_000  # examples of the training split that test it, at most


@final
class Classification(Objective):
    r"""The cross-entropy :math:`-\log p(y | x')` of images x', each x distorted by amounts of its own.

    Args:
        network: The classifier in training.
    """

    requires = ClassifierNetwork

    def __init__(self, network: ClassifierNetwork) -> None:
        self.network = network

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.network

    @property
    def mixed_precision(self) -> bool:
        """Yes: MNIST is learned about 1.6 times as fast, to the same accuracy."""
        return True

    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        """Return the mean over the images of a batch whose label is known, a scalar.

        Raises:
            RequestError: There are no labels.
        """
        if y is None:
            raise _unlabelled()
        return functional.cross_entropy(network(distorted(x, generator)), y, ignore_index=-1)


def train_classifier(
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
) -> Classifier:
    """Train a reference classifier.

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
        advance: Is called now and then with the share done, and with 1 at the end.

    Raises:
        RequestError: There are no labels, or nothing to learn from; or two budgets.
    """
    learned, held = _split(train, spec, hold_out=test is None, seed=seed)
    if len(learned) < 2:
        raise RequestError(f"a classifier of {dataset!r} needs at least two labelled examples")
    budget = _budget(len(learned), epochs, minutes)
    network, steps, seconds = _learn(learned, spec, budget, seed, device, advance)
    _round(network)
    tested = held if test is None else _split(test, spec)[0]
    record = ClassifierRecord(
        dataset=dataset,
        fingerprint=fingerprint(train, spec),
        procedure=PROCEDURE,
        seed=seed,
        steps=steps,
        epochs=round(steps * _batch(learned) / len(learned), 3),
        examples=len(learned),
        accuracy=_accuracy(network, tested, spec),
        accuracy_n=len(tested),
        accuracy_on="test" if test is not None else "a tenth of train, not learned from",
        shape=spec.shape,
        classes=spec.classes,
        seconds=round(seconds, 1),
        machine=f"{platform.machine()} {torch.device(device).type}",
        versions={name: metadata.version(name) for name in ("genlab", "torch")},
        created=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    return Classifier(network, record)


def _learn(
    examples: Examples,
    spec: DataSpec,
    budget: dict[str, Any],
    seed: int,
    device: torch.device | str,
    advance: Callable[[float], None],
) -> tuple[ClassifierNetwork, int, float]:
    """Return a trained network on the CPU, and the steps and seconds of its training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sub_seed(seed, "weights"))
        network = ClassifierNetwork(spec.shape[0], spec.classes)
    fitted = fit(
        Classification(network), examples, optimiser=AdamW(lr=4e-3, weight_decay=0.05), seed=seed,
        device=device, log=lambda line: advance(line["progress"]), batch=_batch(examples),
        warmup=0.2, decay="cosine", clip=math.inf, ema=0.998, precision="auto", **budget,
    )  # fmt: skip
    return network.cpu(), fitted.steps, fitted.seconds


def _batch(examples: Examples) -> int:
    return min(_BATCH, len(examples))


def distorted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, scale and shift each image by amounts of its own.

    Args:
        x: Images ``(B, C, H, W)``.
        generator: Source of randomness, on the device of ``x``.
    """
    u = 2 * torch.rand(len(x), 4, generator=generator, device=x.device) - 1
    angle, scale, shift = u[:, 0] * math.radians(12), 1 + u[:, 1] / 10, u[:, 2:] / 7
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _budget(examples: int, epochs: float | None, minutes: float | None) -> dict[str, Any]:
    if epochs is None and minutes is None:
        return {"epochs": min(USUAL_EXAMPLES / examples, _MOST_EPOCHS)}
    return {"epochs": epochs, "minutes": minutes}


def _round(network: ClassifierNetwork) -> None:
    """Round the weights to what float16 can hold, as the file does."""
    for value in [*network.parameters(), *network.buffers()]:
        if value.is_floating_point():
            value.data = value.data.half().float()


@torch.no_grad()
def _accuracy(network: ClassifierNetwork, examples: Examples, spec: DataSpec) -> float:
    y, right = _labels(examples, spec), 0
    for part in torch.arange(len(examples)).split(512):
        x = examples.take(part.to(examples.device))[0].cpu()
        logits = network(x.to(memory_format=torch.channels_last))
        right += int((logits.argmax(1) == y[part]).sum())
    return right / max(len(examples), 1)


def _split(
    examples: Examples, spec: DataSpec, *, hold_out: bool = False, seed: int = 0
) -> tuple[Examples, Examples]:
    """Return the examples with a label, and apart from them a tenth that is held out, or none."""
    known = (_labels(examples, spec) >= 0).nonzero().flatten()
    order = torch.randperm(
        len(known), generator=torch.Generator().manual_seed(sub_seed(seed, "split"))
    )
    held = min(len(known) // 10, _HELD_OUT) if hold_out else 0
    apart, rest = known[order].tensor_split([held])
    return _chosen(examples, rest), _chosen(examples, apart)


def _chosen(examples: Examples, index: Tensor) -> Examples:
    """Return some of the examples; lazy ones stay on disk."""
    y = None if examples.y is None else examples.y[index.to(examples.y.device)]
    if isinstance(examples.x, LazyImages):
        decode, shape = examples.x.decode, examples.x.shape[1:]
        return Examples(LazyImages(lambda part: decode(index[part]), len(index), shape), y)
    return Examples(examples.x[index.to(examples.device)], y)


def _labels(examples: Examples, spec: DataSpec) -> Tensor:
    if examples.y is None or not spec.classes:
        raise _unlabelled()
    return examples.y.cpu()


def _unlabelled() -> RequestError:
    return RequestError("a classifier learns from labels, and this data has none")
