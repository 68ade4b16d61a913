"""Evaluation: numbers about samples, each with everything that is needed to trust it."""

from genlab.evaluation.evaluate import built_metrics, evaluate, misfit, require_metric_fits
from genlab.evaluation.intervals import (
    bootstrap_counts,
    bootstrap_interval,
    mean_interval,
    seeds_interval,
    wilson_interval,
)
from genlab.evaluation.likelihood import accuracy, likelihood_records
from genlab.evaluation.neighbours import nearest
from genlab.evaluation.restoration import METHODS, Restoration, quality, restore_by, restore_given
from genlab.evaluation.similarity import psnr, ssim

__all__ = [
    "METHODS",
    "Restoration",
    "accuracy",
    "bootstrap_counts",
    "bootstrap_interval",
    "built_metrics",
    "evaluate",
    "likelihood_records",
    "mean_interval",
    "misfit",
    "nearest",
    "psnr",
    "quality",
    "require_metric_fits",
    "restore_by",
    "restore_given",
    "seeds_interval",
    "ssim",
    "wilson_interval",
]
