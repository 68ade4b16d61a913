"""Transforms of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from genlab import DataSpec
from genlab_plugins.densities.flows.actnorm import ActNorm
from genlab_plugins.densities.flows.affine import FixedAffine
from genlab_plugins.densities.flows.conditioner import ConvNet
from genlab_plugins.densities.flows.coupling import AffineCoupling, Coupling, Couplings
from genlab_plugins.densities.flows.linear import LULinear
from genlab_plugins.densities.flows.logit import Logit
from genlab_plugins.densities.flows.marginal import Marginal
from genlab_plugins.densities.flows.rearrange import Flat, Permute, Rest, Squeezed
from genlab_plugins.densities.flows.transform import Chain, Transform

__all__ = [
    "MakeScale",
    "Shape",
    "alternating_scale",
    "last_channels",
    "mixing_scale",
    "multiscale",
    "pixel_layers",
]

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


def to_normals(spec: DataSpec) -> list[Transform]:
    """Return the layer that makes the distribution of single dequantised pixels normal.

    Args:
        spec: The data.
    """
    step = spec.level_width or _FINE
    return [Marginal(spec.shape[0], round(2 / step) + 1, -1 - step / 2, 1 + step / 2)]


def pixel_layers(
    spec: DataSpec, pixels: Literal["marginal", "logit"], alpha: float
) -> list[Transform]:
    """Return the layers that take images to the whole line; none for other data.

    Args:
        spec: The data.
        pixels: How.
        alpha: Distance that is kept from the ends of the logit.
    """
    if spec.kind != "image":
        return []
    return to_normals(spec) if pixels == "marginal" else to_reals(spec, alpha)


def multiscale(
    shape: Shape,
    scales: int,
    make: MakeScale,
    scale: int = 0,
    factor: bool = True,
    last: Callable[[int], Transform] | None = None,
) -> Transform:
    """Return a multi-scale transform: squeeze, change, factor out half of the channels, and again.

    It stops squeezing at an odd side.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 3.6.

    Args:
        shape: Shape of the images, with even sides.
        scales: Largest number of scales.
        make: Makes the layers of one scale.
        scale: Number of the first scale.
        factor: Whether channels are factored out; else all go through every scale.
        last: Makes the transform of all numbers of the last scale, from how many there are. None: the last
            scale has layers of its own alone.
    """
    channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
    layers = make((channels, height, width), scale)
    if scale + 1 < scales and height % 2 == width % 2 == 0:
        out = channels // 2 if factor else 0
        inner = multiscale((channels - out, height, width), scales, make, scale + 1, factor, last)
        layers.append(Rest(out, inner) if factor else inner)
    elif last is not None:
        layers.append(Flat(last(channels * height * width)))
    return Squeezed(Chain(layers))


def last_channels(shape: tuple[int, ...], scales: int, factor: bool = True) -> torch.Tensor:
    """Return which channel of the last scale stands where in the latent image.

    Args:
        shape: Shape of the images, with even sides.
        scales: Largest number of scales.
        factor: Whether half of the channels are factored out after each scale.

    Returns:
        int64 ``shape``: the number of the channel, or -1 for what is factored out before the last scale.
    """
    channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
    if scales > 1 and height % 2 == width % 2 == 0:
        out = torch.full((channels // 2 if factor else 0, height, width), -1.0)
        rest = last_channels((channels - len(out), height, width), scales - 1, factor)
        numbers = torch.cat([out, rest.float()])
    else:
        numbers = torch.arange(float(channels))[:, None, None].expand(channels, height, width)
    return torch.nn.functional.pixel_shuffle(numbers[None], 2)[0].long()


def alternating_scale(couplings: int, width: int, depth: int, norm: bool = False) -> MakeScale:
    """Return a maker of scales with checkerboard couplings and channel-wise couplings by turns of two.

    On squeezed images a checkerboard of pixels is a choice of channels, so that no network has to look
    at masked pixels. After every two couplings the channels change places.

    Args:
        couplings: Number of couplings of each scale.
        width: Channels of the networks of the first scale; each further scale has twice as many.
        depth: Residual blocks of each network.
        norm: Whether the networks have batch normalisation.
    """

    def make(shape: Shape, scale: int) -> list[Transform]:
        channels, half = shape[0], shape[0] // 2
        layers: list[Transform] = [ActNorm(shape)]
        for start in range(0, couplings, 2):
            layers.append(Permute(_order(channels, start // 2)))
            count = min(2, couplings - start)
            pair = [_coupling(half, half, width << scale, depth, norm) for _ in range(count)]
            layers.append(Couplings(half, pair))
        return layers

    return make


def mixing_scale(couplings: int, width: int, depth: int, norm: bool = False) -> MakeScale:
    """Return a maker of scales with a normalisation and a 1x1 convolution before each coupling.

    Args:
        couplings: Number of couplings of each scale.
        width: Channels of the networks of the first scale; each further scale has twice as many.
        depth: Residual blocks of each network.
        norm: Whether the networks have batch normalisation.
    """

    def make(shape: Shape, scale: int) -> list[Transform]:
        channels, half = shape[0], shape[0] // 2
        layers: list[Transform] = []
        for _ in range(couplings):
            layers += [ActNorm(shape), LULinear(channels)]
            layers.append(Couplings(half, [_coupling(half, half, width << scale, depth, norm)]))
        return layers

    return make


def _coupling(given: int, changed: int, width: int, depth: int, norm: bool) -> Coupling:
    return AffineCoupling(ConvNet(given, 2 * changed, width, depth, norm), (changed, 1, 1))


def _order(channels: int, turn: int) -> torch.Tensor:
    """Return the order of squeezed channels for the couplings of a turn.

    The first turn has a checkerboard; every other turn a permutation drawn from the global generator.
    """
    if turn:
        return torch.randperm(channels)
    place = torch.arange(channels) % 4
    diagonal = (place == 0) | (place == 3)
    return torch.cat([diagonal.nonzero()[:, 0], (~diagonal).nonzero()[:, 0]])
