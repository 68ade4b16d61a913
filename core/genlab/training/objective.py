"""Objectives: what a step of training minimises."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from genlab.protocols import DataSpec
from genlab.protocols.dataset import dequantise
from genlab.restorer import Restorer, jittered

__all__ = ["DiffusionObjective", "LikelihoodObjective", "Objective"]


class Objective(abc.ABC):
    """What a step of training minimises (abstract)."""

    @abc.abstractmethod
    def __call__(
        self,
        network: Callable[..., Tensor],
        x: Tensor,
        y: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the loss of a batch, a scalar.

        Args:
            network: The module in training, possibly wrapped for several devices.
            x: Clean data ``(B, *shape)``.
            y: Labels ``(B,)`` or None.
            generator: Source of randomness, on the device of ``x``.
        """


class DiffusionObjective(Objective):
    r"""Learn to undo a degradation.

    .. math:: \min_\theta \mathbb{E}_{x_0, t, z} \bigl\| f_\theta(D(x_0, t; z), t) - \text{target}
        \bigr\|_p^p

    Times are stratified over the batch, :math:`t_i = (u + i / B) \bmod 1`, which lowers the variance
    of the loss (Kingma et al. 2021, arXiv:2107.00630). A share of the batch may be drawn near t = 1,
    where a deterministic degradation asks the most of the restorer.

    The network may see degraded data under white noise, which hides what a prior cannot know: then it learns
    to undo :math:`D(x_0, t; z) + \sigma \epsilon` (Rissanen, Heinonen & Solin 2022,
    arXiv:2206.13397; see :class:`genlab.generation.DiffusionModel`).

    Some labels are hidden, so that the network learns to do without, too (Ho & Salimans 2022,
    arXiv:2207.12598). A network that was built without classes looks at none.

    Args:
        restorer: Knows the degradation and the target.
        loss: ``"l2"`` or ``"l1"``.
        terminal: Share of the batch with t in [0.9, 1].
        label_dropout: Share of the labels that are hidden; None where the network looks at none.
        jitter: Deviation :math:`\sigma` of the noise.
    """

    def __init__(
        self,
        restorer: Restorer,
        loss: Literal["l1", "l2"],
        terminal: float = 0.0,
        label_dropout: float | None = None,
        jitter: float = 0.0,
    ) -> None:
        self.restorer = restorer
        self.loss = torch.nn.functional.l1_loss if loss == "l1" else torch.nn.functional.mse_loss
        self.terminal = terminal
        self.label_dropout = label_dropout
        self.jitter = jitter

    def times(self, n: int, *, generator: torch.Generator) -> Tensor:
        """Draw times ``(n,)``."""
        device = generator.device
        offset = torch.rand(1, generator=generator, device=device)
        t = (torch.arange(n, device=device) / n + offset) % 1
        late = round(self.terminal * n)
        if late:
            t[torch.randperm(n, generator=generator, device=device)[:late]] = 1 - 0.1 * torch.rand(
                late, generator=generator, device=device
            )
        return t

    def __call__(
        self,
        network: Callable[..., Tensor],
        x: Tensor,
        y: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the loss of a batch, a scalar."""
        t = self.times(len(x), generator=generator)
        z = self.restorer.degradation.draw(x, generator=generator)
        x_t = self.restorer.degradation.degrade(x, t, z)
        x_t = jittered(x_t, self.jitter, generator)
        target = self.restorer.target(x, x_t, t, z)
        if y is not None and self.label_dropout is not None:
            hidden = torch.rand(len(y), generator=generator, device=y.device) < self.label_dropout
            y = y.masked_fill(hidden, -1)
        return self.loss(network(self.restorer.scaled(x_t, t), t, y).float(), target)


class LikelihoodObjective(Objective):
    r"""Maximise the likelihood of a density, and tell its classes apart.

    .. math:: \min_\theta \mathbb{E}_{x, y} \Bigl[ -\frac{\lambda}{D} \log p_\theta(x)
        - \mu \log p_\theta(y \mid x) \Bigr]

    With :math:`\mu = \lambda / D` this is the joint likelihood of data and label. An example whose label
    is -1 (unknown) counts in the first term alone. Images are dequantised.

    Source: Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025).

    Args:
        spec: What the data is.
        likelihood: The weight :math:`\lambda`.
        cross_entropy: The weight :math:`\mu`; None for :math:`\lambda / D`.
    """

    def __init__(
        self, spec: DataSpec, *, likelihood: float = 1.0, cross_entropy: float | None = None
    ) -> None:
        self.spec = spec
        self.likelihood = likelihood / math.prod(spec.shape)
        self.cross_entropy = self.likelihood if cross_entropy is None else cross_entropy

    def __call__(
        self,
        network: Callable[..., Tensor],
        x: Tensor,
        y: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the loss of a batch, a scalar."""
        joint = network(dequantise(x, self.spec, generator=generator)).float()
        loss = -self.likelihood * joint.logsumexp(1).mean()
        if y is None or joint.shape[1] == 1:
            return loss
        told = torch.nn.functional.cross_entropy(joint, y, ignore_index=-1, reduction="sum")
        return loss + self.cross_entropy * told / len(y)
