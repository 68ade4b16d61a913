"""Coupling layers: one half of the channels is changed as the other half says."""

from __future__ import annotations

import abc
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from genlab_plugins.densities.flows.actnorm import moments
from genlab_plugins.densities.flows.conditioner import Conditioner, Perceptron
from genlab_plugins.densities.flows.fused import affine, affine_by_perceptron
from genlab_plugins.densities.flows.transform import Transform

__all__ = ["AffineCoupling", "Coupling", "Couplings"]


class Coupling(nn.Module, abc.ABC):
    """An invertible map of one half, given the other (abstract).

    Both directions also return ``ladj``, the sums of the logarithms of each number's own derivative.
    """

    @abc.abstractmethod
    def forward(self, given: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the changed half, shaped as ``x``, and ``ladj`` ``(B,)``."""

    @abc.abstractmethod
    def inverse(self, given: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the half as it was, shaped as ``z``, and ``ladj`` ``(B,)``."""

    def initialise(self, given: Tensor, x: Tensor) -> Tensor:
        """Set the parameters that depend on data and return the changed half."""
        z: Tensor = self(given, x)[0]
        return z


class AffineCoupling(Coupling):
    r"""An affine map with bounded log-scales and an activation normalisation of its own.

    .. math:: z = e^{s} x + t(x'), \qquad s = c + a \tanh \sigma(x')

    where :math:`x'` is the given half, :math:`(\sigma, t)` come from the conditioner and a and c are
    learned. For any input :math:`|s - c| \le |a|`, so that no input blows up in either direction.
    Normalising the result needs no layer: c and the bias of t are set from data.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 3.

    Args:
        conditioner: Maps the given half to twice the channels of the other; zero at first.
        size: Shape ``(channels,)`` or ``(channels, 1, 1)`` of what is learned per channel.
    """

    def __init__(self, conditioner: Conditioner, size: tuple[int, ...]) -> None:
        super().__init__()
        self.conditioner = conditioner
        self.a = nn.Parameter(torch.ones(size))
        self.c = nn.Parameter(torch.zeros(size))

    def forward(self, given: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the changed half and ``ladj``."""
        return self._mapped(given, x, inverse=False)

    def inverse(self, given: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the half as it was and ``ladj``."""
        return self._mapped(given, z, inverse=True)

    @torch.no_grad()
    def initialise(self, given: Tensor, x: Tensor) -> Tensor:
        """Standardise the changed half."""
        mean, log_deviation = moments(x)
        self.c.copy_(-log_deviation)
        self.conditioner.shift_by((-mean * self.c.exp()).flatten())
        return super().initialise(given, x)

    def _mapped(self, given: Tensor, x: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        network = self.conditioner
        if isinstance(network, Perceptron):
            seen, weights = network.seen(given), network.weights()
            return affine_by_perceptron(seen, x, self.a, self.c, inverse, weights)
        return affine(network(given), x, self.a, self.c, inverse)


class Couplings(Transform):
    """Couplings that change the second and the first part of the channels in turn.

    Args:
        first: Number of channels of the first part. Where it is 0, every coupling changes all channels.
        couplings: The couplings, in the order in which they encode.
    """

    def __init__(self, first: int, couplings: Iterable[Coupling]) -> None:
        super().__init__()
        self.first = first
        self.couplings = nn.ModuleList(couplings)
        self.swaps = first > 0
        self.swapped_after = self.swaps and len(self.couplings) % 2 == 1

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        given, other, ladj = x[:, : self.first], x[:, self.first :], x.new_zeros(())
        for coupling in self.couplings:
            other, part = coupling(given, other)
            ladj = ladj + part
            if self.swaps:
                given, other = other, given
        return self._joined(given, other), ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        given, other, ladj = z[:, : self.first], z[:, self.first :], z.new_zeros(())
        if self.swapped_after:
            given, other = other, given
        for coupling in reversed(self._each()):
            if self.swaps:
                given, other = other, given
            other, part = coupling.inverse(given, other)
            ladj = ladj + part
        return torch.cat([given, other], 1), ladj

    def initialise(self, x: Tensor) -> Tensor:
        """Initialise one coupling after the other and return z."""
        given, other = x[:, : self.first], x[:, self.first :]
        for coupling in self._each():
            other = coupling.initialise(given, other)
            if self.swaps:
                given, other = other, given
        return self._joined(given, other)

    def _each(self) -> list[Coupling]:
        return [coupling for coupling in self.couplings if isinstance(coupling, Coupling)]

    def _joined(self, given: Tensor, other: Tensor) -> Tensor:
        return torch.cat([other, given] if self.swapped_after else [given, other], 1)
