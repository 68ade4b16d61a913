"""Densities: explicit models of a distribution, exact in data space."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from genlab.components.dataset import Kind
from genlab.components.module import ModuleComponent
from genlab.components.objective import Objective
from genlab.errors import RequestError

__all__ = ["Density", "DensityTags", "FittedDensity", "Flow", "ImplicitDensity"]


@dataclass(frozen=True)
class DensityTags:
    """What no class can say.

    Args:
        conditional: A density that was built with classes models each of them.
        mixed_precision: Whether bf16 autocast speeds it up on hardware that has it.
        compiled: Whether torch.compile makes training on vectors faster.
        replayable: Whether ``forward`` launches the same kernels on a GPU for inputs of the same shapes, so
            that a recording of them, a CUDA graph, can stand for it in training.
        temperature: Whether ``sample`` takes a ``temperature``, the factor of its noise.
        data: The kinds of data that fit.
    """

    conditional: bool = False
    mixed_precision: bool = False
    compiled: bool = False
    replayable: bool = False
    temperature: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"vector"}))


class Density(ModuleComponent):
    """A distribution with a density (abstract).

    The constructor takes the :class:`~genlab.DataSpec` first and its own parameters as keywords. One that is
    neither a :class:`FittedDensity` nor a :class:`Flow` is trained by gradients. An :class:`ImplicitDensity`
    draws examples and has no log density.
    """

    role: ClassVar[str] = "density"
    tags: DensityTags

    @abc.abstractmethod
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log density in nats, in data space.

        Args:
            x: Data ``(B, *shape)``.
            y: Labels ``(B,)``: the density of each example's class. None: the marginal.

        Returns:
            Log densities ``(B,)``.
        """

    @abc.abstractmethod
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``n`` examples.

        Args:
            n: How many.
            y: Labels ``(n,)``, or None to draw from the marginal.
            generator: Source of randomness, on the device of the parameters.

        Returns:
            Data ``(n, *shape)``.
        """

    @abc.abstractmethod
    def joint_log_prob(self, x: Tensor) -> Tensor:
        r"""Return :math:`\log p(x, y = k) = \log p(x \mid y = k) + \log p(y = k)` for every class k.

        Args:
            x: Data ``(B, *shape)``.

        Returns:
            ``(B, K)`` in nats, with K = 1 where the density has no classes.
        """

    def classify(self, x: Tensor) -> Tensor:
        r"""Return log posteriors by Bayes' rule, :math:`\log p(y = k \mid x)`.

        Args:
            x: Data ``(B, *shape)``.

        Returns:
            ``(B, K)``.
        """
        return self.joint_log_prob(x).log_softmax(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return :meth:`joint_log_prob`, so that a density trains as any module does."""
        return self.joint_log_prob(x)


class FittedDensity(Density):
    """A density whose parameters follow from the data at once, without gradients (abstract)."""

    @abc.abstractmethod
    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Set the parameters from data.

        Args:
            x: Data ``(N, *shape)`` as it is scored: images are dequantised (:func:`genlab.dequantise`), as
                :func:`genlab.fit_density` does.
            y: Labels ``(N,)`` or None.
            generator: Source of randomness, on the CPU.
        """


class Flow(Density):
    """A normalizing flow (abstract): a density with an invertible map to its latent space.

    Its parameters are learned by gradients, from the state that :meth:`initialise` leaves.
    """

    @abc.abstractmethod
    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        """Set the parameters that depend on data, such as the scales of activation normalisation.

        Called once, before the first step of training and never after a checkpoint was read.

        Args:
            x: The first examples of the training data ``(N, *shape)``.
            generator: Source of randomness, on the device of the parameters.
        """

    @abc.abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map data to the latent space.

        Returns:
            z ``(B, *shape)`` and ``ladj = log |det dz/dx|`` of shape ``(B,)``.
        """

    @abc.abstractmethod
    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map the latent space to data.

        Returns:
            x ``(B, *shape)`` and ``ladj = log |det dx/dz|`` of shape ``(B,)``.
        """


class ImplicitDensity(Density):
    """A distribution that can be drawn from and has no log density (abstract).

    It serves as the prior of degraded states, and its training makes small what it says itself. There is
    nothing to compare a data set with, so that it is no model of data on its own.

    Source: Mohamed & Lakshminarayanan 2016 (arXiv:1610.03483) for the name.
    """

    @abc.abstractmethod
    def objective(self) -> Objective:
        """Return what a step of its training minimises."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Refuse: there is no log density.

        Raises:
            RequestError: Always.
        """
        raise RequestError(
            f"{type(self).__name__} draws examples and has no log density: it can be a prior"
        )

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Refuse; see :meth:`log_prob`.

        Raises:
            RequestError: Always.
        """
        return self.log_prob(x)
