"""The sliced Wasserstein distance where it is known."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import DataSpec, Examples, Kind
from genlab_plugins.metrics.sliced_wasserstein import SlicedWasserstein


def test_on_a_line_is_the_distance_of_the_sorted_points(generator: torch.Generator) -> None:
    x, y = torch.randn(50, 1, generator=generator), 2 * torch.rand(50, 1, generator=generator)
    want = (x.sort(0).values - y.sort(0).values).square().mean().sqrt()
    assert SlicedWasserstein().score(0, x, y)["sliced-wasserstein"] == pytest.approx(float(want))


@pytest.mark.parametrize("shape", [(8,), (2, 4), (2, 2, 2, 1)])
def test_of_a_shift_is_its_length_over_the_root_of_the_dimensions(
    shape: tuple[int, ...], generator: torch.Generator
) -> None:
    x = torch.randn(100, *shape, generator=generator)
    metric = SlicedWasserstein(projections=4000)
    kinds: dict[int, Kind] = {1: "vector", 2: "series", 4: "volume"}
    spec = DataSpec(shape, kinds[len(shape)])
    assert spec.kind in metric.tags.data
    directions = metric.fit(Examples(x), spec, seed=3)
    found = metric.score(directions, x, x + 0.5)["sliced-wasserstein"]
    assert found == pytest.approx(math.sqrt(8 * 0.5**2) / math.sqrt(8), rel=0.05)
