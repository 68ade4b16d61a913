"""Runs: from a configuration to a folder, and from a folder back to a model."""

from genlab.runs.run import Run

__all__ = ["Run"]
