"""Listeners to the life of a run."""
