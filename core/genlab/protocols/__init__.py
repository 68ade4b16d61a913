"""The five roles of a generative model, as abstract classes.

Every role is one abstract class, one registry and one set of contract checks. A class of genlab is
either abstract or final: concrete methods of these classes are not overridden.
"""

from genlab.protocols.backbone import Backbone, BackboneTags
from genlab.protocols.dataset import Dataset, DataSpec, Examples, LazyImages, PointSet, Split
from genlab.protocols.degradation import (
    AdditiveDegradation,
    Degradation,
    DegradationTags,
    DiagonalDegradation,
    GaussianDegradation,
    explain,
)
from genlab.protocols.density import Density, DensityTags, FittedDensity, Flow
from genlab.protocols.metric import Metric, MetricTags
from genlab.protocols.sampler import Restores, Sampler, SamplerTags

__all__ = [
    "AdditiveDegradation",
    "Backbone",
    "BackboneTags",
    "DataSpec",
    "Dataset",
    "Degradation",
    "DegradationTags",
    "Density",
    "DensityTags",
    "DiagonalDegradation",
    "Examples",
    "FittedDensity",
    "Flow",
    "GaussianDegradation",
    "LazyImages",
    "Metric",
    "MetricTags",
    "PointSet",
    "Restores",
    "Sampler",
    "SamplerTags",
    "Split",
    "explain",
]
