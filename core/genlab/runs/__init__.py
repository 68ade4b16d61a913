"""Runs: from a request to a folder, and from a folder back to a model."""

from genlab.runs.run import Run

__all__ = ["Run"]
