"""The transform that fits the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

from genlab import DataSpec, RequestError
from genlab_plugins.densities.flows.images import MakeScale, Shape, multiscale, to_reals
from genlab_plugins.densities.flows.rearrange import Flat
from genlab_plugins.densities.flows.transform import Chain, Transform

__all__ = ["image_transform", "require_two_features", "require_vectors"]


def image_transform(
    spec: DataSpec, scales: int, make: MakeScale, flat: Callable[[int], Transform]
) -> Transform:
    """Return the transform of images.

    Args:
        spec: The data.
        scales: Largest number of scales.
        make: Makes the layers of one scale.
        flat: Makes the transform of images with an odd side, which cannot be squeezed, from the number
            of their pixels and channels.
    """
    shape = cast(Shape, spec.shape)
    if shape[1] % 2 or shape[2] % 2:
        return Chain([*to_reals(spec), Flat(flat(math.prod(shape)))])
    return Chain([*to_reals(spec), multiscale(shape, scales, make)])


def require_two_features(spec: DataSpec, name: str) -> None:
    """Refuse data with a single number.

    Args:
        spec: The data.
        name: The density that asks.

    Raises:
        RequestError: An example is one number, which affine couplings can only scale.
    """
    if math.prod(spec.shape) < 2:
        raise RequestError(
            f"the density {name!r} couples features with one another; this data has the shape "
            f"{spec.shape}. The densities 'spline' and 'kde' fit a single feature"
        )


def require_vectors(spec: DataSpec, name: str) -> None:
    """Refuse images.

    Args:
        spec: The data.
        name: The density that asks.

    Raises:
        RequestError: The data is images.
    """
    if spec.kind != "vector":
        raise RequestError(
            f"the density {name!r} is for vectors; this data has the shape {spec.shape}. The densities "
            "'realnvp' and 'glow' fit images"
        )
