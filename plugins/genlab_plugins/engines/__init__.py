"""Engines that carry runs out on clusters."""
