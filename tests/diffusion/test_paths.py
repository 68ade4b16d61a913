"""Paths between points, against geometry."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genlab import RequestError
from genlab.diffusion import between


@given(
    seed=st.integers(0, 1000), points=st.integers(2, 9), path=st.sampled_from(["linear", "slerp"])
)
def test_a_path_has_its_ends(seed: int, points: int, path: Any) -> None:
    a, b = torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(seed))
    found = between(a, b, points, path)
    assert found.shape == (points, 3, 2, 4, 4)
    torch.testing.assert_close(found[0], a, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[-1], b, rtol=1e-5, atol=1e-5)


def test_a_straight_path_has_equal_steps() -> None:
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -2.0]])
    assert between(a, b, 5)[:, 0].tolist() == [[1, 2], [1.5, 1], [2, 0], [2.5, -1], [3, -2]]


def test_slerp_turns_at_a_constant_rate_and_keeps_the_radius() -> None:
    """Each example by its own angle: a right one, and one of 60 degrees."""
    sixty = math.radians(60)
    a = torch.tensor([[2.0, 0.0], [3.0, 0.0]])
    b = torch.tensor([[0.0, 2.0], [3 * math.cos(sixty), 3 * math.sin(sixty)]])
    found = between(a, b, 7, "slerp")
    for i, (radius, angle) in enumerate(((2, math.pi / 2), (3, sixty))):
        turned = torch.linspace(0, angle, 7)
        torch.testing.assert_close(
            found[:, i], radius * torch.stack([turned.cos(), turned.sin()], 1)
        )


def test_the_variance_of_mixed_noise() -> None:
    """(1 - s)^2 + s^2 of a straight line, at s = 1/4: 5/8; slerp keeps all of it."""
    a, b = torch.randn(2, 1, 200_000, generator=torch.Generator().manual_seed(0))
    for path, quarter, middle in (("linear", 0.625, 0.5), ("slerp", 1.0, 1.0)):
        variances = between(a, b, 5, path)[:, 0].var(1)  # type: ignore[arg-type]
        assert variances[1:3].tolist() == pytest.approx([quarter, middle], abs=0.01)


def test_where_both_point_the_same_way_the_path_is_straight() -> None:
    a = torch.ones(1, 3)
    for b in (a, 2 * a, -a):
        torch.testing.assert_close(between(a, b, 5, "slerp"), between(a, b, 5))
    to_nothing = between(a, torch.zeros(1, 3), 5, "slerp")
    assert bool(to_nothing.isfinite().all())
    torch.testing.assert_close(to_nothing[-1], torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("points", "path", "message"),
    [
        (3, "slurp", "unknown path 'slurp'. Did you mean 'slerp'"),
        (0, "linear", "points = 0: a path has"),
    ],
)
def test_a_path_that_does_not_exist_is_refused(points: int, path: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        between(torch.ones(1, 2), torch.ones(1, 2), points, path)


def test_every_path_has_points_of_its_own_where_it_is_asked_for() -> None:
    shares = torch.tensor([[0.0, 0.2], [0.25, 1.0]])
    found = between(torch.zeros(2, 1), torch.tensor([[4.0], [10.0]]), shares)
    assert found[..., 0].tolist() == [[0, 2], [1, 10]]


def test_one_point_is_where_the_path_begins() -> None:
    assert between(torch.zeros(1, 2), torch.ones(1, 2), 1).tolist() == [[[0, 0]]]
