"""What metrics have in common that measure in the outputs of the reference classifier."""

from __future__ import annotations

from typing import ClassVar

from genlab import DataSpec, Examples, Metric
from genlab_plugins.metrics.classifier import Classifier
from genlab_plugins.metrics.classifier_finding import find_classifier
from genlab_plugins.metrics.classifier_network import FEATURES

__all__ = ["SeenByClassifier"]


class SeenByClassifier(Metric):
    """A metric on the outputs of the reference classifier for images (abstract).

    Args:
        classifier: A file that ``genlab classifier`` wrote; None: the reference classifier of the data.
    """

    uses: ClassVar[str] = f"{FEATURES} features"
    """Which outputs."""

    def __init__(self, *, classifier: str | None = None) -> None:
        self.classifier = classifier

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Classifier:
        """Return the classifier."""
        return find_classifier(train, spec, file=self.classifier)

    def features_of(self, fitted: Classifier) -> str:
        """Return the procedure that the classifier was trained by, and which of its outputs were used."""
        return f"{fitted.record.procedure}, {self.uses}"
