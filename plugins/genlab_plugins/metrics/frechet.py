"""The Frechet distance."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genlab import DataSpec, Examples, Metric, MetricTags, RequestError
from genlab_plugins.metrics.classifier_finding import find_classifier
from genlab_plugins.metrics.classifier_network import FEATURES

__all__ = ["Features", "Frechet", "frechet_distance"]

_INCEPTION = "inception, 2048 features"

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
    2,048 the number carries a warning, and compares only with numbers of the same N.

    Source: Heusel et al. 2017 (arXiv:1706.08500), there with the features of Inception.

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
        """Return the distance, in squared units of the features."""
        return {"frechet": frechet_distance(*_moments(fitted.of(x)), *_moments(fitted.of(real)))}

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
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    both = np.sqrt(np.linalg.eigvalsh(root @ cov_y @ root).clip(min=0)).sum()
    apart = np.square(mean_x - mean_y).sum()
    return max(float(apart + np.trace(cov_x) + np.trace(cov_y) - 2 * both), 0.0)


def _moments(features: Tensor) -> tuple[Matrix, Matrix]:
    if len(features) < 2:
        raise RequestError("the Frechet distance needs at least two samples")
    found = features.double().numpy()
    return found.mean(0), np.cov(found, rowvar=False)


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
