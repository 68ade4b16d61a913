"""What a run needs before its first step, in every process that takes part in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from genlab.components.data import loaded
from genlab.components.dataset import Data, Examples
from genlab.config import (
    AllParts,
    Objects,
    Resolution,
    Resolved,
    assemble,
    made,
    pick_device,
    require_metrics_fit,
)
from genlab.processes import Group
from genlab.runs.watch import require_best
from genlab.training import Training

__all__ = ["Prepared", "prepared"]


@dataclass(frozen=True)
class Prepared:
    """The components and the data of a run.

    Args:
        config: The configuration.
        objects: What was handed in as an object.
        device: Where to compute.
        parts: The components.
        data: The data.
        group: The processes of the run; None: there is one.
    """

    config: Resolved
    objects: Objects
    device: torch.device
    parts: AllParts
    data: Data
    group: Group | None

    def training(self) -> Training | None:
        """Return the training, or None where all is fitted at once."""
        learned, parts = self.config.learned, self.parts
        if learned is None or parts.objective is None:
            return None
        labels = self.data.train.y if self.config.run.conditional else None
        return Training(
            parts.objective, Examples(self.data.train.x, labels), learned.settings,
            optimiser=made("optimiser", learned.optimiser, self.objects), seed=self.config.seed,
            device=parts.model.device, group=self.group,
        )  # fmt: skip


def prepared(resolution: Resolution, group: Group | None) -> Prepared:
    """Build everything, check that it fits together, and load the data.

    Args:
        resolution: The resolved request.
        group: The processes of the run; None: there is one.

    Raises:
        RequestError: Components do not fit each other or the data, or there is no such device.
    """
    config, objects = resolution.config, resolution.objects
    device = pick_device(config.device)
    if group is not None:
        device = group.device(device)
    parts = assemble(config, resolution.dataset.spec, objects, device=device)
    require_metrics_fit(parts, resolution.dataset)
    require_best(config, parts.metrics)
    data = loaded(resolution.dataset, Path(config.data) if config.data else None)
    return Prepared(config, objects, device, parts, data, group)
