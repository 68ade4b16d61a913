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
from typing import ClassVar, Literal

import torch
from torch import Tensor

from genlab.components.component import Component
from genlab.components.dataset import KINDS, Kind
from genlab.components.html import made_up_image, made_up_points, picture, strip_png, tags_line

__all__ = [
    "AdditiveDegradation",
    "Advice",
    "Degradation",
    "DegradationTags",
    "DiagonalDegradation",
    "GaussianDegradation",
    "InvertibleDegradation",
    "LinearDegradation",
    "Prediction",
    "Times",
    "cast_like",
    "explain",
    "right_expand",
    "time_at",
    "to_float64",
]

Prediction = Literal["x0", "eps", "v", "edm"]
"""What a network predicts."""

Times = Literal["uniform", "logit-normal", "log-normal"]
"""How times are drawn in training."""

_HALVINGS = 53  # as many as a float64 has digits
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of an example in a notebook


@dataclass(frozen=True)
class DegradationTags:
    """What no class can say.

    Args:
        stochastic: ``draw`` returns randomness rather than None.
        discrete: Time counts in steps: x_t jumps, and stands still in between.
        data: The kinds of data that can be degraded.
    """

    stochastic: bool = False
    discrete: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image"}))


@dataclass(frozen=True)
class Advice:
    """What goes well with a degradation, where a request does not say.

    Args:
        prior: Name of a density that is a good prior of the degraded state.
        sampler: Name of a sampler that is a good partner.
        prediction: What a network should predict: ``"x0"``, ``"eps"``, ``"v"`` or ``"edm"``.
        loss: ``"l2"``, whose minimum is the mean of what the data can have been, or ``"l1"``, whose minimum
            is the median.
        times: How times are drawn, one of those of :class:`genlab.Denoising`.
        terminal: Share of a batch that is drawn near t = 1.
        jitter: Deviation of noise that hides from the network what a prior cannot know.
        times_of_images: How times are drawn for images. None: as for all other data.
    """

    prior: str = "gmm"
    sampler: str = "cold"
    prediction: Prediction = "x0"
    loss: Literal["l1", "l2"] = "l2"
    times: Times = "uniform"
    terminal: float = 0.0
    jitter: float = 0.0
    times_of_images: Times | None = None

    def times_for(self, kind: Kind | None) -> Times:
        """Return how times are drawn for data of a kind; None: for data of which nothing is known."""
        return self.times_of_images or self.times if kind == "image" else self.times


