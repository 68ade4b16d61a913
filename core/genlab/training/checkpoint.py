"""Checkpoints: everything that a training needs to go on, in one safetensors file without pickle.

Beside the tensors lies a table with the checksum of each (SHA-256 of its name, type, shape and bytes) and the
checksum of the table itself, so that a byte that has changed on the disk is noticed and named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genlab.errors import FileError, RequestError, brief, worded_os_error
from genlab.files import checksum, draft
from genlab.guards import require_fits

__all__ = ["Checkpoint", "optimiser_from_tensors", "optimiser_to_tensors", "read_checkpoint",
           "require_numbers", "write_checkpoint"]  # fmt: skip

_COPIES = 5  # in a checkpoint: weights, their average, two moments, and all that is small
_TABLE = "checkpoint"  # in the header of the file: {"numbers": ..., "tensors": {name: checksum}}


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
    """Write a checkpoint, whole or not at all.

    Raises:
        FileError: The disk is full or can only be read, and the like.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in checkpoint.tensors.items()}
    sums = {name: _checksum(name, value) for name, value in sorted(tensors.items())}
    table = json.dumps({"numbers": dict(checkpoint.numbers), "tensors": sums})
    with draft(path) as file:
        try:
            save_file(tensors, file, metadata={_TABLE: checksum(table.encode()) + table})
        except SafetensorError as error:
            raise FileError(_worded(error, path)) from None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RequestError: The file is missing, damaged (the tensor that has changed is named), or larger than it
            may be.
    """
    try:
        require_fits(f"each copy of the weights in {path}", path.stat().st_size / _COPIES)
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
    except FileNotFoundError:
        raise RequestError(f"{path} is missing: the run has no checkpoint yet") from None
    except RequestError:
        raise
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise RequestError(f"{path} cannot be read as a checkpoint: {brief(error, 120)}") from None
    if _TABLE not in header:
        return Checkpoint(tensors, _numbers_of_others(path, header))
    written = header[_TABLE]
    size = len(checksum())
    if checksum(written[size:].encode()) != written[:size]:
        raise RequestError(f"{path} is damaged: its header is not what was written")
    table = json.loads(written[size:])
    changed = sorted(
        key for key in tensors.keys() | table["tensors"].keys()
        if key not in tensors or _checksum(key, tensors[key]) != table["tensors"].get(key)
    )  # fmt: skip
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise RequestError(f"{path} is damaged: {changed[0]}{more} is not what was written")
    return Checkpoint(tensors, table["numbers"])


def require_numbers(tensors: Mapping[str, Tensor], where: object) -> None:
    """Check that weights are numbers.

    Args:
        tensors: Tensors by name.
        where: What they are of, for the message.

    Raises:
        RequestError: One of them holds NaN.
    """
    for name, value in tensors.items():
        if value.is_floating_point() and bool(value.isnan().any()):
            raise RequestError(f"{where}: {name} holds values that are not a number")


def _checksum(name: str, value: Tensor) -> str:
    """Return the checksum of a tensor with its name, type and shape."""
    head = f"{name} {value.dtype} {tuple(value.shape)} ".encode()
    if not value.numel():
        return checksum(head)
    return checksum(head, value.contiguous().reshape(-1).view(torch.uint8).numpy().data)


def _numbers_of_others(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    """Return the numbers of a file without checksums: one that something else has written has none."""
    if header.keys() - {"numbers", "format"}:
        raise RequestError(f"{path} is damaged: its header is not what was written")
    try:
        found = json.loads(header.get("numbers", "{}"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RequestError(f"{path} cannot be read as a checkpoint: it has no table of numbers")
    return found


def _worded(error: SafetensorError, path: Path) -> str:
    """Say in words what the system refused to the library that writes tensors."""
    code = re.search(r"(?:code: |os error )(\d+)", str(error))
    if code is None:
        return f"{path} cannot be written: {error}"
    return worded_os_error(OSError(int(code[1]), ""), path)


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
