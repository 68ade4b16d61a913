"""The sliced Wasserstein distance."""

from __future__ import annotations

import warnings

from pydantic import PositiveInt
from torch import Tensor

from genlab import DataSpec, Examples, Metric, MetricTags, sub_seed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # some of POT's docstrings have escapes that Python warns about
    import ot

__all__ = ["SlicedWasserstein"]


class SlicedWasserstein(Metric):
    r"""The sliced 2-Wasserstein distance between samples and real data, of any kind.

    .. math:: SW_2^2(P, Q) = \mathbb{E}_{\theta \sim U(S^{D-1})} W_2^2(\theta_\# P, \theta_\# Q)

    Computed by POT. Source: Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of
    measures", J. Math. Imaging Vis. 51.

    Args:
        projections: Number of random directions.
    """

    tags = MetricTags(data=frozenset({"image", "vector", "series", "volume"}))

    def __init__(self, *, projections: PositiveInt = 200) -> None:
        self.projections = projections

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> int:
        """Return the seed of the directions, which are the same for every measurement."""
        return sub_seed(seed, "directions")

    def score(self, fitted: int, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return the distance, in units of the data."""
        distance = ot.sliced_wasserstein_distance(
            x.flatten(1).double().numpy(),
            real.flatten(1).double().numpy(),
            n_projections=self.projections,
            seed=fitted,
        )
        return {"sliced-wasserstein": float(distance)}
