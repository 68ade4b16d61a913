"""Contract checks for the authors of components.

Every role has a contract; what a component promises by its class and its tags decides which clauses are
checked, on anybody's component alike. ``check_degradation(Swirl())`` runs them all and raises one error that
lists every broken clause with its smallest example; :func:`parametrize_with_checks` makes one test of pytest
out of each.
"""

from genlab.testing.backbone import backbone_checks, check_backbone
from genlab.testing.check import Check, ContractError, Failure, failures
from genlab.testing.collection import checks_of, parametrize_with_checks
from genlab.testing.component import component_checks
from genlab.testing.dataset import check_dataset, dataset_checks
from genlab.testing.degradation import check_degradation, degradation_checks
from genlab.testing.density import check_density, density_checks
from genlab.testing.engine import check_engine, engine_checks
from genlab.testing.figure import check_figure, figure_checks
from genlab.testing.metric import check_metric, metric_checks
from genlab.testing.objective import check_objective, objective_checks
from genlab.testing.optimiser import check_optimiser, optimiser_checks
from genlab.testing.reference import CosineNoise, Fade, NoisyFade
from genlab.testing.sampler import check_sampler, sampler_checks
from genlab.testing.tracker import check_tracker, tracker_checks

__all__ = [
    "Check",
    "ContractError",
    "CosineNoise",
    "Fade",
    "Failure",
    "NoisyFade",
    "backbone_checks",
    "check_backbone",
    "check_dataset",
    "check_degradation",
    "check_density",
    "check_engine",
    "check_figure",
    "check_metric",
    "check_objective",
    "check_optimiser",
    "check_sampler",
    "check_tracker",
    "checks_of",
    "component_checks",
    "dataset_checks",
    "degradation_checks",
    "density_checks",
    "engine_checks",
    "failures",
    "figure_checks",
    "metric_checks",
    "objective_checks",
    "optimiser_checks",
    "parametrize_with_checks",
    "sampler_checks",
    "tracker_checks",
]
