"""Training: the loop, the objectives, the optimisers, the moving average and the checkpoints."""

from genlab.training.checkpoint import (
    Checkpoint,
    read_checkpoint,
    require_numbers,
    write_checkpoint,
)
from genlab.training.fitted import fit_backbone, fit_density
from genlab.training.objectives import Denoising, Likelihood
from genlab.training.optimisers import AdamW, Muon
from genlab.training.prior import fit_prior
from genlab.training.settings import UNITS, Budget, TrainingSettings, settings_of
from genlab.training.training import Fitted, StepLog, StepRecord, Training, fit

__all__ = [
    "UNITS",
    "AdamW",
    "Budget",
    "Checkpoint",
    "Denoising",
    "Fitted",
    "Likelihood",
    "Muon",
    "StepLog",
    "StepRecord",
    "Training",
    "TrainingSettings",
    "fit",
    "fit_backbone",
    "fit_density",
    "fit_prior",
    "read_checkpoint",
    "require_numbers",
    "settings_of",
    "write_checkpoint",
]
