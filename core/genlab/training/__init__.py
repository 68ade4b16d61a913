"""Training: the loop, the objectives, the moving average and the checkpoints."""

from genlab.training.budget import Budget
from genlab.training.checkpoint import read_checkpoint, write_checkpoint
from genlab.training.ema import EMA
from genlab.training.loop import Trainer
from genlab.training.objective import DiffusionObjective, LikelihoodObjective, Objective

__all__ = [
    "EMA",
    "Budget",
    "DiffusionObjective",
    "LikelihoodObjective",
    "Objective",
    "Trainer",
    "read_checkpoint",
    "write_checkpoint",
]
