"""Transforms of images."""

from __future__ import annotations

from collections.abc import Callable

import torch

from genlab import DataSpec
from genlab_plugins.densities.flows.actnorm import ActNorm
from genlab_plugins.densities.flows.affine import FixedAffine
from genlab_plugins.densities.flows.conditioner import ConvNet
from genlab_plugins.densities.flows.coupling import AffineCoupling, Coupling, Couplings
from genlab_plugins.densities.flows.linear import LULinear
from genlab_plugins.densities.flows.logit import Logit
from genlab_plugins.densities.flows.rearrange import Permute, Rest, Squeezed
from genlab_plugins.densities.flows.transform import Chain, Transform

__all__ = ["MakeScale", "Shape", "alternating_scale", "mixing_scale", "multiscale", "to_reals"]

Shape = tuple[int, int, int]
"""Channels, height and width."""

MakeScale = Callable[[Shape, int], list[Transform]]
"""Takes the squeezed shape and the number of the scale, from 0, and returns its layers."""

_FINE = 2 / 255  # spacing of 256 grey levels


def to_reals(spec: DataSpec, alpha: float) -> list[Transform]:
    r"""Return the layers that take dequantised images to the whole line.

    With the spacing of the grey levels :math:`2h = 2 / (\text{levels} - 1)`, dequantised images lie in
    [-1 - h, 1 + h]; images with continuous values are taken for those of 256 levels. They are mapped to
    [0, 1], squeezed to [alpha, 1 - alpha] and mapped by the logit.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 4.1.

    Args:
        spec: The data.
        alpha: Distance that is kept from 0 and 1, below .5.
    """
    h = (spec.level_width or _FINE) / 2
    return [
        FixedAffine(0.5 / (1 + h), 0.5),
        FixedAffine(1 - 2 * alpha, alpha),
        Logit(alpha / 2),
    ]


def multiscale(shape: Shape, scales: int, make: MakeScale, scale: int = 0) -> Transform:
    """Return a multi-scale transform: squeeze, change, factor out half of the channels, and again.

    It stops squeezing at an odd side.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 3.6.

    Args:
        shape: Shape of the images, with even sides.
        scales: Largest number of scales.
        make: Makes the layers of one scale.
        scale: Number of the first scale.
    """
    channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
    layers = make((channels, height, width), scale)
    if scale + 1 < scales and height % 2 == width % 2 == 0:
        rest = (channels - channels // 2, height, width)
        layers.append(Rest(channels // 2, multiscale(rest, scales, make, scale + 1)))
    return Squeezed(Chain(layers))


def alternating_scale(couplings: int, width: int, depth: int) -> MakeScale:
    """Return a maker of scales with checkerboard couplings and channel-wise couplings by turns of two.

    On squeezed images a checkerboard of pixels is a choice of channels, so that no network has to look
    at masked pixels. After every two couplings the channels change places.

    Args:
        couplings: Number of couplings of each scale.
        width: Channels of the networks of the first scale; each further scale has twice as many.
        depth: Residual blocks of each network.
    """

    def make(shape: Shape, scale: int) -> list[Transform]:
        channels, half = shape[0], shape[0] // 2
        layers: list[Transform] = [ActNorm(shape)]
        for start in range(0, couplings, 2):
            layers.append(Permute(_order(channels, start // 2)))
            count = min(2, couplings - start)
            pair = [_coupling(half, half, width << scale, depth) for _ in range(count)]
            layers.append(Couplings(half, pair))
        return layers

    return make


def mixing_scale(couplings: int, width: int, depth: int) -> MakeScale:
    """Return a maker of scales with a normalisation and a 1x1 convolution before each coupling.

    Args:
        couplings: Number of couplings of each scale.
        width: Channels of the networks of the first scale; each further scale has twice as many.
        depth: Residual blocks of each network.
    """

    def make(shape: Shape, scale: int) -> list[Transform]:
        channels, half = shape[0], shape[0] // 2
        layers: list[Transform] = []
        for _ in range(couplings):
            layers += [ActNorm(shape), LULinear(channels)]
            layers.append(Couplings(half, [_coupling(half, half, width << scale, depth)]))
        return layers

    return make


def _coupling(given: int, changed: int, width: int, depth: int) -> Coupling:
    return AffineCoupling(ConvNet(given, 2 * changed, width, depth), (changed, 1, 1))


def _order(channels: int, turn: int) -> torch.Tensor:
    """Return the order of squeezed channels for the couplings of a turn.

    The first turn has a checkerboard; every other turn a permutation drawn from the global generator.
    """
    if turn:
        return torch.randperm(channels)
    place = torch.arange(channels) % 4
    diagonal = (place == 0) | (place == 3)
    return torch.cat([diagonal.nonzero()[:, 0], (~diagonal).nonzero()[:, 0]])
