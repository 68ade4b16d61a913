"""The Frechet distance."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genlab import (
    DataSpec,
    Examples,
    Metric,
    MetricTags,
    RequestError,
    bootstrap_counts,
    bootstrap_interval,
)
from genlab_plugins.metrics.classifier_finding import find_classifier
from genlab_plugins.metrics.classifier_network import FEATURES

__all__ = ["Features", "Frechet", "extrapolated_distance", "frechet_distance"]

_INCEPTION = "inception, 2048 features"
_RESAMPLES = 100
_PARTS, _EACH = (
    5,
    4,
)  # the smallest parts that are extrapolated from, and their examples per feature
_ROWS = 1024  # of the products of features in memory at once

Matrix = npt.NDArray[np.float64]


class Features(NamedTuple):
    """What the distance is measured in."""

    name: str
    """Whose features they are, and how many."""
    of: Callable[[Tensor], Tensor]
    """Takes images ``(N, C, H, W)`` and returns their features ``(N, D)``."""


@final
class Frechet(Metric):
    r"""The Frechet distance between the features of samples and of real images.

    .. math:: |\mu_x - \mu_y|^2 + \operatorname{tr} \Sigma_x + \operatorname{tr} \Sigma_y
        - 2 \operatorname{tr} (\Sigma_x^{1/2} \Sigma_y \Sigma_x^{1/2})^{1/2}

    with means and covariances of the features, in float64. It is biased upwards for few samples: under
    2,048 the number carries a warning, and compares only with numbers of the same N. ``infinite`` is what it
    tends to for ever more samples and real images: the bias falls as 1/N, so that the distances of halves,
    thirds, ... of both lie on a line over 1/N, which is followed to 0. It may come out a little below 0, and
    is there for features of which a fifth of the samples has at least four times as many. The interval of the
    distance itself is that of
    a bootstrap over samples and real images, 100 resamples of each; in the features of Inception, of which
    one resample takes as long as the number, there is none.

    Sources: Heusel et al. 2017 (arXiv:1706.08500), there with the features of Inception; Chong & Forsyth 2020
    (arXiv:1911.07023) for infinitely many samples, there for those alone.

    Args:
        features: Whose features: those of the reference classifier of the data, or the 2,048 of Inception,
            which need the package torch-fidelity (``pip install torch-fidelity``); it downloads the weights
            when they are first used.
        classifier: A file that ``genlab classifier`` wrote; None: the reference classifier of the data.

    Raises:
        RequestError: Inception is asked for, and torch-fidelity is not installed.
    """

    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features="64 features of the reference classifier",
        at_least=2048,
    )

    def __init__(
        self,
        *,
        features: Literal["classifier", "inception"] = "classifier",
        classifier: str | None = None,
    ) -> None:
        self.features, self.classifier = features, classifier
        if features == "inception":
            _require_inception()
            self.tags = replace(self.tags, labels=False, features=_INCEPTION)

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Features:
        """Return what turns images into features."""
        if self.features == "inception":
            return Features(_INCEPTION, _inception())
        classifier = find_classifier(train, spec, file=self.classifier)
        name = f"{classifier.record.procedure}, {FEATURES} features"
        return Features(name, lambda x: classifier.outputs(x).features)

    def score(self, fitted: Features, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return the distance, in squared units of the features, and what it tends to."""
        a, b = fitted.of(x), fitted.of(real)
        found = {"frechet": frechet_distance(*_moments(a), *_moments(b))}
        if min(len(a), len(b)) // _PARTS >= _EACH * a.shape[1]:
            found["infinite"] = extrapolated_distance(a, b)
        return found

    def intervals(
        self,
        fitted: Features,
        x: Tensor,
        real: Tensor,
        values: Mapping[str, float],
        *,
        generator: torch.Generator,
    ) -> dict[str, tuple[float, float] | None]:
        """Return where the distance of other samples, against other real images, would lie."""
        if self.features == "inception":
            return {}
        moments: list[Matrix] = []
        for features in (fitted.of(x).double(), fitted.of(real).double()):
            counts = bootstrap_counts(len(features), _RESAMPLES, generator=generator)
            moments += _resampled_moments(features, counts)
        replicates = torch.from_numpy(_squared_distances(*moments))
        return {"frechet": bootstrap_interval(values["frechet"], replicates, least=0.0)}

    def features_of(self, fitted: Features) -> str:
        """Return whose features were used, and how many they are."""
        return fitted.name


