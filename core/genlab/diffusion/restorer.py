r"""The restorer: from a network to an estimate of the clean data.

Every sampler consumes the estimate :math:`\hat x_0`, whatever the network was trained to predict:

* ``x0``, Gaussian: the target is :math:`x_0`, and the output is the estimate;
* ``x0``, any other: the target is :math:`x_0 - x_t`, and the estimate is :math:`x_t` plus the output;
* ``eps``: the target is :math:`z`, and the estimate is :math:`(x_t - \sigma_t \hat z) / \alpha_t`;
* ``v``: the target is :math:`(\alpha_t z - \sigma_t x_0) / n_t`, and the estimate is
  :math:`(\alpha_t x_t - n_t \sigma_t \hat v) / n_t^2`;
* ``edm``: with the noise-to-signal ratio :math:`r = \sigma_t / \alpha_t` and :math:`u = x_t / \alpha_t`, the
  estimate is :math:`c_{skip} u + c_{out} \hat F`, where :math:`c_{skip} = s^2 / (r^2 + s^2)`,
  :math:`c_{out} = r s / \sqrt{r^2 + s^2}`, the network sees :math:`u / \sqrt{r^2 + s^2}`, and
  s is the deviation of the data.

With :math:`n_t = \sqrt{\alpha_t^2 + \sigma_t^2}`, which is 1 where variance is preserved, the network sees
:math:`x_t / n_t`: its input and the target of v have the size of the data at every noise level. Where each
frequency has an :math:`\alpha_t` of its own, all of it is done frequency by frequency.

Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239) for eps, Salimans & Ho 2022 (arXiv:2202.00512) for v,
Karras et al. 2022 (arXiv:2206.00364) for scaling the input, Hoogeboom & Salimans 2022 (arXiv:2209.05557) for
noise in another basis, Bansal et al. 2022 (arXiv:2208.09392) for x0 with a degradation that is not Gaussian.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from genlab.components.backbone import FittedBackbone, as_backbone
from genlab.components.degradation import (
    Degradation,
    DiagonalDegradation,
    GaussianDegradation,
    Prediction,
)
from genlab.errors import RequestError

__all__ = ["Restorer", "jittered"]


class _Scales(NamedTuple):
    """How a network's output becomes an estimate, coordinate by coordinate of the degradation's basis.

    The network sees ``c(x_t) / size``, and the estimate is ``skip * c(x_t) + out * output``.
    """

    size: Tensor
    skip: Tensor
    out: Tensor


class Restorer(nn.Module):
    """Estimates the clean data from degraded data.

    Args:
        backbone: The network: a :class:`~genlab.Backbone`, or any module whose forward takes ``(x, t)`` or
            ``(x, t, y)``. A :class:`~genlab.FittedBackbone` returns the estimate itself.
        degradation: What destroyed the data.
        prediction: What the network predicts; ``"eps"``, ``"v"`` and ``"edm"`` need Gaussian noise, be it in
            another basis. None: what the degradation advises.
        jitter: Deviation of the noise that degraded data is seen under. None: what the degradation advises.
        deviation: Deviation s of the data, which ``"edm"`` assumes: about .5 for images, 1 for vectors.
        bf16: Whether the network computes estimates under bf16 autocast; what it returns is float32.

    Raises:
        RequestError: The prediction or the backbone does not fit the degradation.

    Example:
        >>> import torch, genlab
        >>> spec = genlab.DataSpec((2,), "vector")
        >>> network = genlab.build("backbone", "mlp", spec, width=16, depth=1)
        >>> restorer = Restorer(network, genlab.build("degradation", "gaussian"))
        >>> restorer.prediction, restorer(torch.zeros(3, 2), torch.full((3,), 0.5)).shape
        ('v', torch.Size([3, 2]))
    """

    def __init__(
        self,
        backbone: nn.Module,
        degradation: Degradation,
        *,
        prediction: Prediction | None = None,
        jitter: float | None = None,
        deviation: float = 0.5,
        bf16: bool = False,
    ) -> None:
        super().__init__()
        advice = degradation.advice()
        self.prediction: Prediction = advice.prediction if prediction is None else prediction
        self.jitter = advice.jitter if jitter is None else jitter
        self.deviation = deviation
        self.bf16 = bf16
        self._basis = _checked_basis(self.prediction, degradation)
        self.backbone = as_backbone(backbone)
        self.degradation = degradation
        if isinstance(self.backbone, FittedBackbone):
            self.backbone.undo(degradation, jitter=self.jitter)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the estimate of x_0.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            t: Times ``(B,)``.
            y: Labels ``(B,)`` or None.
        """
        if isinstance(self.backbone, FittedBackbone):
            found: Tensor = self.backbone(x_t, t, y)
            return found
        if self._basis is None:
            return x_t + self._output(x_t, t, y)
        scales = self._scales(self._basis, x_t, t)
        output = self._output(self._seen(self._basis, x_t, scales), t, y)
        return self._estimate(self._basis, x_t, output, scales)

    def seen(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return ``x_t`` as the network sees it: in the size of the data."""
        if self._basis is None:
            return x_t
        return self._seen(self._basis, x_t, self._scales(self._basis, x_t, t))

    def estimate(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """Turn the network's output for ``x_t`` into the estimate of x_0."""
        if self._basis is None:
            return x_t + output
        return self._estimate(self._basis, x_t, output, self._scales(self._basis, x_t, t))

    def target(self, x_0: Tensor, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return what the network should have said: ``estimate(x_t, t, target) == x_0``."""
        if self._basis is None or z is None:
            return x_0 - x_t
        if self.prediction == "x0":
            return x_0
        if self.prediction == "eps":
            return z
        basis = self._basis
        alpha, sigma = basis.amplitudes(t, x_0)
        c_0, c_z = basis.to_basis(x_0), basis.to_basis(z)
        if (
            self.prediction == "edm"
        ):  # (x_0 - c_skip u) / c_out, without a difference of near numbers
            s, power = self.deviation, self._power(alpha, sigma)
            return basis.from_basis((sigma / s * c_0 - alpha * s * c_z) / power.sqrt())
        return basis.from_basis((alpha * c_z - sigma * c_0) / self._power(alpha, sigma).sqrt())

    def gain(self, t: Tensor, log_snr: Tensor) -> Tensor:
        """Return how much an error of the network's output changes the estimate, for Gaussian noise.

        Args:
            t: Times ``(B,)``.
            log_snr: Their log signal-to-noise ratios, ``(B,)``.

        Returns:
            The factor ``(B,)``, at least 0.
        """
        if self.prediction == "x0":
            return torch.ones_like(t)
        ratio = (-0.5 * log_snr).exp()  # sigma / alpha
        if self.prediction == "eps":
            return ratio
        s = self.deviation
        if self.prediction == "edm":
            return ratio * s / (ratio.square() + s**2).sqrt()
        return ratio / (1 + ratio.square()).sqrt()

    def _output(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        output: Tensor
        if not self.bf16:
            output = self.backbone(x, t, y)
            return output
        with torch.autocast(x.device.type, torch.bfloat16):
            output = self.backbone(x, t, y)
        return output.float()

    def _power(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return the mean square of the coordinates of x_t, for data of a deviation of 1, or s for edm."""
        s = self.deviation if self.prediction == "edm" else 1.0
        return (alpha if s == 1.0 else s * alpha).square() + sigma.square()

    def _scales(self, basis: DiagonalDegradation, x_t: Tensor, t: Tensor) -> _Scales:
        alpha, sigma = basis.amplitudes(t, x_t)
        power = self._power(alpha, sigma)
        size = power.sqrt()
        if self.prediction == "edm":
            return _Scales(size, alpha * self.deviation**2 / power, sigma * self.deviation / size)
        if self.prediction == "x0":
            return _Scales(size, torch.zeros_like(alpha), torch.ones_like(alpha))
        if self.prediction == "eps":
            return _Scales(size, 1 / alpha, -sigma / alpha)
        return _Scales(size, alpha / power, -sigma / size)

    def _seen(self, basis: DiagonalDegradation, x_t: Tensor, scales: _Scales) -> Tensor:
        return basis.from_basis(basis.to_basis(x_t) / scales.size)

    def _estimate(
        self, basis: DiagonalDegradation, x_t: Tensor, output: Tensor, scales: _Scales
    ) -> Tensor:
        if self.prediction == "x0":
            return output
        c_t, c_out = basis.to_basis(x_t), basis.to_basis(output)
        return basis.from_basis((scales.skip * c_t).addcmul(scales.out, c_out))


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


def _checked_basis(prediction: Prediction, degradation: Degradation) -> DiagonalDegradation | None:
    """Return the degradation as one with a basis; None where the network predicts x_0 - x_t.

    Raises:
        RequestError: The degradation does not allow the prediction.
    """
    name = type(degradation).__name__
    if not isinstance(degradation, DiagonalDegradation):
        if prediction != "x0":
            raise RequestError(
                f"restorer.prediction = {prediction!r} needs Gaussian noise with an amplitude of the data "
                f"for each coordinate (a DiagonalDegradation); {name} fits 'x0'"
            )
        return None
    if prediction == "eps" and not _some_is_left(degradation):
        raise RequestError(
            f"restorer.prediction = 'eps' needs some data left at t = 1, and this {name} leaves none: "
            f"'v', 'edm' and 'x0' fit"
        )
    if prediction == "x0" and not isinstance(degradation, GaussianDegradation):
        return None
    return degradation


def _some_is_left(degradation: DiagonalDegradation) -> bool:
    """Say whether no coordinate of the data is lost at t = 1, on the smallest data that fits."""
    like = torch.zeros(1, 2) if "vector" in degradation.tags.data else torch.zeros(1, 1, 8, 8)
    return bool((degradation.amplitudes(torch.ones(1), like)[0] > 0).all())
