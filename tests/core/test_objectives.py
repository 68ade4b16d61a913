"""Labels, dequantisation and augmentation in training, against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import genlab
from genlab import DataSpec
from genlab.protocols.dataset import dequantise
from genlab.training import DiffusionObjective, LikelihoodObjective
from genlab.training.augment import augment


class Table(torch.nn.Module):
    """Gives the joint log densities that it was told to give, and remembers what it was asked."""

    def __init__(self, joint: Tensor) -> None:
        super().__init__()
        self.joint = joint

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.joint


def test_the_likelihood_of_data_and_labels() -> None:
    joint = torch.tensor([[-1.0, -2.0, -4.0], [-3.0, -1.0, -2.0], [-5.0, -5.5, -0.5]])
    y = torch.tensor([1, 0, -1])
    spec, x = DataSpec((4,), "vector", 3), torch.zeros(3, 4)
    exact = -(joint[0, 1] + joint[1, 0] + joint[2].logsumexp(0)) / (3 * 4)
    loss = LikelihoodObjective(spec)(Table(joint), x, y, generator=torch.Generator())
    torch.testing.assert_close(loss, exact)


def test_the_weights_of_likelihood_and_classes() -> None:
    joint, y = torch.randn(5, 3), torch.tensor([0, 2, -1, 1, -1])
    spec, x = DataSpec((2,), "vector", 3), torch.zeros(5, 2)
    objective = LikelihoodObjective(spec, likelihood=0.3, cross_entropy=2.0)
    posterior = joint.log_softmax(1)
    told = -(posterior[0, 0] + posterior[1, 2] + posterior[3, 1]) / 5
    exact = -0.3 * joint.logsumexp(1).mean() / 2 + 2.0 * told
    loss = objective(Table(joint), x, y, generator=torch.Generator())
    torch.testing.assert_close(loss, exact)


def test_without_any_label_known_the_likelihood_is_left() -> None:
    joint, spec = torch.randn(4, 3), DataSpec((2,), "vector", 3)
    loss = LikelihoodObjective(spec)(
        Table(joint), torch.zeros(4, 2), torch.full((4,), -1), generator=torch.Generator()
    )
    torch.testing.assert_close(loss, -joint.logsumexp(1).mean() / 2)


@given(levels=st.integers(2, 256), seed=st.integers(0, 1000))
def test_dequantised_images_stay_in_their_bin(levels: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    spec = DataSpec((1, 4, 4), "image", levels=levels)
    u = torch.randint(levels, (50, 1, 4, 4), generator=generator)
    x = 2 * u / (levels - 1) - 1
    noisy = dequantise(x, spec, generator=generator)
    bound = spec.level_width / 2
    assert float((noisy - x).abs().max()) <= bound * (1 + 1e-3)
    assert float((noisy - x).std()) == pytest.approx(spec.level_width / math.sqrt(12), rel=0.1)


def test_vectors_are_not_dequantised() -> None:
    x = torch.randn(3, 2)
    assert dequantise(x, DataSpec((2,), "vector"), generator=torch.Generator()) is x


@given(shift=st.integers(1, 3), flip=st.booleans(), seed=st.integers(0, 1000))
def test_an_augmented_image_is_the_image_moved(shift: int, flip: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(12, 2, 6, 5, generator=generator)
    moved = augment(x, shift=shift, flip=flip, generator=generator)
    assert moved.shape == x.shape
    for before, after in zip(x, moved, strict=True):
        candidates = [before, before.flip(2)] if flip else [before]
        padded = [
            torch.nn.functional.pad(c[None], [shift] * 4, mode="replicate")[0] for c in candidates
        ]
        windows = [
            p[:, i : i + 6, j : j + 5]
            for p in padded
            for i in range(2 * shift + 1)
            for j in range(2 * shift + 1)
        ]
        assert any(torch.equal(window, after) for window in windows)
    assert not torch.equal(moved, x)


def test_nothing_asked_for_changes_nothing() -> None:
    x, generator = torch.randn(3, 1, 4, 4), torch.Generator().manual_seed(1)
    state = generator.get_state()
    assert augment(x, shift=0, flip=False, generator=generator) is x
    assert torch.equal(generator.get_state(), state)


class Listens(torch.nn.Module):
    """Answers with zeros and remembers the labels it saw."""

    tags = genlab.BackboneTags(data=frozenset({"vector"}))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.y = y
        return torch.zeros_like(x)


@pytest.mark.parametrize(("dropout", "share"), [(None, 0.0), (0.0, 0.0), (0.25, 0.25)])
def test_labels_are_hidden_as_often_as_asked(dropout: float | None, share: float) -> None:
    network = Listens()
    restorer = genlab.Restorer(network, genlab.build("degradation", "gaussian"), "v")  # type: ignore[arg-type]
    objective = DiffusionObjective(restorer, "l2", label_dropout=dropout)
    y = torch.arange(4000) % 7
    objective(network, torch.randn(4000, 2), y, generator=torch.Generator().manual_seed(0))
    assert network.y is not None
    hidden = network.y < 0
    assert float(hidden.float().mean()) == pytest.approx(share, abs=0.03)
    assert torch.equal(network.y[~hidden], y[~hidden])
