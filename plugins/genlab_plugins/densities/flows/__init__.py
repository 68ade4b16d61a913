"""Layers of normalizing flows, shared by the densities that are made of them."""
