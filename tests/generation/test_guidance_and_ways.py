"""Guidance and interpolation, against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from genlab import RequestError
from genlab.generation.guidance import Guided
from genlab.generation.interpolation import between


class Shift:
    """Estimates x_t plus the label, and nothing without one; counts how many examples it saw."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        self.seen += len(x_t)
        if y is None:
            return x_t
        return x_t + torch.where(y >= 0, y + 1.0, 0.0)[:, None]


@given(scale=st.floats(0, 8), label=st.integers(0, 9))
def test_guidance_goes_beyond_the_label(scale: float, label: int) -> None:
    x, t = torch.randn(3, 2), torch.full((3,), 0.5)
    guided = Guided(Shift(), scale)(x, t, torch.full((3,), label))
    torch.testing.assert_close(guided, x + scale * (label + 1.0), rtol=1e-5, atol=1e-5)


def test_no_guidance_asks_the_network_once() -> None:
    x, t, y = torch.randn(3, 2), torch.zeros(3), torch.tensor([1, 2, 3])
    for scale, labels, seen in ((1.0, y, 3), (3.0, None, 3), (3.0, y, 6)):
        restorer = Shift()
        Guided(restorer, scale)(x, t, labels)
        assert restorer.seen == seen


@given(seed=st.integers(0, 1000), points=st.integers(2, 9))
@pytest.mark.parametrize("way", ["linear", "slerp"])
def test_a_way_has_its_ends(way: str, seed: int, points: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 3, 2, 4, 4, generator=generator)
    found = between(a, b, points, way)  # type: ignore[arg-type]
    assert found.shape == (points, 3, 2, 4, 4)
    torch.testing.assert_close(found[0], a, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[-1], b, rtol=1e-5, atol=1e-5)


def test_slerp_turns_at_a_constant_rate_and_keeps_the_radius() -> None:
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    found = between(a, b, 7, "slerp")[:, 0]
    angles = torch.linspace(0, math.pi / 2, 7)
    torch.testing.assert_close(found, 2 * torch.stack([angles.cos(), angles.sin()], 1))


def test_the_variance_of_mixed_noise() -> None:
    a, b = torch.randn(2, 1, 200_000, generator=torch.Generator().manual_seed(0))
    linear, slerp = (between(a, b, 3, way)[1].var() for way in ("linear", "slerp"))  # type: ignore[arg-type]
    assert float(linear) == pytest.approx(0.5, abs=0.01)
    assert float(slerp) == pytest.approx(1.0, abs=0.01)


def test_parallel_points_make_no_division_by_zero() -> None:
    a = torch.ones(1, 3)
    for b in (a, 2 * a, -a, torch.zeros(1, 3)):
        assert bool(between(a, b, 5, "slerp").isfinite().all())


def test_another_way_is_refused() -> None:
    with pytest.raises(RequestError, match="slerp"):
        between(torch.ones(1, 2), torch.ones(1, 2), 3, "slurp")  # type: ignore[arg-type]
