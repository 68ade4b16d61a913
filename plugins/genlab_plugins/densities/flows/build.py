"""The transform that fits the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from genlab import DataSpec, RequestError
from genlab_plugins.densities.flows.base import Base, GaussianBase, Means
from genlab_plugins.densities.flows.images import MakeScale, last_channels, multiscale, pixel_layers
from genlab_plugins.densities.flows.mixture import MixtureBase
from genlab_plugins.densities.flows.rearrange import Flat
from genlab_plugins.densities.flows.transform import Chain, Transform
from genlab_plugins.densities.flows.vectors import MakeCoupling, affine_couplings, alternating

__all__ = [
    "affine_transform",
    "image_transform",
    "latent_base",
    "require_vectors",
    "require_vectors_or_images",
]

MakeVectors = Callable[[int, int, MakeCoupling], Transform]
"""Takes the number of features, the number of couplings and a maker of couplings."""

MakeImages = Callable[[int, int, int, bool], MakeScale]
"""Takes the number of couplings in a scale, their width, their depth and whether they normalise."""

_DENSE = 8  # times the width of the networks of images: that of the perceptrons of dense couplings

_ANY = "The densities 'normal', 'gmm', 'kde' and 'empirical' fit data of any kind"


def affine_transform(
    spec: DataSpec,
    name: str,
    vectors: MakeVectors,
    images: MakeImages,
    *,
    couplings: int | None,
    width: int | None,
    depth: int | None,
    scales: int,
    factor: bool,
    norm: bool,
    dense: int,
    pixels: Literal["marginal", "logit"],
    alpha: float,
) -> Transform:
    """Return a transform of affine couplings, of vectors or of images.

    Args:
        spec: The data.
        name: The density that asks.
        vectors: How couplings of vectors follow each other.
        images: How couplings of images follow each other in a scale.
        couplings: Number of couplings; None: 8 for vectors, 6 for images.
        width: Features of hidden layers; None: 128 for vectors, 32 for images.
        depth: Hidden layers or residual blocks; None: 2 for vectors, 1 for images.
        scales: Largest number of scales of images.
        factor: Whether half of the channels are factored out after each scale of images.
        norm: Whether the networks of images have batch normalisation.
        dense: Number of couplings by perceptrons at the end of the last scale of images.
        pixels: How pixels are taken to the whole line.
        alpha: Distance of pixels from the ends of the logit.

    Raises:
        RequestError: The data is neither vectors nor images, or an example is one number, which affine
            couplings can only scale.
    """
    require_vectors_or_images(spec, name)
    _require_two_features(spec, name)

    def flat(features: int) -> Transform:
        return vectors(features, couplings or 8, affine_couplings(width or 128, depth or 2))

    if spec.kind == "vector":
        return flat(spec.shape[0])
    width = width or 32

    def last(features: int) -> Transform:
        return alternating(features, dense, affine_couplings(_DENSE * width, 2))

    make = images(couplings or 6, width, depth or 1, norm)
    layers = pixel_layers(spec, pixels, alpha)
    return image_transform(spec, layers, scales, make, flat, last if dense else None, factor=factor)


def latent_base(
    spec: DataSpec,
    means: Means | None,
    components: int | None,
    scales: int = 0,
    factor: bool = True,
) -> Base:
    """Return the distribution of the latent space that fits the data.

    Args:
        spec: The data.
        means: Whether means stay fixed or are learned; None: learned for vectors, fixed for images.
        components: Normal distributions of each class; None: 16 for vectors, 1 for images. One alone is a
            unit normal distribution.
        scales: Largest number of scales of images, of which only the last has means other than 0, the same
            at all of its places; 0: all numbers have means.
        factor: Whether half of the channels are factored out after each scale of images.
    """
    features, image = math.prod(spec.shape), spec.kind == "image"
    if components is None:
        components = 1 if image else 16
    if means is None:
        means = "fixed" if image else "learned"
    if components > 1:
        return MixtureBase(features, spec.classes, components, means)
    squeezed = scales and image and not (spec.shape[1] % 2 or spec.shape[2] % 2)
    channels = last_channels(spec.shape, scales, factor).flatten() if squeezed else None
    return GaussianBase(features, spec.classes, means, channels)


def image_transform(
    spec: DataSpec,
    layers: list[Transform],
    scales: int,
    make: MakeScale,
    flat: Callable[[int], Transform],
    last: Callable[[int], Transform] | None,
    *,
    factor: bool,
) -> Transform:
    """Return the transform of images.

    Args:
        spec: The data.
        layers: What takes pixels to the whole line.
        scales: Largest number of scales.
        make: Makes the layers of one scale.
        flat: Makes the transform of images with an odd side, which cannot be squeezed, from the number
            of their pixels and channels.
        last: Makes the transform of all numbers of the last scale, from how many there are, if any.
        factor: Whether half of the channels are factored out after each scale.
    """
    channels, height, width = spec.shape
    if height % 2 or width % 2:
        return Chain([*layers, Flat(flat(math.prod(spec.shape)))])
    inner = multiscale((channels, height, width), scales, make, factor=factor, last=last)
    return Chain([*layers, inner])


def require_vectors_or_images(spec: DataSpec, name: str) -> None:
    """Refuse all data but vectors and images.

    Args:
        spec: The data.
        name: The density that asks.

    Raises:
        RequestError: The data is neither.
    """
    if spec.kind not in ("vector", "image"):
        raise RequestError(
            f"the density {name!r} is for vectors and images; this data is of the kind {spec.kind!r}. {_ANY}"
        )


def _require_two_features(spec: DataSpec, name: str) -> None:
    if math.prod(spec.shape) < 2:
        raise RequestError(
            f"the density {name!r} couples features with one another; this data has the shape "
            f"{spec.shape}. The densities 'spline' and 'kde' fit a single feature"
        )


def require_vectors(spec: DataSpec, name: str) -> None:
    """Refuse all data but vectors.

    Args:
        spec: The data.
        name: The density that asks.

    Raises:
        RequestError: The data is not vectors.
    """
    if spec.kind != "vector":
        others = "The densities 'realnvp' and 'glow' fit images" if spec.kind == "image" else _ANY
        raise RequestError(
            f"the density {name!r} is for vectors; this data is of the kind {spec.kind!r}. {others}"
        )
