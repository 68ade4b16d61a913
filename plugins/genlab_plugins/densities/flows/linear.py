"""An invertible linear map of the channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["LULinear"]


class LULinear(Transform):
    r"""An invertible matrix for the features of a vector, or for the channels at each place of an image.

    .. math:: z = W x, \qquad W = P L (U + \operatorname{diag}(\sigma e^{s})), \qquad
        \log |\det W| = \sum_c s_c

    with a fixed permutation P, L lower triangular with ones on its diagonal, U strictly upper
    triangular and signs :math:`\sigma`. W starts as a random rotation, drawn from the global generator.

    Source: Kingma & Dhariwal 2018 (arXiv:1807.03039), section 3.2.

    Args:
        channels: Number of features or channels.
    """

    P: Tensor
    sigma: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation, _ = torch.linalg.qr(torch.randn(channels, channels, dtype=torch.float64))
        P, L, U = (part.float() for part in torch.linalg.lu(rotation))
        diagonal = U.diagonal().clone()
        self.register_buffer("P", P)
        self.register_buffer("sigma", diagonal.sign())
        self.L, self.U = nn.Parameter(L.tril(-1)), nn.Parameter(U.triu(1))
        self.s = nn.Parameter(diagonal.abs().log())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        with torch.autocast(x.device.type, enabled=False):
            L, U = self._factors()
            z = _mixed(self.P @ (L @ U), x)
        return z, self.s.sum() * x[0, 0].numel()

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        with torch.autocast(z.device.type, enabled=False):
            L, U = self._factors()
            solved = torch.linalg.solve_triangular(L, self.P.mT, upper=False, unitriangular=True)
            x = _mixed(torch.linalg.solve_triangular(U, solved, upper=True), z)
        return x, -self.s.sum() * z[0, 0].numel()

    def _factors(self) -> tuple[Tensor, Tensor]:
        eye = torch.eye(len(self.s), dtype=self.s.dtype, device=self.s.device)
        return self.L.tril(-1) + eye, self.U.triu(1) + (self.sigma * self.s.exp()).diag()


def _mixed(W: Tensor, x: Tensor) -> Tensor:
    """Return W times the channels of x."""
    mixed: Tensor = torch.nn.functional.linear(x.movedim(1, -1), W)
    return mixed.movedim(-1, 1)
