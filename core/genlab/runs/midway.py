"""Evaluations while a model trains, and the checkpoint that does best in them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from genlab.config import RunConfig
from genlab.errors import RequestError
from genlab.evaluation import measure
from genlab.files import draft, write_bytes
from genlab.generation import DensityModel
from genlab.protocols import Examples, Metric
from genlab.runs.folder import RunFolder
from genlab.runs.output import npz_bytes

if TYPE_CHECKING:
    from genlab.runs.run import Run

__all__ = ["Midway"]

_KEPT = {"image": 64, "vector": 2000}  # samples of an evaluation that are kept


class Midway:
    """Watches a training: draws samples now and then, measures them, and keeps the best weights.

    Args:
        config: The whole configuration.
        metrics: What is measured, by name.
        folder: Where it is written.

    Raises:
        RequestError: The number that should choose the best checkpoint is of no metric of the run.
    """

    def __init__(self, config: RunConfig, metrics: Mapping[str, Metric], folder: RunFolder) -> None:
        self.config, self.metrics, self.folder = config.evaluation, metrics, folder
        self.seed = config.seed
        times, wanted = self.config.times, self.config.best
        self.milestones = tuple((i + 1) / times for i in range(times))
        self._best = math.inf
        if wanted is not None and wanted.split("/")[0] not in metrics:
            raise RequestError(
                f"evaluation.best = {wanted!r} is no number of this run, whose metrics are: "
                f"{', '.join(metrics) or 'none'}"
            )
        if wanted is not None and not times:
            raise RequestError(
                f"evaluation.best = {wanted!r} needs evaluations: --set evaluation.times=8"
            )

    def take_up(self) -> None:
        """Learn from the folder what the best number so far is."""
        if self.config.best is not None:
            found = (line["values"] for line in self.folder.evaluations())
            self._best = min((self._rank(values) for values in found), default=math.inf)

    def evaluate(
        self, run: Run, train: Examples, test: Examples, step: int, elapsed: float
    ) -> None:
        """Evaluate the weights that the folder holds.

        Args:
            run: The run, opened from its last checkpoint.
            train: The training split.
            test: The test split.
            step: Steps done so far.
            elapsed: Seconds of training so far.

        Raises:
            RequestError: No metric gives the number that should choose the best checkpoint.
        """
        steps = None if isinstance(run.model, DensityModel) else self.config.steps
        x = run.sample(self.config.count, steps=steps, seed=self.seed)
        y = run.labels(self.config.count, seed=self.seed)
        most = _KEPT[run.spec.kind]
        kept = npz_bytes(x[:most], None if y is None else y[:most])
        write_bytes(self.folder.evaluated_samples_file(step), kept)
        records = [
            record
            for name, metric in self.metrics.items()
            for record in measure(
                name,
                metric,
                x,
                train,
                test,
                run.spec,
                seed=self.seed,
                ema=True,
                dataset=run.dataset,
            )
        ]
        values = {record["name"]: record["value"] for record in records}
        self.folder.add_evaluation(
            {"step": step, "elapsed_s": elapsed, "n": self.config.count, "values": values,
             "floors": {record["name"]: record["floor"] for record in records}}
        )  # fmt: skip
        self._keep_best(values)

    def _keep_best(self, values: Mapping[str, float]) -> None:
        if self.config.best is None:
            return
        if self.config.best not in values:
            raise RequestError(
                f"evaluation.best = {self.config.best!r} is not among the numbers of this run: "
                f"{', '.join(values)}"
            )
        rank = self._rank(values)
        if rank < self._best:
            self._best = rank
            with draft(self.folder.best_file) as file:
                shutil.copyfile(self.folder.checkpoint_file, file)

    def _rank(self, values: Mapping[str, float]) -> float:
        """Return a number that is the smaller the better the values are."""
        best = self.config.best or ""
        metric, _, key = best.partition("/")
        value = values.get(best, math.nan)
        if math.isnan(value):
            return math.inf
        return -value if (key or metric) in self.metrics[metric].tags.higher else value
