"""The reference classifier: a small classifier of real data, in whose features samples are measured.

It belongs to a training split: its record holds a fingerprint of the images and labels it has learned from.
It is a measuring instrument: its seed has nothing to do with that of a run.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from genlab import DataSpec, Examples, RequestError
from genlab_plugins.metrics.classifier_network import ClassifierNetwork

__all__ = ["Classifier", "ClassifierRecord", "Outputs", "fingerprint", "load_classifier"]


@dataclass(frozen=True)
class ClassifierRecord:
    """Where a reference classifier comes from, and how good it is.

    Args:
        dataset: Name of its data set.
        fingerprint: What :func:`fingerprint` says of the split it has learned from.
        procedure: Name of the procedure of its training.
        seed: Seed of its training.
        steps: Steps of its training.
        epochs: Passes over the examples.
        examples: Number of examples it has learned from.
        accuracy: Share of right answers.
        accuracy_n: Number of examples behind ``accuracy``.
        accuracy_on: The split behind ``accuracy``.
        shape: Shape of its images.
        classes: Number of classes.
        seconds: Seconds of its training.
        machine: What kind of machine trained it.
        versions: Versions of what computed.
        created: Date of the training, UTC.
    """

    dataset: str
    fingerprint: str
    procedure: str
    seed: int
    steps: int
    epochs: float
    examples: int
    accuracy: float
    accuracy_n: int
    accuracy_on: str
    shape: tuple[int, ...]
    classes: int
    seconds: float
    machine: str
    versions: dict[str, str]
    created: str


class Outputs(NamedTuple):
    """What a classifier computes of ``N`` images."""

    features: Tensor
    """The penultimate layer, float32 ``(N, 64)``."""
    probabilities: Tensor
    """Probabilities of the classes, float32 ``(N, classes)``."""


@final
class Classifier:
    """A trained classifier with its record.

    The outputs for the last few sets of images are kept, because several metrics measure the same samples.

    Args:
        network: The trained network.
        record: Where it comes from.
    """

    def __init__(self, network: ClassifierNetwork, record: ClassifierRecord) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.record = record
        self._kept: OrderedDict[str, Outputs] = OrderedDict()

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Outputs:
        """Return features and probabilities of images.

        Args:
            x: Images ``(N, C, H, W)`` in [-1, 1].

        Raises:
            ValueError: The images are of another shape.
        """
        if tuple(x.shape[1:]) != self.record.shape:
            raise ValueError(
                f"the classifier is for images {self.record.shape}, not {tuple(x.shape[1:])}"
            )
        x = x.detach().float().cpu().contiguous()
        key = hashlib.blake2b(x.numpy().data).hexdigest()
        if key not in self._kept:
            found = [self._outputs(part) for part in x.split(512)]
            self._kept[key] = Outputs(*(torch.cat(parts) for parts in zip(*found, strict=True)))
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _outputs(self, x: Tensor) -> Outputs:
        features = self.network.features(x.to(memory_format=torch.channels_last))
        return Outputs(features, self.network.head(features).softmax(1))

    def to_bytes(self) -> bytes:
        """Return the classifier as a safetensors file with weights in float16."""
        halves = {
            key: value.half().contiguous() if value.is_floating_point() else value.contiguous()
            for key, value in self.network.state_dict().items()
        }
        return save(
            halves, metadata={"classifier": json.dumps(asdict(self.record), sort_keys=True)}
        )


def fingerprint(train: Examples, spec: DataSpec) -> str:
    """Return what tells one training split from another.

    It is made of the shape, the number of classes and examples, and 512 examples with their labels.
    """
    chosen = torch.linspace(0, len(train) - 1, min(len(train), 512), dtype=torch.float64).long()
    chosen = chosen.to(train.device)
    found = hashlib.sha256(repr((spec.shape, spec.classes, len(train))).encode())
    found.update(train.x[chosen].cpu().contiguous().numpy().tobytes())
    if train.y is not None:
        found.update(train.y[chosen].cpu().numpy().tobytes())
    return found.hexdigest()[:32]


def load_classifier(path: Path) -> Classifier:
    """Read the file that ``genlab classifier`` wrote.

    Raises:
        RequestError: The file is missing, damaged or no classifier.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _read(file)
    except FileNotFoundError:
        raise RequestError(
            f"the classifier {path} is missing: 'genlab classifier' makes one"
        ) from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RequestError(f"{path} cannot be read as a classifier: {error}") from None


def _read(file: Any) -> Classifier:
    """Build a classifier from an open safetensors file."""
    fields = json.loads((file.metadata() or {})["classifier"])
    record = ClassifierRecord(**{**fields, "shape": tuple(fields["shape"])})
    network = ClassifierNetwork(record.shape[0], record.classes)
    network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    return Classifier(network, record)


_KEPT = 8  # sets of images whose outputs are kept
