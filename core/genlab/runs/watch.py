"""Evaluations while a model trains, and the checkpoint that does best in them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from genlab.components.dataset import Data
from genlab.components.metric import Metric
from genlab.config import Resolved
from genlab.diffusion import DiffusionModel, Model
from genlab.errors import RequestError
from genlab.evaluation import evaluate
from genlab.files import draft, write_bytes
from genlab.processes import Group
from genlab.report.arrays import npz_bytes
from genlab.runs.calls import drawn
from genlab.runs.folder import RunFolder
from genlab.training import Budget

__all__ = ["Watch", "require_best"]

_KEPT = 64  # samples of an evaluation that are kept
_KEPT_POINTS = 2000  # of vectors


def require_best(config: Resolved, metrics: Iterable[str]) -> None:
    """Check that the number that should choose the best checkpoint is measured.

    Args:
        config: The whole configuration.
        metrics: The metrics of the run by name.

    Raises:
        RequestError: It is of no metric of the run, or there are no evaluations.
    """
    wanted, metrics = config.evaluation.best, list(metrics)
    if wanted and wanted.split("/")[0] not in metrics:
        raise RequestError(
            f"evaluation.best = {wanted!r} is no number of this run, whose metrics are: "
            f"{', '.join(metrics) or 'none'}"
        )
    if wanted and not config.evaluation.times:
        raise RequestError(
            f"evaluation.best = {wanted!r} needs evaluations: --set evaluation.times=8"
        )


class Watch:
    """Watches a training: draws samples now and then, measures them, and keeps the best weights.

    Args:
        config: The whole configuration.
        metrics: What is measured, by name.
        folder: Where it is written.
        group: The processes of the run; None: there is one.
    """

    def __init__(
        self,
        config: Resolved,
        metrics: Mapping[str, Metric],
        folder: RunFolder,
        group: Group | None = None,
    ) -> None:
        self.settings, self.metrics, self.folder = config.evaluation, metrics, folder
        self.group = group
        self.seed = config.seed
        times = self.settings.times
        self.milestones = tuple((i + 1) / times for i in range(times))
        self._best = math.inf

    def resume(self) -> None:
        """Learn from the folder what the best number so far is."""
        if self.settings.best:
            found = (line["values"] for line in self.folder.evaluations())
            self._best = min((self._rank(values) for values in found), default=math.inf)

    def evaluated(self, budget: Budget) -> float:
        """Return the share of a budget that was used at the last evaluation; 0 before the first."""
        lines = self.folder.evaluations()
        return budget.progress(lines[-1]["step"], lines[-1]["elapsed_s"]) if lines else 0.0

    def evaluate(
        self, model: Model, data: Data, step: int, elapsed: float, *, look: Callable[[], None]
    ) -> dict[str, Any]:
        """Evaluate the weights that the folder holds, and return what is written down.

        Args:
            model: The model with these weights.
            data: The data.
            step: Steps done so far.
            elapsed: Seconds of training so far.
            look: Is called between two pieces of the work, and may stop it.

        Raises:
            RequestError: No metric gives the number that should choose the best checkpoint.
        """
        count = self.settings.count
        steps = self.settings.steps if isinstance(model, DiffusionModel) else 0
        x = drawn(
            model, count, group=self.group, steps=steps or None, seed=self.seed,
            advance=lambda _: look(),
        )  # fmt: skip
        y = model.labels(count, seed=self.seed)
        most = _KEPT if data.spec.bounded else _KEPT_POINTS
        kept = npz_bytes(x[:most], None if y is None else y[:most])
        write_bytes(self.folder.evaluated_samples_file(step), kept)
        records = evaluate(
            x,
            data,
            self.metrics,
            seed=self.seed,
            intervals=False,
            advance=lambda _: look(),
            warn=lambda _: None,  # the measuring after the training says so
        )
        values = {record["name"]: record["value"] for record in records}
        self._keep_best(values)  # first: what is written down is not evaluated again
        baselines = {record["name"]: record["baseline"] for record in records}
        line = {"step": step, "elapsed_s": elapsed, "n": count, "values": values,
                "baselines": baselines}  # fmt: skip
        self.folder.add_evaluation(line)
        return line

    def _keep_best(self, values: Mapping[str, float]) -> None:
        best = self.settings.best
        if not best:
            return
        if best not in values:
            raise RequestError(
                f"evaluation.best = {best!r} is not among the numbers of this run: {', '.join(values)}"
            )
        rank = self._rank(values)
        if rank < self._best:
            self._best = rank
            with draft(self.folder.checkpoints.best) as file:
                shutil.copyfile(self.folder.checkpoints.last, file)

    def _rank(self, values: Mapping[str, float]) -> float:
        """Return a number of which less is better."""
        metric, _, key = self.settings.best.partition("/")
        value = values.get(self.settings.best, math.nan)
        if math.isnan(value):
            return math.inf
        return -value if (key or metric) in self.metrics[metric].tags.higher else value
