"""TarFlow: an autoregressive flow by transformers."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt

from genlab import DataSpec, DensityTags, RequestError
from genlab_plugins.densities.flows.autoregressive import AutoregressiveBlock, Tokens
from genlab_plugins.densities.flows.base import Base, GaussianBase, Means
from genlab_plugins.densities.flows.build import latent_base, require_vectors_or_images
from genlab_plugins.densities.flows.flow import TransformedFlow
from genlab_plugins.densities.flows.images import pixel_layers
from genlab_plugins.densities.flows.transform import Chain

__all__ = ["TarFlow"]


class TarFlow(TransformedFlow):
    r"""Affine maps of patches, each as a causal transformer says that has seen those before it.

    .. math:: z_i = e^{s(x_{<i})} x_i + t(x_{<i})

    in several blocks, which go through the patches forwards and backwards by turns. Features of vectors
    are patches of their own. Encoding is as fast as a transformer; decoding goes patch by patch. With
    classes, the latent distribution of each has a mean of its own, the same in every patch, so that one pass
    classifies.

    Source: Zhai et al. 2024 (arXiv:2412.06329), who give the class to the transformer instead.

    Args:
        spec: The data.
        patch: Side of a patch, which divides the sides of images. None: the largest of 4, 3, 2 and 1 that
            does and leaves more than one.
        width: Features of the transformers, about 32 to a head.
        blocks: Number of blocks.
        depth: Layers of the transformer of each block.
        pixels: How pixels are taken to the whole line: ``"marginal"`` makes the distribution of single pixels
            normal, ``"logit"`` is the logit of pixels squeezed to [.001, .999].
        base: Whether the distributions of the latent space stay fixed or are learned. None: learned for
            vectors, fixed for images.
        components: Normal distributions of each class in the latent space. None: 16 for vectors, 1 for
            images.

    Raises:
        RequestError: The data is neither vectors nor images, or its sides are no multiples of the patch.
    """

    tags = DensityTags(
        conditional=True,
        temperature=True,
        mixed_precision=True,
        replayable=True,
        data=frozenset({"vector", "image"}),
    )

    def __init__(
        self,
        spec: DataSpec,
        *,
        patch: PositiveInt | None = None,
        width: Annotated[int, Field(ge=4)] = 128,
        blocks: PositiveInt = 4,
        depth: PositiveInt = 4,
        pixels: Literal["marginal", "logit"] = "marginal",
        base: Means | None = None,
        components: PositiveInt | None = None,
    ) -> None:
        require_vectors_or_images(spec, "tarflow")
        side = _patch(spec, patch)
        features = spec.shape[0] * side**2 if spec.kind == "image" else 1
        tokens = math.prod(spec.shape) // features
        made = [
            AutoregressiveBlock(tokens, features, width, depth, i % 2 == 1) for i in range(blocks)
        ]
        inner = Tokens(Chain(made), side)
        transform = Chain([*pixel_layers(spec, pixels, 1e-3), inner])
        super().__init__(spec, transform, _base(spec, base, components, inner))


def _patch(spec: DataSpec, patch: int | None) -> int:
    """Return the side of a patch.

    Raises:
        RequestError: It divides no side.
    """
    if spec.kind != "image":
        return 1
    height, width = spec.shape[1:]
    fitting = [p for p in range(1, min(height, width) + 1) if height % p == width % p == 0]
    if patch is None:
        return max(p for p in fitting if p <= max(min(4, min(height, width) // 2), 1))
    if patch not in fitting:
        raise RequestError(
            f"density.patch = {patch} does not divide images of {height} x {width}; these do: "
            f"{', '.join(map(str, fitting))}"
        )
    return patch


def _base(spec: DataSpec, means: Means | None, components: int | None, tokens: Tokens) -> Base:
    """Return the latent distribution, of which every patch has the same means."""
    if spec.kind != "image" or (components or 1) > 1:
        return latent_base(spec, means, components)
    features = spec.shape[0] * tokens.patch**2
    numbers = torch.arange(float(features)).expand(1, math.prod(spec.shape) // features, features)
    like = torch.zeros(1, *spec.shape)
    channels = tokens.whole(numbers, like).flatten().long()
    return GaussianBase(math.prod(spec.shape), spec.classes, means or "fixed", channels)
