"""The latent space of a flow of the plane beside its data space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab import DensityModel
from genlab_plugins.play.plane import REACH, grid, shaded

__all__ = ["Sides", "net", "reach_of", "regions_uri", "sides", "to_data", "to_latent"]

_SIDE = 120  # pixels of a side of a picture
_LINES = 13  # of a net, in each direction
_ALONG = 60  # points of a line


@dataclass(frozen=True)
class Sides:
    """Points in data space and in latent space.

    Args:
        x: Points ``(N, 2)``.
        z: The same in latent space.
    """

    x: Tensor
    z: Tensor


@torch.no_grad()
def to_latent(model: DensityModel, x: Tensor) -> Tensor:
    """Map points ``(N, 2)`` to latent space, on the CPU."""
    return model.flow.encode(x.to(model.device))[0].cpu()


@torch.no_grad()
def to_data(model: DensityModel, z: Tensor) -> Tensor:
    """Map latents ``(N, 2)`` to data space, on the CPU."""
    return model.flow.decode(z.to(model.device))[0].cpu()


def sides(model: DensityModel, x: Tensor) -> Sides:
    """Return points in both spaces."""
    return Sides(x, to_latent(model, x))


def reach_of(z: Tensor) -> float:
    """Return half of the side of a square that shows nearly all latents ``(N, 2)``."""
    return max(REACH, 1.1 * float(z.abs().flatten().quantile(0.995)))


def net(model: DensityModel, reach: float = REACH) -> tuple[Tensor, Tensor]:
    """Return a net of straight lines in latent space, and what becomes of it in data space.

    Args:
        model: A flow of the plane.
        reach: Half of the side of the square of latents that is shown.

    Returns:
        Lines ``(L, N, 2)`` in latent space and in data space.
    """
    across, along = (torch.linspace(-0.9, 0.9, n) * reach for n in (_LINES, _ALONG))
    upright = torch.stack([across[:, None].expand(-1, _ALONG), along.expand(_LINES, -1)], 2)
    lines = torch.cat([upright, upright.flip(2)])
    return lines, to_data(model, lines.flatten(0, 1)).view_as(lines)


def regions_uri(model: DensityModel) -> str | None:
    """Return the decision regions as a picture: the colour of the likeliest class, pale where that is unsure.

    None where the density knows no classes.
    """
    if not model.conditional:
        return None
    posterior = model.classify(grid(_SIDE)).exp().view(_SIDE, _SIDE, -1)
    best, kinds = posterior.max(2)
    least = 1 / posterior.shape[2]
    return shaded(kinds, 0.1 + 0.4 * (best - least) / (1 - least))
