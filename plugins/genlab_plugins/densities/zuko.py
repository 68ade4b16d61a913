"""The flows of zuko: a bridge to another package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import PositiveInt
from torch import Tensor

from genlab import DataSpec, DensityTags, RequestError, extra
from genlab_plugins.densities.flows.actnorm import ActNorm
from genlab_plugins.densities.flows.build import latent_base, require_vectors
from genlab_plugins.densities.flows.flow import TransformedFlow
from genlab_plugins.densities.flows.transform import Chain, Transform

__all__ = ["Zuko"]


class Zuko(TransformedFlow):
    """A flow of zuko; with classes, the latent space has a normal distribution for each.

    Data is standardised first. Of ``zuko.flows``, NCSF is left out, since its latent space is a torus, and so
    is GMM, which is no flow.

    Source: Rozet et al. 2022, Zuko: Normalizing flows in PyTorch (doi:10.5281/zenodo.7625672).

    Args:
        spec: The data: vectors.
        flow: A class of ``zuko.flows``.
        options: What else the class takes, such as ``{"transforms": 5, "hidden_features": [128, 128]}``.
        base: Whether the distributions of the latent space stay fixed or are learned.
        components: Normal distributions of each class in the latent space; one is a unit normal distribution,
            as zuko has it.

    Raises:
        RequestError: The data is not vectors, zuko is not installed, or the flow takes no such options.
    """

    tags = DensityTags(conditional=True, temperature=True)

    def __init__(
        self,
        spec: DataSpec,
        *,
        flow: Literal[
            "NSF", "MAF", "NICE", "RealNVP", "NAF", "UNAF", "SOSPF", "BPF", "GF", "CNF"
        ] = "NSF",
        options: Mapping[str, Any] | None = None,
        base: Literal["fixed", "learned"] = "fixed",
        components: PositiveInt = 1,
    ) -> None:
        require_vectors(spec, "zuko")
        flows = extra("zuko.flows", "zuko", "the density 'zuko'")
        try:
            theirs = getattr(flows, flow)(spec.shape[0], **options or {})
        except (TypeError, AssertionError) as error:
            raise RequestError(f"density.options = {options}: {error}") from error
        transform = Chain([ActNorm(spec.shape), _Bridge(theirs.transform)])
        super().__init__(spec, transform, latent_base(spec, base, components))


class _Bridge(Transform):
    """A transform of zuko, which is built anew for every call, as one of ours."""

    def __init__(self, lazy: Any) -> None:
        super().__init__()
        self.lazy = lazy

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        return self.lazy().call_and_ladj(x)  # type: ignore[no-any-return]

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        return self.lazy().inv.call_and_ladj(z)  # type: ignore[no-any-return]
