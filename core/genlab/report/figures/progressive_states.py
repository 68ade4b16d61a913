"""Progressive generation: the states on the way back."""

from __future__ import annotations

from matplotlib.figure import Figure as Drawing

from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import Columns, Rows, no_diffusion, unknown_labels
from genlab.report.figures.progressive import Labels, progressive, walked

__all__ = ["ProgressiveStates"]


class ProgressiveStates(Figure):
    """The states x_t along trajectories, from t = 1 to t = 0.

    Args:
        columns: How many times are shown, evenly spread, the first and the last among them.
        rows: How many samples are shown; vectors are a cloud.
        labels: Classes of the samples by number or name, in turns. None: drawn at random, where the model
            knows classes.
    """

    def __init__(self, *, columns: Columns = 11, rows: Rows = 8, labels: Labels = None) -> None:
        self.columns, self.rows, self.labels = columns, rows, labels

    def fits(self, run: Results) -> str | None:
        """Ask for a degradation, and for the classes."""
        return no_diffusion(run) or unknown_labels(run, self.labels)

    def draw(self, run: Results) -> Drawing:
        """Walk samples back."""
        steps = walked(run, self.rows, self.labels)
        return progressive(steps, run.spec, show="x_t", columns=self.columns, rows=self.rows)
