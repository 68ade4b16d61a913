"""Neural spline flow: couplings by rational-quadratic splines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from genlab import DataSpec, DensityTags
from genlab_plugins.densities.flows.build import latent_base, require_vectors
from genlab_plugins.densities.flows.conditioner import Perceptron
from genlab_plugins.densities.flows.coupling import Coupling
from genlab_plugins.densities.flows.flow import TransformedFlow
from genlab_plugins.densities.flows.spline_coupling import SplineCoupling
from genlab_plugins.densities.flows.vectors import alternating

__all__ = ["Spline"]


class Spline(TransformedFlow):
    r"""A flow of couplings by monotone rational-quadratic splines, for vectors.

    .. math:: z_1 = x_1, \qquad z_2 = g_{\theta(x_1)}(x_2)

    where g is a spline on [-B, B] and the identity outside. A first layer standardises the data, so that
    nearly all of it falls inside.

    Source: Durkan, Bekasov, Murray & Papamakarios 2019, "Neural spline flows" (arXiv:1906.04032).

    Args:
        spec: The data: vectors.
        couplings: Number of couplings.
        width: Features of the hidden layers of the perceptrons.
        depth: Number of hidden layers.
        bins: Number of bins of a spline.
        bound: B, in deviations of the data.
        base: Whether the distributions of the latent space stay fixed or are learned. None: learned.
        components: Normal distributions of each class in the latent space. None: 16.

    Raises:
        RequestError: The data is not vectors.
    """

    tags = DensityTags(conditional=True, temperature=True, replayable=True)

    def __init__(
        self,
        spec: DataSpec,
        *,
        couplings: PositiveInt = 6,
        width: PositiveInt = 128,
        depth: PositiveInt = 2,
        bins: Annotated[int, Field(ge=2, le=256)] = 16,
        bound: PositiveFloat = 4.0,
        base: Literal["fixed", "learned"] | None = None,
        components: PositiveInt | None = None,
    ) -> None:
        require_vectors(spec, "spline")

        def make(given: int, changed: int) -> Coupling:
            conditioner = Perceptron(given, (3 * bins - 1) * changed, width, depth)
            return SplineCoupling(conditioner, bins, bound)

        transform = alternating(spec.shape[0], couplings, make)
        super().__init__(spec, transform, latent_base(spec, base, components))
