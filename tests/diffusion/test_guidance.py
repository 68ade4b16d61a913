"""Guidance against its formula, and how often it asks the network."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from genlab.diffusion.guidance import Guided


class Shift:
    """Estimates x_t plus 1 + the label, and x_t without one; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        self.asked.append((x_t, t, y))
        if y is None:
            return x_t
        return x_t + torch.where(y >= 0, y + 1.0, 0.0)[:, None]


X, T = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0.2, 0.5, 0.9])


@given(scale=st.floats(0, 8), labels=st.lists(st.integers(0, 9), min_size=3, max_size=3))
def test_guidance_goes_beyond_the_label(scale: float, labels: list[int]) -> None:
    """R(none) + w (R(y) - R(none)), where R(y) - R(none) = 1 + y; class 0 is a class."""
    y = torch.tensor(labels)
    want = X + scale * (y[:, None] + 1.0)
    torch.testing.assert_close(Guided(Shift(), scale)(X, T, y), want, rtol=1e-5, atol=1e-5)


def test_plain_conditioning_asks_once() -> None:
    y = torch.tensor([0, 1, 2])
    for scale, labels in ((1.0, y), (1, y), (3.0, None), (0.0, None)):
        restorer = Shift()
        Guided(restorer, scale)(X, T, labels)
        ((x_t, t, seen),) = restorer.asked
        assert x_t is X
        assert t is T
        assert seen is labels


def test_any_other_scale_asks_for_both_at_once() -> None:
    y = torch.tensor([0, 1, 2])
    for scale in (0.0, 0.5, 3.0):
        restorer = Shift()
        Guided(restorer, scale)(X, T, y)
        ((x_t, t, seen),) = restorer.asked
        assert torch.equal(x_t, torch.cat([X, X]))
        assert torch.equal(t, torch.cat([T, T]))
        assert seen is not None
        assert seen.tolist() == [0, 1, 2, -1, -1, -1]
