"""Objectives: what a step of training minimises."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from genlab.restorer import Restorer

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

    Args:
        restorer: Knows the degradation and the target.
        loss: ``"l2"`` or ``"l1"``.
        terminal: Share of the batch with t in [0.9, 1].
    """

    def __init__(
        self, restorer: Restorer, loss: Literal["l1", "l2"], terminal: float = 0.0
    ) -> None:
        self.restorer = restorer
        self.loss = torch.nn.functional.l1_loss if loss == "l1" else torch.nn.functional.mse_loss
        self.terminal = terminal

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
        target = self.restorer.target(x, x_t, t, z)
        return self.loss(network(self.restorer.scaled(x_t, t), t, y).float(), target)


class LikelihoodObjective(Objective):
    r"""Maximise the likelihood of a density, per dimension.

    .. math:: \min_\theta -\frac{1}{D} \mathbb{E}_x \log p_\theta(x)
    """

    def __call__(
        self,
        network: Callable[..., Tensor],
        x: Tensor,
        y: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the negative log-likelihood in nats per dimension, a scalar."""
        return -network(x, y).mean() / x[0].numel()
