"""The flows against zuko's transforms with the same weights, in float64."""

from __future__ import annotations

import math

import pytest
import torch
import zuko
from torch import Tensor, nn
from zuko.distributions import DiagNormal, NormalizingFlow
from zuko.transforms import (
    ComposedTransform,
    CouplingTransform,
    DependentTransform,
    MonotonicAffineTransform,
    MonotonicRQSTransform,
    PermutationTransform,
)

from genlab import DataSpec
from genlab_plugins.densities.flows.actnorm import ActNorm
from genlab_plugins.densities.flows.conditioner import Perceptron
from genlab_plugins.densities.flows.coupling import AffineCoupling, Couplings
from genlab_plugins.densities.flows.rational_quadratic import Spline1d
from genlab_plugins.densities.flows.rearrange import Permute
from genlab_plugins.densities.realnvp import RealNVP

_SLOPE = 1e-3


def affine(shift: Tensor, log_scale: Tensor) -> DependentTransform:
    """Return zuko's affine map with a log-scale, undoing the soft clipping that it applies."""
    raw = log_scale / (1 - (log_scale / math.log(_SLOPE)).abs())
    return DependentTransform(MonotonicAffineTransform(shift, raw, slope=_SLOPE), 1)


def network(ours: Perceptron) -> nn.Module:
    """Return zuko's perceptron with the weights of ours."""
    theirs = zuko.nn.MLP(ours.inputs, ours.last.out_features, [ours.first.out_features] * 2)
    theirs.double().load_state_dict(
        dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True))
    )
    return theirs


def coupling(ours: AffineCoupling, mask: Tensor) -> CouplingTransform:
    assert isinstance(ours.conditioner, Perceptron)
    theirs = network(ours.conditioner)

    def meta(given: Tensor) -> DependentTransform:
        raw, shift = theirs(given.clamp(-3, 3)).chunk(2, -1)
        return affine(shift, ours.c + ours.a * raw.tanh())

    return CouplingTransform(meta, mask)


def transforms(layer: nn.Module, features: int) -> list[torch.distributions.Transform]:
    if isinstance(layer, ActNorm):
        return [affine(layer.b, layer.s)]
    if isinstance(layer, Permute):
        return [PermutationTransform(layer.order)]
    assert isinstance(layer, Couplings)
    first = torch.arange(features) < layer.first
    return [coupling(c, first if i % 2 == 0 else ~first) for i, c in enumerate(layer.couplings)]


@pytest.mark.parametrize("features", [2, 5])
@torch.no_grad()
def test_realnvp_is_zukos(features: int) -> None:
    torch.manual_seed(0)
    ours = RealNVP(DataSpec((features,), "vector"), width=32, components=1).double()
    x = 2 * torch.randn(200, features, dtype=torch.float64) + 1
    ours.initialise(x, generator=torch.Generator())
    for p in ours.parameters():
        p.add_(0.1 * torch.randn_like(p))
    layers = ours.transform.transforms
    composed = ComposedTransform(*(t for layer in layers for t in transforms(layer, features)))
    base = DiagNormal(torch.zeros(features).double(), torch.ones(features).double())
    theirs = NormalizingFlow(composed, base)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x), rtol=1e-6, atol=1e-6)
    z = torch.randn(50, features, dtype=torch.float64)
    torch.testing.assert_close(ours.decode(z)[0], composed.inv(z), rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_the_spline_between_its_knots_is_zukos() -> None:
    torch.manual_seed(0)
    x = torch.linspace(-4, 4, 200, dtype=torch.float64)
    ours = Spline1d(2 * torch.randn(200, 23, dtype=torch.float64), 3.0)
    theirs = MonotonicRQSTransform(torch.zeros(200, 8), torch.zeros(200, 8), torch.zeros(200, 7))
    theirs.horizontal, theirs.vertical, theirs.derivatives = ours.x, ours.y, ours.d
    z, log = ours.forward(x)
    truth, ladj = theirs.call_and_ladj(x)
    torch.testing.assert_close(z, truth)
    torch.testing.assert_close(log, ladj)
    torch.testing.assert_close(ours.inverse(x)[0], theirs.inv(x))
