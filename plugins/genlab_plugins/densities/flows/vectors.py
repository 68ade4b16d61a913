"""Transforms of vectors."""

from __future__ import annotations

from collections.abc import Callable

import torch

from genlab_plugins.densities.flows.actnorm import ActNorm
from genlab_plugins.densities.flows.conditioner import Perceptron
from genlab_plugins.densities.flows.coupling import AffineCoupling, Coupling, Couplings
from genlab_plugins.densities.flows.linear import LULinear
from genlab_plugins.densities.flows.rearrange import Permute
from genlab_plugins.densities.flows.transform import Chain, Transform

__all__ = ["MakeCoupling", "affine_couplings", "alternating", "mixing"]

MakeCoupling = Callable[[int, int], Coupling]
"""Takes the number of given features and of changed ones."""


def affine_couplings(width: int, depth: int) -> MakeCoupling:
    """Return a maker of affine couplings with perceptrons.

    Args:
        width: Features of every hidden layer.
        depth: Number of hidden layers.
    """

    def make(given: int, changed: int) -> Coupling:
        conditioner = Perceptron(given, 2 * changed, width, depth)
        return AffineCoupling(conditioner, (changed,))

    return make


def alternating(features: int, couplings: int, make: MakeCoupling) -> Transform:
    """Return couplings that change either half in turn, after a normalisation.

    Two features keep their places; more are shuffled after every two couplings, by a permutation drawn
    from the global generator.

    Args:
        features: Number D of features.
        couplings: Number of couplings.
        make: Makes one.
    """
    first = features // 2
    sizes = [(first, features - first), (features - first, first)]
    every = couplings if features <= 2 else 2
    layers: list[Transform] = [ActNorm((features,))]
    for start in range(0, couplings, every):
        if start:
            layers.append(Permute(torch.randperm(features)))
        count = min(every, couplings - start)
        turns = (i % 2 if first else 0 for i in range(count))
        layers.append(Couplings(first, [make(*sizes[turn]) for turn in turns]))
    return Chain(layers)


def mixing(features: int, couplings: int, make: MakeCoupling) -> Transform:
    """Return couplings with a normalisation and a linear layer before each.

    Args:
        features: Number D of features.
        couplings: Number of couplings.
        make: Makes one.
    """
    first = features // 2
    layers: list[Transform] = []
    for _ in range(couplings):
        layers += [ActNorm((features,)), LULinear(features)]
        layers.append(Couplings(first, [make(first, features - first)]))
    return Chain(layers)
