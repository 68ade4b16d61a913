"""The built-in objectives: to undo a degradation, and to find data likely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from genlab.components.backbone import FittedBackbone
from genlab.components.dataset import DataSpec, dequantise
from genlab.components.degradation import GaussianDegradation, Times, cast_like, time_at, to_float64
from genlab.components.density import Density, Flow
from genlab.components.objective import MeanObjective, Network
from genlab.diffusion.restorer import Restorer
from genlab.errors import RequestError

__all__ = ["Denoising", "Likelihood"]

_CLASSES_OF_IMAGES = 0.2  # weight of the cross-entropy where dimensions are many
_LARGEST = 60.0  # of log-SNRs that weights are computed at: exp(60) is finite in float64


class Denoising(MeanObjective):
    r"""Learn to undo a degradation.

    .. math:: \min_\theta \mathbb{E}_{x_0, t, z} \, w(t) \, \bigl\| f_\theta(D(x_0, t; z), t) - \text{target}
        \bigr\|_p^p

    Two strategies can be chosen by a parameter, or changed alone by a subclass: how times are drawn
    (:meth:`draw_times`) and how they are weighted (:meth:`weights`).

    * ``times``: ``"uniform"``; ``"logit-normal"``, :math:`t = 1 / (1 + e^{-u})` with
      :math:`u \sim \mathcal{N}(0, 1)`; ``"log-normal"``: the logarithm of the noise-to-signal ratio
      :math:`r = \sigma_t / \alpha_t` is :math:`\mathcal{N}(-1.2, 1.2^2)`. All are stratified over the batch,
      :math:`u_i = (u + i / B) \bmod 1`, which lowers the variance of the loss.
    * ``weight``, of the squared error of the estimate of :math:`x_0`, with :math:`\text{SNR} = 1 / r^2`:
      ``"min-snr"``: :math:`\min(\text{SNR}, \gamma)`; ``"edm"``: :math:`(r^2 + s^2) / (r s)^2`; ``"p2"``:
      :math:`\text{SNR} / (k + \text{SNR})^\gamma` with k = 1. ``"none"``: the error of what the network
      predicts counts the same at every time.

    A share of the batch may be drawn near t = 1, where a deterministic degradation asks the most of the
    restorer. The network may see degraded data under white noise, which hides what a prior cannot know (see
    :class:`genlab.DiffusionModel`). Some labels are hidden, so that it learns to do without, too.

    Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239); Bansal et al. 2022 (arXiv:2208.09392); Kingma et al.
    2021 (arXiv:2107.00630) for stratified times; Esser et al. 2024 (arXiv:2403.03206) for logit-normal ones;
    Karras et al. 2022 (arXiv:2206.00364) for log-normal ones and their weight; Hang et al. 2023
    (arXiv:2303.09556) for min-SNR; Choi et al. 2022 (arXiv:2204.00227) for P2; Tong et al. 2023
    (arXiv:2302.00482) for the optimal coupling; Ho & Salimans 2022 (arXiv:2207.12598) for hiding labels.

    Args:
        restorer: Knows the degradation and the target.
        loss: ``"l2"`` or ``"l1"``. None: what the degradation advises.
        times: How times are drawn. None: what the degradation advises for data of this kind.
        mean: Mean of the normal distribution of logit-normal and log-normal times. None: 0 and -1.2.
        deviation: Its deviation. None: 1 and 1.2.
        weight: How times are weighted.
        gamma: The :math:`\gamma` of min-SNR and P2. None: 5 and 1.
        terminal: Share of the batch with t in [0.9, 1]. None: what the degradation advises.
        label_dropout: Share of the labels that are hidden from a network that looks at them.
        coupling: Which noise meets which example: any, or, with ``"optimal"``, that of the same batch for
            which the sum of squared distances is least, so that trajectories cross less.

    Raises:
        RequestError: The times, the weight or the coupling need a Gaussian degradation, and this one is not;
            or the backbone is fitted at once.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> network = genlab.build("backbone", "mlp", data.spec, width=16, depth=1)
        >>> restorer = genlab.Restorer(network, genlab.build("degradation", "gaussian"))
        >>> Denoising(restorer, weight="min-snr", times="logit-normal")
        Denoising(times='logit-normal', weight='min-snr')
    """

    requires: ClassVar[type[nn.Module]] = Restorer

    def __init__(
        self,
        restorer: Restorer,
        *,
        loss: Literal["l1", "l2"] | None = None,
        times: Times | None = None,
        mean: float | None = None,
        deviation: PositiveFloat | None = None,
        weight: Literal["none", "min-snr", "edm", "p2"] = "none",
        gamma: PositiveFloat | None = None,
        terminal: Annotated[float, Field(ge=0, le=1)] | None = None,
        label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        coupling: Literal["independent", "optimal"] = "independent",
    ) -> None:
        if isinstance(restorer.backbone, FittedBackbone):
            raise RequestError(
                f"the backbone {type(restorer.backbone).__name__} is fitted at once, and not trained: "
                f"genlab.fit_backbone fits it"
            )
        advice = restorer.degradation.advice()
        self.restorer = restorer
        self.loss = advice.loss if loss is None else loss
        spec = restorer.backbone.built_for
        kind = spec.kind if isinstance(spec, DataSpec) else None
        times = advice.times_for(kind) if times is None else times
        self.times, self.weight, self.coupling = times, weight, coupling
        self.mean = {"log-normal": -1.2}.get(times, 0.0) if mean is None else mean
        self.deviation = {"log-normal": 1.2}.get(times, 1.0) if deviation is None else deviation
        self.gamma = {"p2": 1.0}.get(weight, 5.0) if gamma is None else gamma
        self.terminal = advice.terminal if terminal is None else terminal
        self.label_dropout = label_dropout
        for name, value, plain in (("times", times, times != "log-normal"),
                                   ("weight", weight, weight == "none"),
                                   ("coupling", coupling, coupling == "independent")):  # fmt: skip
            if not plain and not isinstance(restorer.degradation, GaussianDegradation):
                raise RequestError(
                    f"objective.{name} = {value!r} needs Gaussian noise, and {restorer.degradation!r} is none"
                )

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.restorer.backbone

    @property
    def mixed_precision(self) -> bool:
        """Whether the backbone says that bf16 speeds it up."""
        return self.restorer.backbone.tags.mixed_precision

    @property
    def replayable(self) -> bool:
        """Whether the backbone says that it launches the same kernels each time, and the loss is this one."""
        own = (
            type(self).mean_loss is Denoising.mean_loss and type(self).weights is Denoising.weights
        )
        return own and self.restorer.backbone.tags.replayable

    def draw_times(self, n: int, *, generator: torch.Generator) -> Tensor:
        """Draw times ``(n,)`` in [0, 1].

        Args:
            n: How many.
            generator: Source of randomness, on the device where the times are needed.
        """
        device = generator.device
        offset = torch.rand(1, generator=generator, device=device)
        u = (torch.arange(n, device=device) / n + offset) % 1
        t = self._shaped(u)
        late = round(self.terminal * n)
        if late:
            t[torch.randperm(n, generator=generator, device=device)[:late]] = 1 - 0.1 * torch.rand(
                late, generator=generator, device=device
            )
        return t

    def weights(self, t: Tensor) -> Tensor | None:
        """Return how much the error of what the network predicts counts at each time.

        Args:
            t: Times ``(B,)``.

        Returns:
            Weights ``(B,)``, or None where all count the same.
        """
        degradation = self.restorer.degradation
        if self.weight == "none" or not isinstance(degradation, GaussianDegradation):
            return None
        at = to_float64(t)
        log_snr = degradation.log_snr(at).clamp(-_LARGEST, _LARGEST)
        snr = log_snr.exp()
        if self.weight == "min-snr":
            of_estimate = snr.clamp(max=self.gamma)
        elif self.weight == "edm":
            of_estimate = snr + self.restorer.deviation**-2
        else:
            of_estimate = snr / (1 + snr).pow(self.gamma)
        return cast_like(of_estimate * self.restorer.gain(at, log_snr).square(), t)

    def draw(
        self, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """Draw times, the draw of the degradation, the noise that hides it, and which labels are hidden."""
        restorer = self.restorer
        t = self.draw_times(len(x), generator=generator)
        z = restorer.degradation.draw(x, generator=generator)
        if self.coupling == "optimal" and z is not None:
            z = z[_nearest(x, z)]
        noise = hidden = None
        if restorer.jitter:
            noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        if y is not None and restorer.backbone.takes_labels:
            hidden = torch.rand(len(y), generator=generator, device=y.device) < self.label_dropout
        return t, z, noise, hidden

    def mean_loss(
        self, network: Network, x: Tensor, y: Tensor | None, drawn: Sequence[Any]
    ) -> Tensor:
        """Return the mean loss of some examples of a batch, a scalar."""
        restorer = self.restorer
        t, z, noise, hidden = drawn
        x_t = restorer.degradation.degrade(x, t, z)
        if noise is not None:
            x_t = x_t + restorer.jitter * noise
        target = restorer.target(x, x_t, t, z)
        if y is not None and hidden is not None:
            y = y.masked_fill(hidden, -1)
        output = network(restorer.seen(x_t, t), t, y).float()
        distance = functional.l1_loss if self.loss == "l1" else functional.mse_loss
        weights = self.weights(t)
        if weights is None:
            return distance(output, target)
        each = distance(output, target, reduction="none").flatten(1).mean(1)
        return (weights * each).mean()

    def _shaped(self, u: Tensor) -> Tensor:
        """Turn uniform numbers into times."""
        degradation = self.restorer.degradation
        if self.times == "uniform":
            return u
        quantile: Tensor = torch.special.ndtri(to_float64(u).clamp(1e-6, 1 - 1e-6))
        normal = self.mean + self.deviation * quantile
        if self.times == "logit-normal" or not isinstance(degradation, GaussianDegradation):
            return cast_like(normal.sigmoid(), u)
        return cast_like(time_at(degradation, -2 * normal), u)


def _nearest(x: Tensor, z: Tensor) -> Tensor:
    """Return the permutation of noise ``(B, *shape)`` with the least sum of squared distances to the data."""
    from scipy.optimize import linear_sum_assignment  # slow to import, and seldom needed

    gain = (x.flatten(1) @ z.flatten(1).mT).cpu().numpy()
    return torch.from_numpy(linear_sum_assignment(gain, maximize=True)[1]).to(z.device)


class Likelihood(MeanObjective):
    r"""Maximise the likelihood of a density, and tell its classes apart.

    .. math:: \min_\theta \mathbb{E}_{x, y} \Bigl[ -\frac{\lambda}{D} \log p_\theta(x)
        - \mu \log p_\theta(y \mid x) \Bigr]

    With :math:`\mu = \lambda / D` this is the joint likelihood of data and label. A larger weight of the
    classes costs likelihood; images, whose many dimensions leave the label next to none of the joint
    likelihood, need one all the same. An example whose label is -1 (unknown) counts in the first term alone.
    Images are dequantised. With label smoothing :math:`\epsilon`, the second term is the mean over labels
    that are y with probability :math:`1 - \epsilon` and any class otherwise: posteriors stay away from 0
    and 1.

    Sources: Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025); Szegedy et al. 2016
    (arXiv:1512.00567), section 7, for label smoothing.

    Args:
        density: What is trained.
        likelihood: The weight :math:`\lambda`.
        cross_entropy: The weight :math:`\mu`; None: :math:`\lambda / D` for vectors, at least .2 for
            other data.
        label_smoothing: The share :math:`\epsilon` of the labels that counts as drawn at random.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> flow = genlab.build("density", "realnvp", data.spec, couplings=2, width=8)
        >>> genlab.fit(Likelihood(flow), data.train, steps=2, batch=16).steps
        2
    """

    requires: ClassVar[type[nn.Module]] = Density

    def __init__(
        self,
        density: Density,
        *,
        likelihood: NonNegativeFloat = 1.0,
        cross_entropy: NonNegativeFloat | None = None,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        spec = density.built_for
        if not isinstance(spec, DataSpec):
            raise RequestError(f"{type(density).__name__} was not built with the spec of its data")
        self.density, self.spec = density, spec
        self.likelihood = likelihood / math.prod(spec.shape)
        usual = max(self.likelihood, _CLASSES_OF_IMAGES) if spec.bounded else self.likelihood
        self.cross_entropy = usual if cross_entropy is None else cross_entropy
        self.label_smoothing = label_smoothing

    @property
    def module(self) -> nn.Module:
        """The density."""
        return self.density

    @property
    def mixed_precision(self) -> bool:
        """Whether the density says that bf16 speeds it up."""
        return self.density.tags.mixed_precision

    @property
    def compiled(self) -> bool:
        """Whether the density says that the compiler makes it faster."""
        return self.density.tags.compiled

    @property
    def replayable(self) -> bool:
        """Whether the density says that it launches the same kernels each time, and the loss is this one."""
        return type(self).mean_loss is Likelihood.mean_loss and self.density.tags.replayable

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        """Set the parameters of a flow that depend on data, from dequantised examples."""
        if isinstance(self.density, Flow):
            smooth = dequantise(x, self.spec, generator=generator)
            self.density.initialise(smooth, generator=generator)

    def draw(self, x: Tensor, y: Tensor | None, *, generator: torch.Generator) -> tuple[Tensor]:
        """Dequantise the examples, ``(B, *shape)``."""
        return (dequantise(x, self.spec, generator=generator),)

    def mean_loss(
        self, network: Network, x: Tensor, y: Tensor | None, drawn: Sequence[Any]
    ) -> Tensor:
        """Return the mean loss of some examples of a batch, a scalar."""
        (smooth,) = drawn
        joint = network(smooth).float()
        loss = -self.likelihood * joint.logsumexp(1).mean()
        if y is None or joint.shape[1] == 1:
            return loss
        classes = functional.cross_entropy(
            joint, y, ignore_index=-1, reduction="sum", label_smoothing=self.label_smoothing
        )
        return loss + self.cross_entropy * classes / len(y)
