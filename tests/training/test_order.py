"""The order of examples: a new permutation in every epoch, by the step and the seed alone."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from genlab.training.order import Order


@given(examples=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 2**40))
def test_every_epoch_sees_every_example_once(examples: int, batch: int, seed: int) -> None:
    order, epochs = Order(examples, batch, seed), 4
    steps = math.ceil(epochs * examples / batch)
    batches = [order.indices(step) for step in range(steps)]
    assert all(len(part) == batch for part in batches)
    seen = torch.cat(batches)[: epochs * examples].reshape(epochs, examples)
    for epoch in seen:
        assert sorted(epoch.tolist()) == list(range(examples))


def test_the_batch_of_a_step_depends_on_step_and_seed_alone() -> None:
    forwards, backwards, jumps = Order(50, 8, 3), Order(50, 8, 3), Order(50, 8, 3)
    ahead = [forwards.indices(step) for step in range(20)]
    behind = [backwards.indices(step) for step in reversed(range(20))]
    for one, two in zip(ahead, reversed(behind), strict=True):
        assert torch.equal(one, two)
    assert torch.equal(jumps.indices(13), ahead[13])


def test_epochs_and_seeds_differ() -> None:
    order = Order(50, 50, 3)
    epochs = [tuple(order.indices(step).tolist()) for step in range(20)]
    other = [tuple(Order(50, 50, 4).indices(step).tolist()) for step in range(20)]
    assert len({*epochs, *other}) == 40
    assert tuple(range(50)) not in epochs
