"""Evaluation: numbers about samples, each with everything that is needed to trust it."""

from genlab.evaluation.bound import variational_bound
from genlab.evaluation.measure import measure, require_metric_fits
from genlab.evaluation.neighbours import nearest
from genlab.evaluation.restoration import psnr, ssim

__all__ = ["measure", "nearest", "psnr", "require_metric_fits", "ssim", "variational_bound"]
