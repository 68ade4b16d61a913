"""Nearest training examples, against all distances."""

from __future__ import annotations

import pytest
import torch

from genlab import Examples, LazyImages, nearest


@pytest.mark.parametrize("held", ["memory", "lazy"])
def test_the_nearest_of_all_distances(held: str) -> None:
    """Of more examples than are looked at at once; in float64."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(256, (20_000, 1, 2, 3), generator=generator).byte()
    x = torch.rand(40, 1, 2, 3, generator=generator) * 2 - 1
    train = Examples(
        levels if held == "memory" else LazyImages(lambda i: levels[i], 20_000, (1, 2, 3))
    )
    distance, index = nearest(x, train)
    real = levels.double().flatten(1) / 127.5 - 1
    every = torch.cdist(x.double().flatten(1), real)
    least, where = every.min(1)
    assert index.dtype == torch.int64
    assert torch.equal(index, where)
    torch.testing.assert_close(distance.double(), least, rtol=1e-5, atol=1e-6)
    assert len((index // 8192).unique()) == 3, "some are in each batch"


def test_a_copy_is_at_no_distance() -> None:
    x = torch.rand(50, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    distance, index = nearest(x.flip(0), Examples(x))
    assert bool((distance == 0).all())
    assert index.tolist() == list(range(49, -1, -1))
    far, _ = nearest(x[:1] + 1e-4, Examples(x))
    assert float(far) == pytest.approx(1e-4 * (3 * 64) ** 0.5, rel=1e-2)


def test_vectors_have_neighbours_too() -> None:
    distance, index = nearest(
        torch.tensor([[3.0, 4.0]]), Examples(torch.tensor([[9.0, 9.0], [0.0, 0.0]]))
    )
    assert (float(distance), int(index)) == (5.0, 1)
