"""Diffusion: restorers, trajectories, priors, and whole models."""

from genlab.diffusion.bound import variational_bound
from genlab.diffusion.checks import check_time, checked_count, checked_data
from genlab.diffusion.interpolation import interpolate, latent_mean
from genlab.diffusion.model import DensityModel, DiffusionModel, Label, Model
from genlab.diffusion.paths import Path, between
from genlab.diffusion.posterior import consistent
from genlab.diffusion.prior import Prior, summaries, summary_spec
from genlab.diffusion.restoration import restore, restore_by_posterior
from genlab.diffusion.restorer import Restorer, jittered
from genlab.diffusion.trajectory import Step, end_of, refuse_sampler, trajectory

__all__ = [
    "DensityModel",
    "DiffusionModel",
    "Label",
    "Model",
    "Path",
    "Prior",
    "Restorer",
    "Step",
    "between",
    "check_time",
    "checked_count",
    "checked_data",
    "consistent",
    "end_of",
    "interpolate",
    "jittered",
    "latent_mean",
    "refuse_sampler",
    "restore",
    "restore_by_posterior",
    "summaries",
    "summary_spec",
    "trajectory",
    "variational_bound",
]
