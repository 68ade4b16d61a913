"""Generation: priors of the degraded state, walks back, and whole models."""

from genlab.generation.model import DensityModel, DiffusionModel, Model
from genlab.generation.prior import Prior
from genlab.generation.walk import Step, walk

__all__ = ["DensityModel", "DiffusionModel", "Model", "Prior", "Step", "walk"]
