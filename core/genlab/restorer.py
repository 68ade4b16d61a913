r"""The restorer: from a network to an estimate of the clean data.

Every sampler consumes the estimate :math:`\hat x_0`, whatever the network was trained to predict:

* ``x0``, Gaussian: the target is :math:`x_0`, and the output is the estimate;
* ``x0``, any other: the target is :math:`x_0 - x_t`, and the estimate is :math:`x_t` plus the output;
* ``eps``: the target is :math:`z`, and the estimate is :math:`(x_t - \sigma_t \hat z) / \alpha_t`;
* ``v``: the target is :math:`(\alpha_t z - \sigma_t x_0) / n_t`, and the estimate is
  :math:`(\alpha_t x_t - n_t \sigma_t \hat v) / n_t^2`.

With :math:`n_t = \sqrt{\alpha_t^2 + \sigma_t^2}`, which is 1 where variance is preserved, the network sees
:math:`x_t / n_t`: its input and the target of v have the size of the data at every noise level.

Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239) for eps, Salimans & Ho 2022 (arXiv:2202.00512) for v,
Karras et al. 2022 (arXiv:2206.00364) for scaling the input, Bansal et al. 2022 (arXiv:2208.09392) for x0 with
a degradation that is not Gaussian.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from genlab.errors import RequestError
from genlab.protocols import Backbone, Degradation, GaussianDegradation
from genlab.protocols.degradation import right_expand

__all__ = ["Prediction", "Restorer"]

Prediction = Literal["x0", "eps", "v"]
"""What a network predicts."""


class Restorer(nn.Module):
    """Estimates the clean data from degraded data.

    Args:
        backbone: The network.
        degradation: What destroyed the data.
        prediction: What the network predicts; ``"eps"`` and ``"v"`` need a Gaussian degradation.

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

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the estimate of x_0.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            t: Times ``(B,)``.
            y: Labels ``(B,)`` or None.
        """
        if not self.degradation.tags.gaussian:
            return self.estimate(x_t, t, self.backbone(x_t, t, y))
        alpha, sigma = self._amplitudes(x_t, t)
        power = alpha.square() + sigma.square()
        output: Tensor = self.backbone(x_t / power.sqrt(), t, y)
        return self._estimate(x_t, output, alpha, sigma, power)

    def scaled(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return ``x_t`` as the network sees it: in the size of the data."""
        if not self.degradation.tags.gaussian:
            return x_t
        alpha, sigma = self._amplitudes(x_t, t)
        return x_t / (alpha.square() + sigma.square()).sqrt()

    def estimate(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Turn the network's output for ``x_t`` into the estimate of x_0."""
        if not self.degradation.tags.gaussian:
            return x_t + output
        alpha, sigma = self._amplitudes(x_t, t)
        return self._estimate(x_t, output, alpha, sigma, alpha.square() + sigma.square())

    def _estimate(
        self, x_t: Tensor, output: Tensor, alpha: Tensor, sigma: Tensor, power: Tensor
    ) -> Tensor:
        if self.prediction == "x0":
            return output
        if self.prediction == "eps":
            return (x_t - sigma * output) / alpha
        return ((alpha / power) * x_t).addcmul(-sigma / power.sqrt(), output)

    def target(self, x_0: Tensor, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return what the network should have said: ``estimate(x_t, t, target) == x_0``."""
        if not self.degradation.tags.gaussian or z is None:
            return x_0 - x_t
        if self.prediction == "x0":
            return x_0
        if self.prediction == "eps":
            return z
        alpha, sigma = self._amplitudes(x_0, t)
        return (alpha * z - sigma * x_0) / (alpha.square() + sigma.square()).sqrt()

    def _amplitudes(self, like: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        degradation = cast(GaussianDegradation, self.degradation)
        return right_expand(degradation.alpha(t), like), right_expand(degradation.sigma(t), like)


def _check(prediction: Prediction, degradation: Degradation) -> None:
    """Refuse a prediction that the degradation does not allow."""
    name = type(degradation).__name__
    if prediction != "x0" and not degradation.tags.gaussian:
        raise RequestError(
            f"training.prediction = {prediction!r} needs a Gaussian degradation; {name} fits 'x0'"
        )
    if prediction == "eps" and not cast(GaussianDegradation, degradation).alpha(torch.ones(1)) > 0:
        raise RequestError(
            f"training.prediction = 'eps' needs some data left at t = 1, and this {name} leaves none: "
            f"'v' and 'x0' fit"
        )
