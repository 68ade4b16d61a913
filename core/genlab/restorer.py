r"""The restorer: from a network to an estimate of the clean data.

Every sampler consumes the estimate :math:`\hat x_0`, whatever the network was trained to predict:

=========  =====================================================  ==========================================
predicts   the network's target                                   the estimate
=========  =====================================================  ==========================================
``x0``     :math:`x_0` (Gaussian), or :math:`x_0 - x_t` (others)  the output, or :math:`x_t +` the output
``eps``    :math:`z`                                              :math:`(x_t - \sigma_t \hat z) / \alpha_t`
``v``      :math:`\alpha_t z - \sigma_t x_0`                      :math:`(\alpha_t x_t - \sigma_t \hat v) /
                                                                  (\alpha_t^2 + \sigma_t^2)`
=========  =====================================================  ==========================================

Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239) for eps, Salimans & Ho 2022 (arXiv:2202.00512) for v,
Bansal et al. 2022 (arXiv:2208.09392) for x0 with a degradation that is not Gaussian.
"""

from __future__ import annotations

from typing import Literal, cast

from torch import Tensor, nn

from genlab.errors import RequestError
from genlab.protocols import Backbone, Degradation, GaussianDegradation
from genlab.protocols.degradation import right_expand

__all__ = ["Prediction", "Restorer"]

Prediction = Literal["x0", "eps", "v"]


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
        if prediction != "x0" and not degradation.tags.gaussian:
            raise RequestError(
                f"training.prediction = {prediction!r} needs a Gaussian degradation; "
                f"{type(degradation).__name__} fits 'x0'"
            )
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
        return self.estimate(x_t, t, self.backbone(x_t, t, y))

    def estimate(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Turn the network's output for ``x_t`` into the estimate of x_0."""
        if not self.degradation.tags.gaussian:
            return x_t + output
        degradation = cast(GaussianDegradation, self.degradation)
        if self.prediction == "x0":
            return output
        alpha = right_expand(degradation.alpha(t), x_t)
        sigma = right_expand(degradation.sigma(t), x_t)
        if self.prediction == "eps":
            return (x_t - sigma * output) / alpha
        power = alpha.square() + sigma.square()
        return (alpha / power) * x_t - (sigma / power) * output

    def target(self, x_0: Tensor, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return what the network should have said: ``estimate(x_t, t, target) == x_0``."""
        if not self.degradation.tags.gaussian or z is None:
            return x_0 - x_t
        degradation = cast(GaussianDegradation, self.degradation)
        if self.prediction == "x0":
            return x_0
        if self.prediction == "eps":
            return z
        return (
            right_expand(degradation.alpha(t), x_0) * z
            - right_expand(degradation.sigma(t), x_0) * x_0
        )
