"""Contract checks for the authors of components.

Every role has a contract; what a component promises by its tags decides which clauses are checked, on
anybody's component alike. ``check_degradation(Swirl())`` runs them all and raises one error that lists
every broken clause with its smallest example; :func:`parametrize_with_checks` makes one test of pytest
out of each.
"""

from genlab.testing.backbone import backbone_checks, check_backbone
from genlab.testing.check import Check, ContractError, Failure
from genlab.testing.collection import checks_of, parametrize_with_checks
from genlab.testing.dataset import check_dataset, dataset_checks
from genlab.testing.degradation import check_degradation, degradation_checks
from genlab.testing.density import check_density, density_checks
from genlab.testing.reference import CosineNoise, Fade
from genlab.testing.sampler import check_sampler, sampler_checks

__all__ = [
    "Check",
    "ContractError",
    "CosineNoise",
    "Fade",
    "Failure",
    "backbone_checks",
    "check_backbone",
    "check_dataset",
    "check_degradation",
    "check_density",
    "check_sampler",
    "checks_of",
    "dataset_checks",
    "degradation_checks",
    "density_checks",
    "parametrize_with_checks",
    "sampler_checks",
]
