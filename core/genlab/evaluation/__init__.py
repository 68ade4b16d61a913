"""Evaluation: numbers about samples, each with everything that is needed to trust it."""

from genlab.evaluation.measure import measure

__all__ = ["measure"]
