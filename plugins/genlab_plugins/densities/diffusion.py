"""A small diffusion of a few numbers: a prior without a density."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from genlab import (
    DataSpec,
    Denoising,
    DensityTags,
    DiffusionModel,
    ImplicitDensity,
    Network,
    Objective,
    Prior,
    Restorer,
    build,
)

__all__ = ["Diffusion"]

_HIDDEN = 0.5  # share of the labels: draws of no class in particular are asked for most
_LEAST = 1e-6


class Diffusion(ImplicitDensity):
    r"""A Gaussian diffusion of its own, from white noise to the examples.

    Vectors are standardised, feature by feature. The cells of an image
    (:attr:`DataSpec.layout <genlab.DataSpec>`) become an image, whose values are scaled to [-1, 1]:

    .. math:: u = \frac{x - m}{s}, \qquad u_t = \alpha_t u + \sigma_t z

    and a network learns to undo the noise. With classes it learns the label beside, half of the time.
    As a prior it draws what a degradation leaves, in a space of few dimensions where noise does well.

    Source: Ho, Jain & Abbeel 2020 (arXiv:2006.11239); Saharia et al. 2022 (arXiv:2104.07636) for a diffusion
    that begins with a small image.

    Args:
        spec: The data.
        backbone: The network by its registered name. None: ``"unet"`` for the cells of an image of 4 x 4 or
            more, and ``"mlp"`` for all else.
        sampler: How to walk back, by its registered name.
        steps: Steps of a walk.
    """

    tags = DensityTags(conditional=True)

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        backbone: str | None = None,
        sampler: str = "ddpm",
        steps: PositiveInt = 50,
    ) -> None:
        super().__init__()
        as_image = min(spec.layout[1:], default=0) >= 4
        kind: Any = "image" if as_image else "vector"
        shape = spec.layout if as_image else spec.shape
        inner = DataSpec(shape, kind, spec.classes, spec.names, levels=0)
        noise = build("degradation", "gaussian")
        network = build("backbone", backbone or ("unet" if as_image else "mlp"), inner)
        if as_image:
            network.to(memory_format=torch.channels_last)
        self.restorer = Restorer(network, noise, deviation=0.5 if as_image else 1.0)
        self.model = DiffusionModel(
            inner, self.restorer, Prior(noise, inner, None), build("sampler", sampler), steps=steps,
            conditional=bool(spec.classes),
        )  # fmt: skip
        self.inner, self.shape = inner, spec.shape
        self.register_buffer("shift", torch.zeros(spec.shape))
        self.register_buffer("scale", torch.ones(spec.shape))

    def objective(self) -> Objective:
        """Return the objective of a diffusion, on scaled data."""
        return _OfScaled(self)

    def measure(self, x: Tensor) -> None:
        """Take shift and scale from data ``(N, *shape)``."""
        if self.inner.bounded:
            low, high = x.amin().expand(self.shape), x.amax().expand(self.shape)
            shift, scale = (low + high) / 2, (high - low) / 2
        else:
            shift, scale = x.mean(0), x.std(0, correction=0)
        self.shift.copy_(shift)
        self.scale.copy_(torch.where(scale > _LEAST * shift.abs().clamp_min(1), scale, 1.0))

    def scaled(self, x: Tensor) -> Tensor:
        """Return data ``(B, *shape)`` as the network sees it."""
        u = (x - self.shift.to(x)) / self.scale.to(x)
        return u.reshape(len(x), *self.inner.shape)

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        x_1, z = self.model.prior.sample(n, generator=generator)
        with torch.no_grad():
            *_, last = self.model.trajectory_from(x_1, z, generator=generator, y=y)
        u = self.model.in_range(last.x_t).reshape(n, *self.shape)
        return self.shift.to(u) + self.scale.to(u) * u


class _OfScaled(Denoising):
    """Learns to undo noise of data that a density has scaled."""

    def __init__(self, density: Diffusion) -> None:
        super().__init__(density.restorer, label_dropout=_HIDDEN)
        self.density = density

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        """Take the scale from the first examples."""
        self.density.measure(x)

    def draw(self, x: Tensor, y: Tensor | None, *, generator: torch.Generator) -> Any:
        """Draw what noise needs."""
        return super().draw(self.density.scaled(x), y, generator=generator)

    def mean_loss(
        self, network: Network, x: Tensor, y: Tensor | None, drawn: Sequence[Any]
    ) -> Tensor:
        """Return the loss of scaled examples."""
        return super().mean_loss(network, self.density.scaled(x), y, drawn)
