r"""Samplers: how to walk back from :math:`t = 1` to :math:`t = 0`.

A sampler consumes the estimate :math:`\hat x_0` of a restorer and nothing else, so that one sampler
serves every degradation of the class it requires. State goes in and comes out of ``step``.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from genlab.components.component import Component
from genlab.components.degradation import Degradation

__all__ = ["Restores", "Sampler"]


class Restores(Protocol):
    """What a sampler needs: a degradation, and an estimate of the clean data."""

    @property
    def degradation(self) -> Degradation:
        """The degradation that is walked back."""
        ...

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the x_0 estimate ``(B, *shape)`` for ``x_t`` at times ``t`` of shape ``(B,)``."""
        ...


class Sampler(Component):
    """A way of walking back (abstract).

    The parameters of a sampler are the keyword arguments of its constructor.
    """

    role: ClassVar[str] = "sampler"
    requires: ClassVar[type[Degradation]] = Degradation  # type: ignore[type-abstract]
    """What it walks back: degradations of this class."""
    usual_steps: ClassVar[int] = 50
    """A number of steps that is a good default."""

    @abc.abstractmethod
    def grid(self, steps: int, degradation: Degradation) -> Tensor:
        """Return the times of a walk: ``steps + 1`` strictly decreasing values from 1 to 0.

        Args:
            steps: Number of steps.
            degradation: What is walked back; times may follow its schedule.

        Raises:
            RequestError: The times need more than the degradation offers.
        """

    @abc.abstractmethod
    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Any:
        """Return the state before the first step.

        Args:
            restorer: Gives the x_0 estimate and the degradation.
            x_t: Where the walk starts, ``(B, *shape)``.
            t: When it starts, ``(B,)``.
            z: The draw of each trajectory, where the degradation has one.
            generator: Source of the walk's randomness, on the device of ``x_t``.
        """

    @abc.abstractmethod
    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any
    ) -> tuple[Tensor, Any]:
        """Walk from t to s < t.

        Args:
            restorer: Gives the x_0 estimate and the degradation.
            x_t: Data at t, ``(B, *shape)``.
            t: Times ``(B,)``.
            s: Times ``(B,)``, smaller than ``t``.
            state: What :meth:`init` or the last step returned.

        Returns:
            x_s and the next state.
        """
