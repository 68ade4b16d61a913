"""The contract for every degradation, also for parameters and shapes that the defaults do not reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab import Degradation
from genlab.testing import Check, parametrize_with_checks
from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.degradations.blur_cascade import BlurCascade
from genlab_plugins.degradations.blur_noise import BlurNoise
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.degradations.gravity import Gravity
from genlab_plugins.degradations.ink import Ink
from genlab_plugins.degradations.kaleidoscope import Kaleidoscope
from genlab_plugins.degradations.mask_box import MaskBox
from genlab_plugins.degradations.mask_dropout import MaskDropout
from genlab_plugins.degradations.mask_gaussian import MaskGaussian
from genlab_plugins.degradations.mix import Mix
from genlab_plugins.degradations.pixelate import Pixelate
from genlab_plugins.degradations.soft_blur import SoftBlur

ALL: list[Degradation] = [
    Gaussian(schedule="linear"),
    Gaussian(schedule="cosine"),
    Gaussian(schedule="sigmoid"),
    Gaussian(schedule="edm", sigma_min=0.01, sigma_max=20.0, rho=4.0),
    Gaussian(schedule="edm"),
    Gaussian(schedule="flow"),
    Blur(),
    BlurCascade(),
    BlurCascade(steps=6, size=7, sigma=1.0, growth=0.2, boundary="circular"),
    BlurNoise(),
    SoftBlur(),
    SoftBlur(noise=2.0, ratio=40.0),
    Pixelate(),
    Pixelate(side=1),
    Kaleidoscope(),
    Kaleidoscope(side=3),
    MaskGaussian(),
    MaskGaussian(width=0.5, holes=1),
    MaskDropout(),
    MaskDropout(carry=2, fade=0.001),
    MaskBox(),
    MaskBox(carry=1),
    Ink(),
    Ink(epsilon=2.0),
    Gravity(),
]


@parametrize_with_checks(ALL)
def test_contract(check: Check) -> None:
    check.run()


@parametrize_with_checks([Mix()], {"summary_is_small": "the last state is a whole other example"})
def test_contract_of_mix(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("degradation", [*ALL, Mix()], ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 5), (4, 7, 2), (1, 3, 3), (2, 31, 17)])
def test_any_size(degradation: Any, shape: tuple[int, ...]) -> None:
    """Also images of a single row, a single pixel, and prime sides; also a batch of one."""
    for n in (1, 4):
        x_0 = example_data(shape, n)
        z = degradation.draw(x_0, generator=seeded(0))
        assert torch.equal(degradation.degrade(x_0, torch.zeros(n), z), x_0)
        for t in (1e-42, 0.3, 1 - 2**-24, 1.0):
            assert bool(degradation.degrade(x_0, torch.full((n,), t), z).isfinite().all())
        x_1 = degradation.degrade(x_0, torch.ones(n), z)
        c = degradation.summarize(x_1)
        again = degradation.summarize(degradation.expand(c, shape, generator=seeded(1)))
        torch.testing.assert_close(again, c, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("degradation", [*ALL, Mix()], ids=lambda d: type(d).__name__)
def test_tables_that_inference_made_serve_training(degradation: Any) -> None:
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


@pytest.mark.parametrize(
    "degradation",
    [d for d in [*ALL, Mix()] if d.tags.stochastic],
    ids=lambda d: type(d).__name__,
)
def test_a_missing_draw_is_named(degradation: Any) -> None:
    x_0 = example_data((1, 4, 4), 2)
    with pytest.raises(ValueError, match=r"draw\(\)"):
        degradation.degrade(x_0, torch.ones(2), None)
