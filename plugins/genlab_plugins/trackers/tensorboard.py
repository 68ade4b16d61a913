"""TensorBoard: a run as event files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from genlab import Tracker, require_extra
from genlab_plugins.trackers.service import final_numbers, flat, numbers

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["TensorBoard"]


class TensorBoard(Tracker):
    """Writes parameters, curves, figures and final numbers for ``tensorboard --logdir runs``.

    A run that goes on writes into the same folder, and what was written of steps that are done once more
    is hidden.

    Args:
        log_dir: The folder that each run has a folder in, which is called as the run's own; None: the run
            folder, in which it is called ``tensorboard``.

    Raises:
        RequestError: The package tensorboard is not installed.
    """

    def __init__(self, *, log_dir: Path | None = None) -> None:
        require_extra("tensorboard", "tensorboard", "the tracker 'tensorboard'")
        self.log_dir = log_dir
        self._writers: dict[Path, SummaryWriter] = {}
        self._config: dict[Path, Mapping[str, Any]] = {}

    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        """Write the configuration."""
        self._config[path] = config
        lines = [f"    {key} = {value}" for key, value in flat(config).items()]
        self._writer(path).add_text("configuration", "\n".join(lines), 0)

    def training_started(self, path: Path, step: int) -> None:
        """Begin anew after ``step``."""
        self._close(path)
        self._writer(path, purge_step=step + 1)

    def step_done(self, path: Path, step: int, record: Mapping[str, float]) -> None:
        """Write the numbers of a step."""
        self._add(path, numbers("training", record), step)

    def training_evaluated(self, path: Path, step: int, record: Mapping[str, Any]) -> None:
        """Write the numbers of an evaluation."""
        self._add(path, numbers("evaluation", record["values"]), step)

    def evaluated(self, path: Path, metrics: Mapping[str, Any]) -> None:
        """Write the final numbers, and the parameters beside them."""
        parameters, final = flat(self._config.get(path, {})), final_numbers(metrics)
        step = metrics["steps"]
        self._writer(path).add_hparams(parameters, final, run_name=".", global_step=step)

    def figure_drawn(self, path: Path, step: int, name: str, file: Path) -> None:
        """Write a figure."""
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer(path).add_image(f"figures/{name}", pixels, step, dataformats="HWC")

    def run_ended(self, path: Path) -> None:
        """Close the file."""
        self._close(path)

    def _add(self, path: Path, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer(path).add_scalar(name, value, step)

    def _writer(self, path: Path, purge_step: int | None = None) -> SummaryWriter:
        if path not in self._writers:
            from torch.utils.tensorboard import SummaryWriter

            folder = self.log_dir / path.name if self.log_dir else path / "tensorboard"
            self._writers[path] = SummaryWriter(str(folder), purge_step=purge_step)
        return self._writers[path]

    def _close(self, path: Path) -> None:
        if path in self._writers:
            self._writers.pop(path).close()