def frechet_distance(mean_x: Matrix, cov_x: Matrix, mean_y: Matrix, cov_y: Matrix) -> float:
    """Return the squared Frechet distance of two Gaussians.

    Args:
        mean_x: Mean ``(D,)`` of the first.
        cov_x: Its covariance ``(D, D)``.
        mean_y: Mean ``(D,)`` of the second.
        cov_y: Its covariance ``(D, D)``.
    """
    return float(_squared_distances(mean_x, cov_x, mean_y, cov_y))


def extrapolated_distance(a: Tensor, b: Tensor) -> float:
    """Return the distance of infinitely many examples, from those of parts of both sets.

    Args:
        a: Features ``(N, D)``, in no order.
        b: Features ``(M, D)``, in no order.
    """
    sizes, distances = [], []
    for parts in range(1, _PARTS + 1):
        size = min(len(a), len(b)) // parts
        each = [
            frechet_distance(*_moments(a[i : i + size]), *_moments(b[i : i + size]))
            for i in range(0, parts * size, size)
        ]
        sizes.append(size)
        distances.append(np.mean(each))
    return float(np.polyfit(1 / np.array(sizes), np.array(distances), 1)[1])


def _squared_distances(mean_x: Matrix, cov_x: Matrix, mean_y: Matrix, cov_y: Matrix) -> Matrix:
    """Return the distances ``(...)`` of pairs of means ``(..., D)`` and covariances ``(..., D, D)``."""
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(values.clip(min=0))[..., None, :]) @ vectors.swapaxes(-1, -2)
    both = np.sqrt(np.linalg.eigvalsh(root @ cov_y @ root).clip(min=0)).sum(-1)
    apart = np.square(mean_x - mean_y).sum(-1)
    traces = sum(np.trace(cov, axis1=-2, axis2=-1) for cov in (cov_x, cov_y))
    found: Matrix = (apart + traces - 2 * both).clip(min=0)
    return found


def _moments(features: Tensor) -> tuple[Matrix, Matrix]:
    if len(features) < 2:
        raise RequestError("the Frechet distance needs at least two samples")
    found = features.double().numpy()
    return found.mean(0), np.atleast_2d(np.cov(found, rowvar=False))


def _resampled_moments(features: Tensor, counts: Tensor) -> tuple[Matrix, Matrix]:
    """Return means ``(B, D)`` and covariances ``(B, D, D)`` of bootstrap resamples.

    Args:
        features: ``(N, D)`` in float64.
        counts: How often each example is in each resample, ``(B, N)``.
    """
    n, d = features.shape
    centre = features.mean(0)
    i, j = torch.triu_indices(d, d)
    upper = torch.zeros(len(counts), len(i), dtype=torch.float64)
    for rows, times in zip((features - centre).split(_ROWS), counts.split(_ROWS, 1), strict=True):
        columns = rows.T.contiguous()
        upper += times @ (columns[i] * columns[j]).T
    covs = torch.zeros(len(counts), d, d, dtype=torch.float64)
    covs[:, i, j] = covs[:, j, i] = upper
    means = counts @ (features - centre) / n
    covs = (covs - n * means[:, :, None] * means[:, None, :]) / (n - 1)
    return (centre + means).numpy(), covs.numpy()


def _require_inception() -> None:
    if importlib.util.find_spec("torch_fidelity") is None:
        raise RequestError(
            "features = 'inception' needs the package torch-fidelity: pip install torch-fidelity, or take "
            "features = 'classifier'"
        )


def _inception() -> Callable[[Tensor], Tensor]:
    _require_inception()
    module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    try:
        network = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (OSError, RuntimeError) as error:
        raise RequestError(f"the weights of Inception cannot be had: {error}") from None

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        levels = ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        colours = levels.expand(-1, 3, -1, -1) if levels.shape[1] == 1 else levels
        return torch.cat([network(part)[0] for part in colours.split(64)])

    return features
