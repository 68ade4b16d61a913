"""Components: the base class, parameters and the registry; and one file for each role."""

from genlab.components.backbone import Backbone, BackboneTags, as_backbone
from genlab.components.component import Component
from genlab.components.data import ArrayDataset, as_dataset, loaded
from genlab.components.dataset import (
    Data,
    Dataset,
    DataSpec,
    Examples,
    Kind,
    LazyImages,
    PointSet,
    Split,
    dequantise,
)
from genlab.components.degradation import (
    AdditiveDegradation,
    Advice,
    Degradation,
    DegradationTags,
    DiagonalDegradation,
    GaussianDegradation,
    InvertibleDegradation,
    LinearDegradation,
    Prediction,
    explain,
    right_expand,
    time_at,
)
from genlab.components.density import Density, DensityTags, FittedDensity, Flow
from genlab.components.engine import Engine, Job, Outcome
from genlab.components.metric import HasModes, Metric, MetricTags, ScoresEach
from genlab.components.objective import Network, Objective
from genlab.components.optimiser import Optimiser
from genlab.components.sampler import Restores, Sampler
from genlab.components.tracker import Hooks, Tracker, hookimpl

__all__ = [
    "AdditiveDegradation",
    "Advice",
    "ArrayDataset",
    "Backbone",
    "BackboneTags",
    "Component",
    "Data",
    "DataSpec",
    "Dataset",
    "Degradation",
    "DegradationTags",
    "Density",
    "DensityTags",
    "DiagonalDegradation",
    "Engine",
    "Examples",
    "FittedDensity",
    "Flow",
    "GaussianDegradation",
    "HasModes",
    "Hooks",
    "InvertibleDegradation",
    "Job",
    "Kind",
    "LazyImages",
    "LinearDegradation",
    "Metric",
    "MetricTags",
    "Network",
    "Objective",
    "Optimiser",
    "Outcome",
    "PointSet",
    "Prediction",
    "Restores",
    "Sampler",
    "ScoresEach",
    "Split",
    "Tracker",
    "as_backbone",
    "as_dataset",
    "dequantise",
    "explain",
    "hookimpl",
    "loaded",
    "right_expand",
    "time_at",
]
