"""What metrics have in common that look through the eyes of the data's judge."""

from __future__ import annotations

from genlab import DataSpec, Examples, Metric
from genlab_plugins.metrics.judge import Judge
from genlab_plugins.metrics.judge_finding import find_judge

__all__ = ["SeenByJudge"]


class SeenByJudge(Metric):
    """A metric on what a judge says of images (abstract).

    Args:
        judge: A file that ``genlab judge`` wrote; None: the judge of the data.
    """

    def __init__(self, *, judge: str | None = None) -> None:
        self.judge = judge

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Judge:
        """Return the judge."""
        return find_judge(train, spec, file=self.judge)
