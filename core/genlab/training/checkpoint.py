"""Checkpoints: everything that a training needs to go on, in one safetensors file without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genlab.errors import RequestError
from genlab.files import draft

__all__ = ["Checkpoint", "optimiser_from_tensors", "optimiser_to_tensors", "read_checkpoint",
           "write_checkpoint"]  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Args:
        tensors: Tensors by name, with a prefix for each part: ``model.``, ``ema.``, ``optimiser.``,
            ``rng.``.
        numbers: Numbers that can be written as JSON: step, seconds, ...
    """

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors of one part, without its prefix."""
        start = f"{prefix}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in checkpoint.tensors.items()}
    with draft(path) as file:
        save_file(tensors, file, metadata={"numbers": json.dumps(dict(checkpoint.numbers))})


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RequestError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            numbers = json.loads((file.metadata() or {}).get("numbers", "{}"))
    except FileNotFoundError:
        raise RequestError(f"{path} is missing: the run has no checkpoint yet") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read as a checkpoint: {error}") from None
    return Checkpoint(tensors, numbers)


def optimiser_to_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten an optimiser's state into tensors named ``<parameter>.<entry>``."""
    state = optimiser.state_dict()["state"]
    return {
        f"{index}.{key}": value if isinstance(value, Tensor) else torch.tensor(value)
        for index, entries in state.items()
        for key, value in entries.items()
    }


def optimiser_from_tensors(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Load what :func:`optimiser_to_tensors` returned.

    Entries with the shape of their parameter get its memory layout too: fused optimisers walk both in
    the order of memory.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(index), {})[key] = value.detach()
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
