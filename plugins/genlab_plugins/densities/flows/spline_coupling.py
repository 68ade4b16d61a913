"""Couplings that change numbers by splines."""

from __future__ import annotations

from torch import Tensor

from genlab_plugins.densities.flows.conditioner import Conditioner
from genlab_plugins.densities.flows.coupling import Coupling
from genlab_plugins.densities.flows.rational_quadratic import Spline1d

__all__ = ["SplineCoupling"]


class SplineCoupling(Coupling):
    """A rational-quadratic spline for each number of the changed half.

    Source: Durkan, Bekasov, Murray & Papamakarios 2019 (arXiv:1906.04032), section 3.

    Args:
        conditioner: Maps the given half to ``3 * bins - 1`` numbers per changed one; zero at first. They
            are divided by the root of its width, so that an early step does not bend the spline sharply.
        bins: Number of bins.
        bound: The spline acts on [-bound, bound].
    """

    def __init__(self, conditioner: Conditioner, bins: int, bound: float) -> None:
        super().__init__()
        self.conditioner = conditioner
        self.parts, self.bound = 3 * bins - 1, bound
        self.scale = conditioner.last.weight.shape[1] ** -0.5

    def forward(self, given: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the changed half and ``ladj``."""
        z, logs = self._spline(given, x).forward(x)
        return z, logs.flatten(1).sum(1)

    def inverse(self, given: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the half as it was and ``ladj``."""
        x, logs = self._spline(given, z).inverse(z)
        return x, logs.flatten(1).sum(1)

    def _spline(self, given: Tensor, x: Tensor) -> Spline1d:
        raw = self.conditioner(given).to(x.dtype) * self.scale
        return Spline1d(raw.unflatten(1, (-1, self.parts)), self.bound)
