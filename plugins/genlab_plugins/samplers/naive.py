r"""Naive sampling, algorithm 1 of Cold Diffusion."""

from __future__ import annotations

from torch import Tensor

from genlab import Restores, explain
from genlab_plugins.samplers.bases import DrawSampler
from genlab_plugins.samplers.grids import Grid

__all__ = ["Naive"]


class Naive(DrawSampler):
    r"""Restore, then degrade again a little less, for any degradation.

    .. math:: x_s = D(\hat x_0, s; z)

    What :math:`x_t` knows beyond :math:`\hat x_0` is forgotten at every step, so the restorer's errors
    add up, and its impossible states are repaired.

    Source: Bansal et al. 2022 (arXiv:2208.09392), algorithm 1.

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
        x_0 = restorer(x_t, t)
        z = explain(restorer.degradation, x_t, x_0, t, state)
        return restorer.degradation.degrade(x_0, s, z), state
