r"""Degradations: how data is destroyed.

A degradation is a family of maps :math:`D(x_0, t; z)`, :math:`t \in [0, 1]`, with
:math:`D(x_0, 0; z) = x_0`. All randomness of one trajectory lies in :math:`z`, which is drawn once;
given :math:`z`, the map is deterministic and closed in :math:`t`.

At :math:`t = 1` only a few numbers :math:`c` of the example are left. ``summarize`` reads them off and
``expand`` goes back, so that a density fitted on :math:`c` is the prior that generation starts from.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor

from genlab.protocols.dataset import Kind
from genlab.protocols.showing import show_degradation

__all__ = [
    "AdditiveDegradation",
    "Degradation",
    "DegradationTags",
    "DiagonalDegradation",
    "GaussianDegradation",
    "explain",
    "right_expand",
    "time_at",
]

_HALVINGS = 53  # as many as a float64 has digits


@dataclass(frozen=True)
class DegradationTags:
    """What may be relied upon.

    Args:
        gaussian: :math:`x_t = \\alpha_t x_0 + \\sigma_t z` with standard normal z; the class is a
            :class:`GaussianDegradation`.
        diagonal: Standard normal z, and an amplitude of the data for every coordinate of an orthonormal
            basis; the class is a :class:`DiagonalDegradation`. True of all that is Gaussian.
        additive: x_t and x_0 determine z; the class is an :class:`AdditiveDegradation`.
        stochastic: ``draw`` returns randomness rather than None.
        linear: The map is linear in x_0 for a given z: ``A`` and ``A_adjoint`` exist.
        semigroup: Degrading to s and from there on gives the same family: D(., t) is a function of
            D(., s) for s < t.
        invertible: ``invert`` exists and recovers x_0 for t < 1.
        data: The kinds of data that can be degraded.
        prior: Name of the density that is a good prior of the degraded state; None: the usual one.
        sampler: Name of the sampler that is a good partner; None: the usual one.
        loss: The loss that suits, ``"l2"`` where what is left at t = 1 may have been many things, since
            the mean of them keeps what the median drops; None: the usual one.
    """

    gaussian: bool = False
    diagonal: bool = False
    additive: bool = False
    stochastic: bool = False
    linear: bool = False
    semigroup: bool = False
    invertible: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image"}))
    prior: str | None = None
    sampler: str | None = None
    loss: Literal["l1", "l2"] | None = None

    def __post_init__(self) -> None:
        """Count what is Gaussian as diagonal."""
        object.__setattr__(self, "diagonal", self.diagonal or self.gaussian)


class Degradation(abc.ABC):
    """A way of destroying data (abstract).

    The parameters of a degradation are the keyword arguments of its constructor.
    """

    tags: DegradationTags

    @abc.abstractmethod
    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor | None:
        """Draw the randomness of one trajectory per example.

        Args:
            x_0: Clean data ``(B, *shape)``.
            generator: Source of randomness, on the device of ``x_0``.

        Returns:
            z, whose first dimension is B, or None when the degradation is deterministic.
        """

    @abc.abstractmethod
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Degrade each example to its own time.

        Args:
            x_0: Clean data ``(B, *shape)``. It is not changed.
            t: Times ``(B,)`` in [0, 1].
            z: What :meth:`draw` returned.

        Returns:
            x_t with the shape and dtype of ``x_0``; exactly ``x_0`` where t is 0.
        """

    @abc.abstractmethod
    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the few numbers that the fully degraded state still carries.

        Args:
            x_1: Data at t = 1, ``(B, *shape)``.

        Returns:
            c, float ``(B, K)``; K is 0 when nothing is left.
        """

    @abc.abstractmethod
    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Build a fully degraded state from its few numbers: ``summarize(expand(c)) == c``.

        Args:
            c: Numbers ``(B, K)``.
            shape: Shape of one example.
            generator: Source of what is random at t = 1, on the device of ``c``.

        Returns:
            x_1 ``(B, *shape)``.
        """

    def _repr_html_(self) -> str:
        """Show the degradation in a notebook: its parameters, tags, and an example at five times."""
        return show_degradation(self)


class AdditiveDegradation(Degradation):
    """A degradation that mixes something in, so that x_t and x_0 determine z (abstract)."""

    @abc.abstractmethod
    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        """Return the z that explains ``x_t`` by ``x_0``: ``degrade(x_0, t, z) == x_t``.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            x_0: An estimate of the clean data.
            t: Times ``(B,)``. At t = 0, where nothing is mixed in, the result is 0.
        """


