"""The contract with unusual parameters and sizes, and what goes well with each degradation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import get_args

import pytest
import torch
from torch import Tensor

from genlab import Degradation, InvertibleDegradation, Kind, registry
from genlab.testing import check_degradation
from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.degradations.blur_cascade import BlurCascade
from genlab_plugins.degradations.covering import Covering
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.degradations.ink import Ink
from genlab_plugins.degradations.kaleidoscope import Kaleidoscope
from genlab_plugins.degradations.mask_box import MaskBox
from genlab_plugins.degradations.mask_dropout import MaskDropout
from genlab_plugins.degradations.mask_gaussian import MaskGaussian
from genlab_plugins.degradations.mix import Mix
from genlab_plugins.degradations.pixelate import Pixelate
from genlab_plugins.degradations.soft_blur import SoftBlur

BUILT_IN = {e.name: e for e in registry("degradation").entries() if e.package == "genlab"}
USUAL: list[Degradation] = [entry.load()() for entry in BUILT_IN.values()]
UNUSUAL: list[Degradation] = [
    Gaussian(schedule="sigmoid"),
    Gaussian(schedule="edm", sigma_min=0.01, sigma_max=20.0, rho=4.0),
    Gaussian(schedule="flow"),
    BlurCascade(steps=6, size=7, sigma=1.0, growth=0.2, boundary="circular"),
    SoftBlur(noise=2.0, ratio=40.0),
    Pixelate(side=1),
    Kaleidoscope(side=3),
    MaskGaussian(width=0.5, holes=1),
    MaskDropout(carry=2, fade=0.001),
    MaskBox(carry=1),
    Ink(epsilon=2.0),
]
SIZES = ((1, 1, 1), (1, 1, 5), (4, 7, 2), (1, 3, 3), (2, 31, 17))

ADVICE = {
    # prior, sampler, prediction, loss, times, terminal, jitter, times of images
    "blur": ("parzen", "cold", "x0", "l1", "uniform", 0.25, 0.04, None),
    "blur-cascade": ("gmm", "cold", "x0", "l1", "uniform", 0.25, 0.04, None),
    "blur-noise": ("gmm", "cold", "v", "l2", "uniform", 0.0, 0.0, None),
    "gaussian": ("gmm", "ddim", "v", "l2", "uniform", 0.0, 0.0, "logit-normal"),
    "gravity": ("parzen", "naive", "x0", "l2", "uniform", 0.25, 0.04, None),
    "ink": ("parzen", "cold", "x0", "l1", "uniform", 0.25, 0.04, None),
    "kaleidoscope": ("parzen", "cold", "x0", "l1", "uniform", 0.25, 0.04, None),
    "mask-box": ("gmm", "cold", "x0", "l2", "uniform", 0.25, 0.0, None),
    "mask-dropout": ("gmm", "cold", "x0", "l2", "uniform", 0.25, 0.0, None),
    "mask-gaussian": ("gmm", "cold", "x0", "l2", "uniform", 0.25, 0.0, None),
    "mix": ("empirical", "cold", "x0", "l2", "uniform", 0.0, 0.0, None),
    "pixelate": ("parzen", "naive", "x0", "l1", "uniform", 0.25, 0.04, None),
    "soft-blur": ("gmm", "cold", "v", "l2", "uniform", 0.0, 0.0, None),
}


@pytest.mark.parametrize("degradation", UNUSUAL, ids=repr)
def test_contract(degradation: Degradation) -> None:
    check_degradation(degradation)


def test_advice() -> None:
    given = {name: astuple(entry.load()().advice()) for name, entry in BUILT_IN.items()}
    assert given == ADVICE


@pytest.mark.parametrize("degradation", USUAL + UNUSUAL, ids=repr)
def test_any_size(degradation: Degradation) -> None:
    """Also images of a single row, a single pixel, and prime sides; also a batch of one."""
    for shape, n in ((shape, n) for shape in SIZES for n in (1, 4)):
        x_0 = example_data(shape, n)
        z = degradation.draw(x_0, generator=seeded(0))
        assert torch.equal(degradation.degrade(x_0, torch.zeros(n), z), x_0)
        for t in (1e-42, 0.3, 1 - 2**-24):
            assert bool(degradation.degrade(x_0, torch.full((n,), t), z).isfinite().all())
        c = degradation.summarize(degradation.degrade(x_0, torch.ones(n), z))
        again = degradation.summarize(degradation.expand(c, shape, generator=seeded(1)))
        torch.testing.assert_close(again, c, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("degradation", USUAL, ids=repr)
def test_tables_that_inference_made_serve_training(degradation: Degradation) -> None:
    """Gradients flow through a degradation whose first call was in inference mode."""
    shape = (1, 6, 11)
    with torch.inference_mode():
        x_0 = example_data(shape, 2)
        z = degradation.draw(x_0, generator=seeded(0))
        degradation.degrade(x_0, torch.full((2,), 0.4), z)
    x_0 = example_data(shape, 2).requires_grad_()
    z = degradation.draw(x_0.detach(), generator=seeded(0))
    degradation.degrade(x_0, torch.full((2,), 0.4), z).sum().backward()
    assert x_0.grad is not None
    assert bool(x_0.grad.isfinite().all())


def uses_of_the_draw(degradation: Degradation) -> list[Callable[[Tensor, Tensor, None], Tensor]]:
    uses = [degradation.degrade]
    if isinstance(degradation, InvertibleDegradation):
        uses.append(degradation.invert)
    if isinstance(degradation, Covering):
        uses += [degradation.A, degradation.A_adjoint]
    return uses


@pytest.mark.parametrize("degradation", [d for d in USUAL if d.tags.stochastic], ids=repr)
def test_a_missing_draw_is_named(degradation: Degradation) -> None:
    x_0 = example_data((1, 4, 4), 2)
    for use in uses_of_the_draw(degradation):
        with pytest.raises(ValueError, match=r"z that draw\(\) returns"):
            use(x_0, torch.ones(2), None)


def test_what_knows_no_space_takes_every_kind_of_data() -> None:
    every = frozenset(get_args(Kind))
    assert Gaussian().tags.data == Mix().tags.data == every
    assert Blur().tags.data == MaskBox().tags.data == {"image"}
