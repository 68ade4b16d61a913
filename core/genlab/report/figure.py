"""Figures: pictures of a run."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from torch import Tensor

from genlab.components.component import Component
from genlab.components.dataset import Data, DataSpec
from genlab.components.metric import Metric
from genlab.diffusion.model import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Figure", "Results"]


class Results(Protocol):
    """What a figure is drawn from, as a :class:`genlab.Run` has it."""

    @property
    def spec(self) -> DataSpec:
        """What the data is."""
        ...

    @property
    def model(self) -> Model:
        """The model, with its averaged weights."""
        ...

    @property
    def data(self) -> Data:
        """The data that the model learned from; loaded when it is first asked for."""
        ...

    @property
    def seed(self) -> int:
        """The seed of the run."""
        ...

    @property
    def built_metrics(self) -> Mapping[str, Metric]:
        """The metrics of the run by name."""
        ...

    @property
    def history(self) -> Sequence[Mapping[str, float]]:
        """One record per logged step."""
        ...

    @property
    def evaluations(self) -> Sequence[Mapping[str, Any]]:
        """One record per evaluation during training: step, elapsed_s, n, values and baselines by name."""
        ...

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """One record per final number."""
        ...

    def samples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Return the first ``n`` of the run's samples, and their labels where it knows classes."""
        ...

    def evaluated_samples(self) -> Sequence[tuple[int, Tensor]]:
        """Return samples of each evaluation during training, each with its step."""
        ...


class Figure(Component):
    """A picture of a run (abstract).

    What can be chosen, such as times or the number of rows, are the keyword arguments of the constructor.
    """

    role: ClassVar[str] = "figure"

    @abc.abstractmethod
    def fits(self, run: Results) -> str | None:
        """Say why the figure cannot be drawn of a run, such as "there are no classes", or None where it can.

        Args:
            run: The run. What the figure needs of the data is asked here, before anything is drawn.
        """

    @abc.abstractmethod
    def draw(self, run: Results) -> Drawing:
        """Draw the figure, without touching the state of pyplot.

        Args:
            run: A run that the figure fits.
        """
