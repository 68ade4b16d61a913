"""genlab turns any way of degrading data into a generative model.

The Python face: :func:`run`, :func:`open_run`, :func:`build`, :func:`registry`, and the protocols that
a plugin implements. Names are imported when they are first used, so that ``import genlab`` is quick
and does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "run": "genlab.api",
    "open_run": "genlab.api",
    "resume": "genlab.api",
    "Run": "genlab.runs",
    "build": "genlab.registries",
    "registry": "genlab.registries",
    "explain": "genlab.protocols",
    "hookimpl": "genlab.hooks",
    "GenlabError": "genlab.errors",
    "RequestError": "genlab.errors",
    "RunError": "genlab.errors",
    "Restorer": "genlab.restorer",
    "AdditiveDegradation": "genlab.protocols",
    "Backbone": "genlab.protocols",
    "BackboneTags": "genlab.protocols",
    "DataSpec": "genlab.protocols",
    "Dataset": "genlab.protocols",
    "Degradation": "genlab.protocols",
    "DegradationTags": "genlab.protocols",
    "Density": "genlab.protocols",
    "DensityTags": "genlab.protocols",
    "Examples": "genlab.protocols",
    "FittedDensity": "genlab.protocols",
    "Flow": "genlab.protocols",
    "DiagonalDegradation": "genlab.protocols",
    "GaussianDegradation": "genlab.protocols",
    "LazyImages": "genlab.protocols",
    "Metric": "genlab.protocols",
    "MetricTags": "genlab.protocols",
    "PointSet": "genlab.protocols",
    "Sampler": "genlab.protocols",
    "SamplerTags": "genlab.protocols",
}

__all__ = ["__version__", *_WHERE]

if TYPE_CHECKING:
    from genlab.api import open_run as open_run
    from genlab.api import resume as resume
    from genlab.api import run as run
    from genlab.errors import GenlabError as GenlabError
    from genlab.errors import RequestError as RequestError
    from genlab.errors import RunError as RunError
    from genlab.hooks import hookimpl as hookimpl
    from genlab.protocols import AdditiveDegradation as AdditiveDegradation
    from genlab.protocols import Backbone as Backbone
    from genlab.protocols import BackboneTags as BackboneTags
    from genlab.protocols import Dataset as Dataset
    from genlab.protocols import DataSpec as DataSpec
    from genlab.protocols import Degradation as Degradation
    from genlab.protocols import DegradationTags as DegradationTags
    from genlab.protocols import Density as Density
    from genlab.protocols import DensityTags as DensityTags
    from genlab.protocols import DiagonalDegradation as DiagonalDegradation
    from genlab.protocols import Examples as Examples
    from genlab.protocols import FittedDensity as FittedDensity
    from genlab.protocols import Flow as Flow
    from genlab.protocols import GaussianDegradation as GaussianDegradation
    from genlab.protocols import LazyImages as LazyImages
    from genlab.protocols import Metric as Metric
    from genlab.protocols import MetricTags as MetricTags
    from genlab.protocols import PointSet as PointSet
    from genlab.protocols import Sampler as Sampler
    from genlab.protocols import SamplerTags as SamplerTags
    from genlab.protocols import explain as explain
    from genlab.registries import build as build
    from genlab.registries import registry as registry
    from genlab.restorer import Restorer as Restorer
    from genlab.runs import Run as Run


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'genlab' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
