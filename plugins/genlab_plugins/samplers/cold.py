r"""Cold sampling, algorithm 2 of Cold Diffusion."""

from __future__ import annotations

from torch import Tensor

from genlab import Restores, explain
from genlab_plugins.samplers.bases import DrawSampler
from genlab_plugins.samplers.grids import Grid

__all__ = ["Cold"]


class Cold(DrawSampler):
    r"""The improved cold sampler, for any degradation.

    .. math:: x_s = x_t - D(\hat x_0, t; z) + D(\hat x_0, s; z)

    For a degradation of the form :math:`D(x, t) = x + t e` it is exact whatever the restorer answers.
    With a Gaussian degradation and the noise that explains :math:`x_t` it is DDIM.

    Source: Bansal et al. 2022 (arXiv:2208.09392), algorithm 2.

    Args:
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"`` or, on a Gaussian
            degradation, ``"karras"`` or ``"log-snr"``.
    """

    usual_steps = 20

    def __init__(self, *, grid: Grid = "uniform") -> None:
        self.spacing = grid

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Walk from t to s."""
        degradation = restorer.degradation
        x_0 = restorer(x_t, t)
        z = explain(degradation, x_t, x_0, t, state)
        return x_t - degradation.degrade(x_0, t, z) + degradation.degrade(x_0, s, z), state