class DiagonalDegradation(AdditiveDegradation):
    r"""Gaussian noise, and data that fades at a rate of its own in every coordinate (abstract).

    With an orthonormal basis :math:`V`,

    .. math:: x_t = V^T (\alpha_t \odot V x_0) + \sigma_t z, \qquad z \sim \mathcal{N}(0, I)

    Blurring with noise is of this form, with the cosines as basis. In each coordinate it is Gaussian noise
    with a schedule, so that a network can predict eps or v.

    Source: Hoogeboom & Salimans 2022 (arXiv:2209.05557), section 3.
    """

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw standard normal noise with the shape of ``x_0``."""
        return torch.randn(x_0.shape, generator=generator, device=x_0.device, dtype=x_0.dtype)

    @abc.abstractmethod
    def to_basis(self, x: Tensor) -> Tensor:
        """Return the coordinates of data ``(B, *shape)`` in the basis, in the same shape."""

    @abc.abstractmethod
    def from_basis(self, c: Tensor) -> Tensor:
        """Return the data ``(B, *shape)`` that has these coordinates: the inverse of :meth:`to_basis`."""

    @abc.abstractmethod
    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the amplitudes of the data's coordinates and of the noise.

        Args:
            t: Times ``(B,)``.
            like: Data ``(B, *shape)``.

        Returns:
            alpha and sigma, in the dtype of ``like`` and of shapes that broadcast over it.
        """


class GaussianDegradation(DiagonalDegradation):
    r"""Gaussian noise with any schedule (abstract).

    .. math:: x_t = \alpha_t x_0 + \sigma_t z, \qquad z \sim \mathcal{N}(0, I)

    A schedule provides ``alpha`` and ``sigma``; everything else follows.
    """

    @abc.abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data, 1 at t = 0, with the shape and dtype of ``t``."""

    @abc.abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise, 0 at t = 0, with the shape and dtype of ``t``."""

    def log_snr(self, t: Tensor) -> Tensor:
        r"""Return the log signal-to-noise ratio :math:`\log(\alpha_t^2 / \sigma_t^2)`."""
        return 2 * (self.alpha(t).log() - self.sigma(t).log())

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return ``alpha(t) x_0 + sigma(t) z``."""
        if z is None:
            raise ValueError("a Gaussian degradation needs the noise z that draw() returns")
        return right_expand(self.alpha(t), x_0) * x_0 + right_expand(self.sigma(t), x_0) * z

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        r"""Return the noise that explains ``x_t`` by ``x_0``.

        .. math:: \hat z = (x_t - \alpha_t \hat x_0) / \sigma_t
        """
        alpha, sigma = right_expand(self.alpha(t), x_t), right_expand(self.sigma(t), x_t)
        return torch.where(sigma > 0, (x_t - alpha * x_0) / sigma.clamp_min(1e-20), 0.0)

    def to_basis(self, x: Tensor) -> Tensor:
        """Return ``x``: noise of this kind treats all directions alike."""
        return x

    def from_basis(self, c: Tensor) -> Tensor:
        """Return ``c``."""
        return c

    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``alpha(t)`` and ``sigma(t)``, broadcasting over ``like``."""
        return right_expand(self.alpha(t), like), right_expand(self.sigma(t), like)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return ``(B, 0)``: full noise carries nothing."""
        return x_1.new_empty(len(x_1), 0)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return ``sigma(1) z``."""
        z = torch.randn((len(c), *shape), generator=generator, device=c.device, dtype=c.dtype)
        return right_expand(self.sigma(c.new_ones(len(c))), z) * z


def explain(
    degradation: Degradation, x_t: Tensor, x_0: Tensor, t: Tensor, z: Tensor | None
) -> Tensor | None:
    """Return the z of a trajectory, given an estimate of where it began.

    Args:
        degradation: The degradation.
        x_t: Degraded data ``(B, *shape)``.
        x_0: The estimate of the clean data.
        t: Times ``(B,)``.
        z: What was drawn for the trajectory; the answer unless the degradation is additive.
    """
    if degradation.tags.additive:
        return cast(AdditiveDegradation, degradation).noise(x_t, x_0, t)
    return z


def time_at(degradation: GaussianDegradation, log_snr: Tensor) -> Tensor:
    """Return when the log signal-to-noise ratio has a value, by bisection.

    Args:
        degradation: Its ratio falls strictly with t.
        log_snr: Values, any shape. Those that are never reached give the nearest end, 0 or 1.

    Returns:
        Times, float64 with the shape of ``log_snr``.
    """
    log_snr = log_snr.double()
    early, late = torch.zeros_like(log_snr), torch.ones_like(log_snr)
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        too_early = degradation.log_snr(middle) > log_snr
        early, late = torch.where(too_early, middle, early), torch.where(too_early, late, middle)
    return (early + late) / 2


def right_expand(a: Tensor, like: Tensor) -> Tensor:
    """Give ``a`` of shape ``(B,)`` trailing dimensions so that it broadcasts over ``like``."""
    return a.reshape(-1, *[1] * (like.ndim - 1)).to(like.dtype)