class Degradation(Component):
    """A way of destroying data (abstract).

    The parameters of a degradation are the keyword arguments of its constructor. What more can be done with
    it is told by the class: :class:`LinearDegradation`, :class:`InvertibleDegradation`,
    :class:`AdditiveDegradation`, :class:`DiagonalDegradation`, :class:`GaussianDegradation`.

    Example:
        >>> import torch
        >>> from genlab import Degradation, right_expand
        >>> class Fade(Degradation):
        ...     "What is seen fades to grey."
        ...
        ...     def draw(self, x_0, *, generator):
        ...         return None
        ...
        ...     def degrade(self, x_0, t, z):
        ...         return (1 - right_expand(t, x_0)) * x_0
        ...
        ...     def summarize(self, x_1):
        ...         return x_1.new_zeros(len(x_1), 0)
        ...
        ...     def expand(self, c, shape, *, generator):
        ...         return c.new_zeros(len(c), *shape)
        >>> x_0, t = torch.ones(2, 1, 4, 4), torch.tensor([0.0, 0.25])
        >>> Fade().degrade(x_0, t, None)[:, 0, 0, 0].tolist()
        [1.0, 0.75]
    """

    role: ClassVar[str] = "degradation"
    tags: DegradationTags = DegradationTags()

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

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return which image the few numbers are, row by row, so that a prior can see neighbours.

        Args:
            shape: Shape of one example.

        Returns:
            Its shape ``(C, rows, columns)``, or ``()`` where they are none, as here.
        """
        return ()

    def advice(self) -> Advice:
        """Return what goes well with the degradation.

        A deterministic one leaves a state that a prior has to draw: it is learned with the l1 loss, a
        quarter of each batch near t = 1, and under noise of deviation .04. One that draws something, such as
        a mask, is learned with the l2 loss: the median, which l1 learns, is black where much may have been.
        """
        if self.tags.stochastic:
            return Advice(terminal=0.25)
        return Advice(loss="l1", terminal=0.25, jitter=0.04)

    def _html_parts(self) -> tuple[str, ...]:
        times = ", ".join(f"{t:g}" for t in _TIMES)
        try:
            drawn = picture(strip_png(self._states()), f"an example at t = {times}")
        except (
            Exception
        ):  # it may be a sketch, or made for data of one size: then there is no picture
            drawn = ""
        return tags_line(self.tags), drawn

    @torch.no_grad()
    def _states(self) -> list[Tensor]:
        """Return a made-up example at five times: images ``(1, 32, 32)``, or points ``(N, 2)``."""
        generator = torch.Generator().manual_seed(0)
        image = "image" in self.tags.data
        x_0 = made_up_image()[None] if image else made_up_points(generator)
        z = self.draw(x_0, generator=generator)
        states = [self.degrade(x_0.clone(), torch.full((len(x_0),), t), z) for t in _TIMES]
        return [x_t[0] if image else x_t for x_t in states]


class LinearDegradation(Degradation):
    r"""A degradation that is linear in the data for a given draw (abstract).

    .. math:: D(x, t; z) = A_t(z) \, x + D(0, t; z)

    One Gaussian model restores what any linear degradation did
    (:func:`genlab.diffusion.posterior.consistent`).

    Example:
        >>> import torch, genlab
        >>> blur = genlab.build("degradation", "blur")
        >>> isinstance(blur, LinearDegradation)
        True
        >>> x, y, t = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8), torch.tensor([0.5])
        >>> bool(((blur.A(x, t, None) * y).sum() - (x * blur.A_adjoint(y, t, None)).sum()).abs() < 1e-4)
        True
    """

    @abc.abstractmethod
    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the linear part of the map.

        Args:
            x: Data ``(B, *shape)``.
            t: Times ``(B,)``.
            z: What :meth:`draw` returned.
        """

    @abc.abstractmethod
    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`: the inner products <A x, y> and <x, A_adjoint y> are equal."""


class InvertibleDegradation(Degradation):
    """A degradation that can be undone where its draw is known and t < 1 (abstract)."""

    @abc.abstractmethod
    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0, as far as the precision of ``x_t`` carries it.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            t: Times ``(B,)``, smaller than 1.
            z: What :meth:`draw` returned.
        """


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

    def advice(self) -> Advice:
        """Return what goes well with mixing something in: the l2 loss, and times drawn evenly."""
        return Advice()


class DiagonalDegradation(AdditiveDegradation, LinearDegradation, InvertibleDegradation):
    r"""Gaussian noise, and data that fades at a rate of its own in every coordinate (abstract).

    With an orthonormal basis :math:`V`,

    .. math:: x_t = V^T (\alpha_t \odot V x_0) + \sigma_t z, \qquad z \sim \mathcal{N}(0, I)

    Blurring with noise is of this form, with the cosines as basis. In each coordinate it is Gaussian noise
    with a schedule, so that a network can predict eps or v.

    Source: Hoogeboom & Salimans 2022 (arXiv:2209.05557), section 3.
    """

    tags = DegradationTags(stochastic=True)

    def advice(self) -> Advice:
        """Return what goes well with noise in another basis."""
        return Advice(prediction="v")

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

    Example:
        >>> import math, torch
        >>> class Cosine(GaussianDegradation):
        ...     "The cosine schedule."
        ...
        ...     def alpha(self, t):
        ...         return (t * math.pi / 2).cos()
        ...
        ...     def sigma(self, t):
        ...         return (t * math.pi / 2).sin()
        >>> half = torch.tensor([0.5])
        >>> round(float(Cosine().log_snr(half)), 3)
        0.0
    """

    tags = DegradationTags(stochastic=True, data=frozenset(KINDS))

    def advice(self) -> Advice:
        """Return what goes well with Gaussian noise: predicting v, and DDIM; of images, times in the middle.

        Points lie on finer structure than images do, which is learned at the early times.
        """
        return Advice(sampler="ddim", prediction="v", times_of_images="logit-normal")

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
        alpha, sigma = self.amplitudes(t, x_0)
        return alpha * x_0 + sigma * z

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        r"""Return the noise that explains ``x_t`` by ``x_0``.

        .. math:: \hat z = (x_t - \alpha_t \hat x_0) / \sigma_t
        """
        alpha, sigma = self.amplitudes(t, x_t)
        return torch.where(sigma > 0, (x_t - alpha * x_0) / sigma.clamp_min(1e-20), 0.0)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return ``alpha(t) x``."""
        return right_expand(self.alpha(t), x) * x

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A` itself."""
        return self.A(y, t, z)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0 from x_t and its noise."""
        if z is None:
            raise ValueError("inverting Gaussian noise needs the noise z that draw() returns")
        alpha, sigma = self.amplitudes(t, x_t)
        return (x_t - sigma * z) / alpha

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

    Example:
        >>> import torch, genlab
        >>> noise = genlab.build("degradation", "gaussian")
        >>> x_0, z, t = torch.zeros(1, 2), torch.tensor([[1.0, -2.0]]), torch.tensor([0.5])
        >>> explain(noise, noise.degrade(x_0, t, z), x_0, t, None).round(decimals=4).tolist()
        [[1.0, -2.0]]
    """
    return degradation.noise(x_t, x_0, t) if isinstance(degradation, AdditiveDegradation) else z


def time_at(degradation: GaussianDegradation, log_snr: Tensor) -> Tensor:
    """Return when the log signal-to-noise ratio has a value, by bisection.

    Args:
        degradation: Its ratio falls strictly with t.
        log_snr: Values, any shape. Those that are never reached give the nearest end, 0 or 1.

    Returns:
        Times, as :func:`to_float64` returns them, with the shape of ``log_snr``.

    Example:
        >>> import torch, genlab
        >>> noise = genlab.build("degradation", "gaussian")
        >>> t = time_at(noise, torch.tensor([4.0, 1.0, -4.0]))
        >>> [round(float(each), 4) for each in noise.log_snr(t)]
        [4.0, 1.0, -4.0]
    """
    log_snr = to_float64(log_snr)
    early, late = torch.zeros_like(log_snr), torch.ones_like(log_snr)
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        too_early = degradation.log_snr(middle) > log_snr
        early, late = torch.where(too_early, middle, early), torch.where(too_early, late, middle)
    return (early + late) / 2


def right_expand(a: Tensor, like: Tensor) -> Tensor:
    """Give ``a`` of shape ``(B,)`` trailing dimensions that broadcast over ``like``, where that lies.

    Example:
        >>> import torch
        >>> right_expand(torch.tensor([0.0, 1.0]), torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 1, 1, 1])
    """
    return cast_like(a, like).reshape(-1, *[1] * (like.ndim - 1))


def cast_like(a: Tensor, like: Tensor) -> Tensor:
    """Return ``a`` in the dtype of ``like``, and where that lies.

    It is cast before it is moved, since not every device has float64: see :func:`to_float64`.
    """
    return a.to(like.dtype).to(like.device)


def to_float64(a: Tensor) -> Tensor:
    """Return ``a`` in float64: on a CUDA device where it lies, and of all others on the CPU.

    Not every device has float64: Apple's MPS has none. What is computed from the result goes back by
    :func:`cast_like`, and on a CUDA device, which nothing leaves, nothing waits.

    Example:
        >>> import torch
        >>> to_float64(torch.tensor([0.5])).dtype
        torch.float64
    """
    return (a if a.is_cuda else a.cpu()).double()
