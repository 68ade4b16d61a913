"""The transform that fits the data."""

from __future__ import annotations

import math
from collections.abc import Callable

from genlab import DataSpec, RequestError
from genlab_plugins.densities.flows.images import MakeScale, multiscale, to_reals
from genlab_plugins.densities.flows.rearrange import Flat
from genlab_plugins.densities.flows.transform import Chain, Transform
from genlab_plugins.densities.flows.vectors import MakeCoupling, affine_couplings

__all__ = ["affine_transform", "image_transform", "require_vectors"]

MakeVectors = Callable[[int, int, MakeCoupling], Transform]
"""Takes the number of features, the number of couplings and a maker of couplings."""

MakeImages = Callable[[int, int, int], MakeScale]
"""Takes the number of couplings in a scale, their width and their depth."""

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
        alpha: Distance of pixels from the ends of the logit.

    Raises:
        RequestError: The data is neither vectors nor images, or an example is one number, which affine
            couplings can only scale.
    """
    _require_vectors_or_images(spec, name)
    _require_two_features(spec, name)

    def flat(features: int) -> Transform:
        return vectors(features, couplings or 8, affine_couplings(width or 128, depth or 2))

    if spec.kind == "vector":
        return flat(spec.shape[0])
    return image_transform(
        spec, scales, images(couplings or 6, width or 32, depth or 1), flat, alpha
    )


def image_transform(
    spec: DataSpec, scales: int, make: MakeScale, flat: Callable[[int], Transform], alpha: float
) -> Transform:
    """Return the transform of images.

    Args:
        spec: The data.
        scales: Largest number of scales.
        make: Makes the layers of one scale.
        flat: Makes the transform of images with an odd side, which cannot be squeezed, from the number
            of their pixels and channels.
        alpha: Distance of pixels from the ends of the logit.
    """
    channels, height, width = spec.shape
    if height % 2 or width % 2:
        return Chain([*to_reals(spec, alpha), Flat(flat(math.prod(spec.shape)))])
    return Chain([*to_reals(spec, alpha), multiscale((channels, height, width), scales, make)])


def _require_vectors_or_images(spec: DataSpec, name: str) -> None:
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
