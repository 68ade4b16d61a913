"""Glow: affine couplings with invertible linear layers between them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from genlab import DataSpec, DensityTags
from genlab_plugins.densities.flows.build import affine_transform, latent_base
from genlab_plugins.densities.flows.flow import TransformedFlow
from genlab_plugins.densities.flows.images import mixing_scale
from genlab_plugins.densities.flows.vectors import mixing

__all__ = ["Glow"]


class Glow(TransformedFlow):
    r"""A flow whose steps are a normalisation, an invertible linear layer and an affine coupling.

    .. math:: u = W (e^{s} x + b), \qquad z_1 = u_1, \qquad z_2 = e^{s(u_1)} u_2 + t(u_1)

    W is a matrix in its LU form: of all features of a vector, or of the channels at each place of an
    image, which is a 1x1 convolution.

    Source: Kingma & Dhariwal 2018 (arXiv:1807.03039).

    Args:
        spec: The data.
        couplings: Number of steps; of images, in each scale. None: 8 for vectors, 6 for images.
        width: Features of the hidden layers; of images, channels in the first scale, doubled in each
            further one. None: 128 for vectors, 32 for images.
        depth: Hidden layers of a perceptron, or residual blocks. None: 2 for vectors, 1 for images.
        scales: Largest number of scales of images.
        factor: Whether half of the channels are factored out after each scale of images, which costs less;
            else all of them go through every scale.
        norm: Whether the residual networks have batch normalisation.
        dense: Number of couplings at the end of the last scale of images whose networks are perceptrons,
            which see the whole of it at once, where convolutions see a few places.
        pixels: How pixels are taken to the whole line: ``"marginal"`` makes the distribution of single
            pixels normal, as the histogram of the data says; ``"logit"`` is as Dinh et al. have it.
        alpha: Images are squeezed to [alpha, 1 - alpha] before the logit. Where much of an image is quite
            black, a small one spreads the dequantised black out, which affine couplings need.
        base: Whether the distributions of the latent space stay fixed or are learned. None: learned for
            vectors, fixed for images.
        components: Normal distributions of each class in the latent space. None: 16 for vectors, since one
            can't become a ring; 1 for images, with means in the last scale alone, the same at every place.

    Raises:
        RequestError: The data is neither vectors nor images, or an example is a single number.
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
        couplings: PositiveInt | None = None,
        width: PositiveInt | None = None,
        depth: PositiveInt | None = None,
        scales: PositiveInt = 3,
        factor: bool = True,
        norm: bool = False,
        dense: NonNegativeInt = 0,
        pixels: Literal["marginal", "logit"] = "marginal",
        alpha: Annotated[float, Field(ge=1e-6, lt=0.5)] = 1e-3,
        base: Literal["fixed", "learned"] | None = None,
        components: PositiveInt | None = None,
    ) -> None:
        transform = affine_transform(
            spec, "glow", mixing, mixing_scale,
            couplings=couplings, width=width, depth=depth, scales=scales, factor=factor, norm=norm,
            dense=dense, pixels=pixels, alpha=alpha,
        )  # fmt: skip
        super().__init__(spec, transform, latent_base(spec, base, components, scales, factor))
