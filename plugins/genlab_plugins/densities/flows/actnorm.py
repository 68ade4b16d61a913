"""Activation normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["ActNorm", "moments"]

_SMALLEST = 1e-2  # deviation that a feature which hardly varies is taken to have


class ActNorm(Transform):
    r"""A learned affine map of each channel that starts by standardising the data.

    .. math:: z = e^{s} x + b, \qquad \log \left| \det \frac{dz}{dx} \right| = n \sum_c s_c

    with n the number of places of an image, or 1.

    Source: Kingma & Dhariwal 2018 (arXiv:1807.03039), section 3.1.

    Args:
        shape: Shape of one example, ``(D,)`` or ``(C, H, W)``.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.places = 1 if len(shape) == 1 else shape[1] * shape[2]
        size = (shape[0], *(1 for _ in shape[1:]))
        self.s = nn.Parameter(torch.zeros(size))
        self.b = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        return torch.addcmul(self.b, x, self.s.exp()), self.s.sum() * self.places

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        return (z - self.b) * (-self.s).exp(), -self.s.sum() * self.places

    @torch.no_grad()
    def initialise(self, x: Tensor) -> Tensor:
        """Standardise each channel and return z."""
        mean, log_deviation = moments(x)
        self.s.copy_(-log_deviation)
        self.b.copy_(-mean * self.s.exp())
        z: Tensor = self(x)[0]
        return z


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log deviation of each channel, shaped to broadcast against one example."""
    dims = (0, *range(2, x.ndim))
    deviation = x.std(dims, correction=0, keepdim=True).clamp_min(_SMALLEST)
    return x.mean(dims, keepdim=True)[0], deviation.log()[0]
