"""Contract checks for the authors of components."""
