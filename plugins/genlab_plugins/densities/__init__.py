"""Explicit densities."""
