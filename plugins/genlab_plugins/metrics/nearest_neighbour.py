"""How close samples come to the training images."""

from __future__ import annotations

from typing import final

from torch import Tensor

from genlab import DataSpec, Examples, Metric, MetricTags, nearest

__all__ = ["NearestNeighbour"]

_CLOSE = 0.01


@final
class NearestNeighbour(Metric):
    r"""How close samples come to the training images: whether a model has learned them by heart.

    With :math:`d(x)` the Euclidean distance in pixels from x to the nearest training image:

    * ``distance``: :math:`\mathbb{E} \, d(x)` over the samples,
    * ``ratio``: the same divided by its value for real images that are not in the training split; about 1
      for a good model, 0 for copies,
    * ``close``: share of samples that come closer than the closest 1 % of those real images; about 0.01
      for a good model, 1 for copies.

    It looks at the first 1,000 samples, and at all training images.

    Source: "A note on the evaluation of generative models" 2016 (arXiv:1511.01844), whose section on
    nearest neighbours says what such a test can show and what it cannot.
    """

    tags = MetricTags(data=frozenset({"image"}), features="pixels", at_most=1000, baseline="test")

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Examples:
        """Return the training images."""
        return train

    def score(self, fitted: Examples, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return distance, ratio and the share that is close."""
        d_x, d_real = nearest(x, fitted)[0].double(), nearest(real, fitted)[0].double()
        return {
            "distance": float(d_x.mean()),
            "ratio": float(d_x.mean() / d_real.mean()),
            "close": float((d_x < d_real.quantile(_CLOSE)).double().mean()),
        }
