r"""The restorer: from a network to an estimate of the clean data.

Every sampler consumes the estimate :math:`\hat x_0`, whatever the network was trained to predict:

* ``x0``, Gaussian: the target is :math:`x_0`, and the output is the estimate;
* ``x0``, any other: the target is :math:`x_0 - x_t`, and the estimate is :math:`x_t` plus the output;
* ``eps``: the target is :math:`z`, and the estimate is :math:`(x_t - \sigma_t \hat z) / \alpha_t`;
* ``v``: the target is :math:`(\alpha_t z - \sigma_t x_0) / n_t`, and the estimate is
  :math:`(\alpha_t x_t - n_t \sigma_t \hat v) / n_t^2`.

With :math:`n_t = \sqrt{\alpha_t^2 + \sigma_t^2}`, which is 1 where variance is preserved, the network sees
:math:`x_t / n_t`: its input and the target of v have the size of the data at every noise level. Where each
frequency has an :math:`\alpha_t` of its own, all of it is done frequency by frequency.

Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239) for eps, Salimans & Ho 2022 (arXiv:2202.00512) for v,
Karras et al. 2022 (arXiv:2206.00364) for scaling the input, Hoogeboom & Salimans 2022 (arXiv:2209.05557) for
noise in another basis, Bansal et al. 2022 (arXiv:2208.09392) for x0 with a degradation that is not Gaussian.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from genlab.errors import RequestError
from genlab.protocols import Backbone, Degradation, DiagonalDegradation

__all__ = ["Prediction", "Restorer", "jittered"]

Prediction = Literal["x0", "eps", "v"]
"""What a network predicts."""


class Restorer(nn.Module):
    """Estimates the clean data from degraded data.

    Args:
        backbone: The network.
        degradation: What destroyed the data.
        prediction: What the network predicts; ``"eps"`` and ``"v"`` need a Gaussian degradation, be it
            in another basis.

    Raises:
        RequestError: The prediction does not fit the degradation.
    """

    def __init__(
        self, backbone: Backbone, degradation: Degradation, prediction: Prediction
    ) -> None:
        super().__init__()
        _check(prediction, degradation)
        self.backbone = backbone
        self.degradation = degradation
        self.prediction = prediction
        self._residual = prediction == "x0" and not degradation.tags.gaussian

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the estimate of x_0.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            t: Times ``(B,)``.
            y: Labels ``(B,)`` or None.
        """
        if self._residual:
            return self.estimate(x_t, t, self.backbone(x_t, t, y))
        alpha, sigma = self._diagonal.amplitudes(t, x_t)
        power = alpha.square() + sigma.square()
        output: Tensor = self.backbone(self._scaled(x_t, power), t, y)
        return self._estimate(x_t, output, alpha, sigma, power)

    def scaled(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return ``x_t`` as the network sees it: in the size of the data."""
        if self._residual:
            return x_t
        alpha, sigma = self._diagonal.amplitudes(t, x_t)
        return self._scaled(x_t, alpha.square() + sigma.square())

    def estimate(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Turn the network's output for ``x_t`` into the estimate of x_0."""
        if self._residual:
            return x_t + output
        alpha, sigma = self._diagonal.amplitudes(t, x_t)
        return self._estimate(x_t, output, alpha, sigma, alpha.square() + sigma.square())

    def target(self, x_0: Tensor, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return what the network should have said: ``estimate(x_t, t, target) == x_0``."""
        if self._residual or z is None:
            return x_0 - x_t
        if self.prediction == "x0":
            return x_0
        if self.prediction == "eps":
            return z
        basis = self._diagonal
        alpha, sigma = basis.amplitudes(t, x_0)
        v = alpha * basis.to_basis(z) - sigma * basis.to_basis(x_0)
        return basis.from_basis(v / (alpha.square() + sigma.square()).sqrt())

    def _estimate(
        self, x_t: Tensor, output: Tensor, alpha: Tensor, sigma: Tensor, power: Tensor
    ) -> Tensor:
        if self.prediction == "x0":
            return output
        basis = self._diagonal
        x_t, output = basis.to_basis(x_t), basis.to_basis(output)
        if self.prediction == "eps":
            return basis.from_basis((x_t - sigma * output) / alpha)
        return basis.from_basis(((alpha / power) * x_t).addcmul(-sigma / power.sqrt(), output))

    def _scaled(self, x_t: Tensor, power: Tensor) -> Tensor:
        return self._diagonal.from_basis(self._diagonal.to_basis(x_t) / power.sqrt())

    @property
    def _diagonal(self) -> DiagonalDegradation:
        return cast(DiagonalDegradation, self.degradation)


def jittered(x_t: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Return degraded data ``(B, *shape)`` under the noise that a restorer sees, in training and after it.

    Args:
        x_t: Degraded data.
        deviation: Deviation of the noise; with 0 nothing is drawn.
        generator: Source of the noise, on the device of the data.
    """
    if not deviation:
        return x_t
    noise = torch.randn(x_t.shape, generator=generator, device=x_t.device, dtype=x_t.dtype)
    return x_t + deviation * noise


def _check(prediction: Prediction, degradation: Degradation) -> None:
    """Refuse a prediction that the degradation does not allow."""
    name, tags = type(degradation).__name__, degradation.tags
    if prediction != "x0" and not tags.diagonal:
        raise RequestError(
            f"training.prediction = {prediction!r} needs Gaussian noise with an amplitude of the data "
            f"for each coordinate (the tag diagonal); {name} fits 'x0'"
        )
    if prediction == "eps" and not _some_is_left(cast(DiagonalDegradation, degradation)):
        raise RequestError(
            f"training.prediction = 'eps' needs some data left at t = 1, and this {name} leaves none: "
            f"'v' and 'x0' fit"
        )


def _some_is_left(degradation: DiagonalDegradation) -> bool:
    """Say whether no coordinate of the data is lost at t = 1, on the smallest data that fits."""
    like = torch.zeros(1, 2) if "vector" in degradation.tags.data else torch.zeros(1, 1, 8, 8)
    return bool((degradation.amplitudes(torch.ones(1), like)[0] > 0).all())
