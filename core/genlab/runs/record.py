"""What is written down about where a run was made."""

from __future__ import annotations

import platform
from importlib import metadata

import numpy as np
import torch

from genlab.config import Resolved, version_of

__all__ = ["device_name", "packages", "versions"]


def packages(config: Resolved) -> dict[str, str]:
    """Return the package and version that each component comes from, by the place that it takes."""
    found = {slot: version_of(slot, chosen) for slot, chosen in config.components()}
    return {slot: package for slot, package in found.items() if package}


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {
        "genlab": metadata.version("genlab"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def device_name(device: torch.device) -> str:
    """Return what a device is, for the record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} {device.type}, {threads} thread{'s' if threads > 1 else ''}"
