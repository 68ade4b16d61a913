"""Configuration: requests, in which everything is optional, and resolved ones, in which nothing is."""

from genlab.config.assemble import (
    AllParts,
    Parts,
    assemble,
    assemble_model,
    pick_device,
    require_metrics_fit,
)
from genlab.config.chosen import Chosen, Objects, choose, class_of, made, version_of
from genlab.config.described import Setting, described_settings
from genlab.config.request import SETTINGS, Request
from genlab.config.resolve import Resolution, defaults, resolve, with_path
from genlab.config.resolved import (
    Diffusion,
    FittedAlone,
    FittedPrior,
    Learned,
    Resolved,
    TrainedAlone,
    TrainedPrior,
    checked,
)
from genlab.config.tables import SLOTS, merge, nested, parse_assignments, refuse_two_places

__all__ = [
    "SETTINGS",
    "SLOTS",
    "AllParts",
    "Chosen",
    "Diffusion",
    "FittedAlone",
    "FittedPrior",
    "Learned",
    "Objects",
    "Parts",
    "Request",
    "Resolution",
    "Resolved",
    "Setting",
    "TrainedAlone",
    "TrainedPrior",
    "assemble",
    "assemble_model",
    "checked",
    "choose",
    "class_of",
    "defaults",
    "described_settings",
    "made",
    "merge",
    "nested",
    "parse_assignments",
    "pick_device",
    "refuse_two_places",
    "require_metrics_fit",
    "resolve",
    "version_of",
    "with_path",
]
