"""The restorer: estimate and target are inverse to each other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import genlab
from genlab import DataSpec, RequestError, Restorer

SPEC = DataSpec((2,), "vector")
IMAGES = DataSpec((1, 8, 8), "image")


def restorer(prediction: str, **schedule: object) -> Restorer:
    degradation = genlab.build("degradation", "gaussian", **schedule)
    return Restorer(genlab.build("backbone", "mlp", SPEC), degradation, prediction)


@settings(deadline=None, max_examples=40)
@given(
    schedule=st.sampled_from(["linear", "cosine", "sigmoid", "edm", "flow"]),
    prediction=st.sampled_from(["x0", "eps", "v"]),
    time=st.floats(0.01, 0.9),
    seed=st.integers(0, 2**31),
)
def test_the_estimate_of_the_target_is_x_0(
    schedule: str, prediction: str, time: float, seed: int
) -> None:
    if (schedule, prediction) == ("flow", "eps"):
        return
    made = restorer(prediction, schedule=schedule)
    generator = torch.Generator().manual_seed(seed)
    x_0 = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    t = torch.full((5,), time, dtype=torch.float64)
    z = made.degradation.draw(x_0, generator=generator)
    x_t = made.degradation.degrade(x_0, t, z)
    target = made.target(x_0, x_t, t, z)
    torch.testing.assert_close(made.estimate(x_t, t, target), x_0, rtol=1e-8, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(
    name=st.sampled_from(["blur-noise", "soft-blur"]),
    prediction=st.sampled_from(["x0", "v"]),
    time=st.floats(0.01, 1.0),
    seed=st.integers(0, 2**31),
)
def test_the_estimate_of_the_target_is_x_0_in_another_basis(
    name: str, prediction: str, time: float, seed: int
) -> None:
    degradation = genlab.build("degradation", name)
    made = Restorer(genlab.build("backbone", "unet", IMAGES), degradation, prediction)
    generator = torch.Generator().manual_seed(seed)
    x_0 = torch.randn(3, *IMAGES.shape, generator=generator, dtype=torch.float64)
    t = torch.full((3,), time, dtype=torch.float64)
    z = made.degradation.draw(x_0, generator=generator)
    x_t = made.degradation.degrade(x_0, t, z)
    target = made.target(x_0, x_t, t, z)
    torch.testing.assert_close(made.estimate(x_t, t, target), x_0, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["blur-noise", "soft-blur"])
def test_the_network_sees_unit_size_in_another_basis(name: str) -> None:
    degradation = genlab.build("degradation", name)
    made = Restorer(genlab.build("backbone", "unet", IMAGES), degradation, "v")
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randn(400, *IMAGES.shape, generator=generator)
    for time in (0.0, 0.3, 0.7, 1.0):
        t = torch.full((len(x_0),), time)
        z = made.degradation.draw(x_0, generator=generator)
        x_t = made.degradation.degrade(x_0, t, z)
        assert float(made.scaled(x_t, t).std()) == pytest.approx(1, abs=0.02)
        assert float(made.target(x_0, x_t, t, z).std()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid", "edm", "flow"])
def test_the_network_sees_unit_size_at_every_noise_level(schedule: str) -> None:
    made = restorer("v", schedule=schedule)
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randn(20_000, 2, generator=generator)
    for time in (0.0, 0.3, 0.7, 1.0):
        t = torch.full((len(x_0),), time)
        z = made.degradation.draw(x_0, generator=generator)
        x_t = made.degradation.degrade(x_0, t, z)
        assert float(made.scaled(x_t, t).std()) == pytest.approx(1, abs=0.02)
        assert float(made.target(x_0, x_t, t, z).std()) == pytest.approx(1, abs=0.02)


def test_a_restorer_that_is_not_gaussian_adds_to_what_it_sees() -> None:
    spec = DataSpec((1, 8, 8), "image")
    blur = genlab.build("degradation", "blur")
    made = Restorer(genlab.build("backbone", "unet", spec), blur, "x0")
    x = torch.randn(3, 1, 8, 8)
    t = torch.rand(3)
    assert torch.equal(made(x, t), x), "a new network changes nothing"
    torch.testing.assert_close(made.estimate(x, t, made.target(2 * x, x, t, None)), 2 * x)


def test_predictions_that_do_not_fit_are_refused() -> None:
    blur = genlab.build("degradation", "blur")
    backbone = genlab.build("backbone", "unet", DataSpec((1, 8, 8), "image"))
    for prediction in ("eps", "v"):
        with pytest.raises(RequestError, match="'x0'"):
            Restorer(backbone, blur, prediction)
    with pytest.raises(RequestError, match="'v' and 'x0' fit"):
        restorer("eps", schedule="flow")
