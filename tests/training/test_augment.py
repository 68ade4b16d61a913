"""Augmentation: an augmented image is the image, moved."""

from __future__ import annotations

import pytest
import torch

from genlab.training.augment import augment


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("flip", [False, True])
def test_an_augmented_image_is_the_image_moved(shift: int, flip: bool) -> None:
    """By whole pixels, its edge repeated, perhaps mirrored; every move and both sides as often."""
    n, generator = 4000, torch.Generator().manual_seed(0)
    x = torch.arange(20.0).reshape(1, 1, 4, 5).repeat(n, 2, 1, 1)
    x[:, 1] += 100
    moved = augment(x, shift=shift, flip=flip, generator=generator)
    candidates = [x[0].flip(2), x[0]] if flip else [x[0]]
    windows = []
    for one in candidates:
        padded = torch.nn.functional.pad(one[None], [shift] * 4, mode="replicate")[0]
        windows += [
            padded[:, i : i + 4, j : j + 5]
            for i in range(2 * shift + 1)
            for j in range(2 * shift + 1)
        ]
    hits = torch.stack([(moved == window).flatten(1).all(1) for window in windows])
    assert bool((hits.sum(0) == 1).all()), "one of the moves, and whole"
    share = 1 / len(windows)
    error = (hits.double().mean(1) - share).abs()
    assert float(error.max()) <= 5 * (share * (1 - share) / n) ** 0.5
    assert x[0, 0].flatten().tolist() == list(range(20)), "the data itself is not changed"


def test_those_are_mirrored_that_are_named(generator: torch.Generator) -> None:
    x, state = torch.arange(24.0).reshape(4, 1, 2, 3), generator.get_state()
    named = torch.tensor([True, False, False, True])
    found = augment(x, shift=0, flip=named, generator=generator)
    assert torch.equal(found[named], x[named].flip(3))
    assert torch.equal(found[~named], x[~named])
    assert torch.equal(generator.get_state(), state)


def test_images_move_each_on_its_own() -> None:
    x = torch.arange(12.0).reshape(1, 1, 4, 3).repeat(30, 1, 1, 1)
    moved = augment(x, shift=2, flip=True, generator=torch.Generator().manual_seed(0))
    assert len({tuple(one.flatten().tolist()) for one in moved}) > 10


def test_nothing_asked_for_draws_nothing(generator: torch.Generator) -> None:
    x, state = torch.randn(3, 1, 4, 4), generator.get_state()
    assert augment(x, shift=0, flip=False, generator=generator) is x
    assert torch.equal(generator.get_state(), state)
