"""Tensors, arrays, pairs and data sets of PyTorch as data: what is split, scaled, labelled and refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import genlab
from genlab import ArrayDataset, Data, DataSpec, Examples, RequestError
from genlab.components import as_dataset, loaded
from genlab.testing.tiny import TwoNormals


def numbered(n: int, *shape: int) -> Tensor:
    """Images of uint8 that tell their number."""
    return torch.arange(n, dtype=torch.uint8).reshape(-1, *[1] * len(shape)).expand(-1, *shape)


def numbers(examples: Examples) -> list[int]:
    return [int(x.flatten()[0]) for x in examples.x]


def both(given: Any) -> tuple[Examples, Examples]:
    dataset = as_dataset(given)
    return dataset.load("train"), dataset.load("test")


# --- the split


@given(n=st.integers(2, 60), share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_every_example_is_in_one_split_with_its_label(n: int, share: float, seed: int) -> None:
    y = torch.arange(n) % 4
    made = ArrayDataset(x=numbered(n, 1, 2, 2), y=y, test_share=share, seed=seed)
    train, test = made.load("train"), made.load("test")
    assert sorted(numbers(train) + numbers(test)) == list(range(n))
    assert abs(len(test) - share * n) <= 1
    assert min(len(test), len(train)) >= 1
    for part in (train, test):
        assert part.y is not None
        assert part.y.dtype == torch.int64
        assert torch.equal(part.y, y[numbers(part)])


def test_the_split_is_the_same_for_the_same_seed_alone() -> None:
    x = numbered(100, 1, 2, 2)
    held = [numbers(ArrayDataset(x=x, seed=seed).load("test")) for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]
    assert len(held[0]) == 10
    assert held[0] != list(range(10)), "the first ones may be all of one class"
    assert held[0] != list(range(90, 100))


def test_a_split_that_is_given_stays() -> None:
    train, test = both({"train": numbered(5, 1, 2, 2), "test": numbered(9, 1, 2, 2)[5:]})
    assert numbers(train) == [0, 1, 2, 3, 4]
    assert numbers(test) == [5, 6, 7, 8]


# --- scaling


def test_vectors_are_standardised_by_the_training_split_alone() -> None:
    rng = np.random.default_rng(0)
    x, other = rng.normal(5, 3, (40, 2)), rng.normal(-50, 30, (30, 2))
    train, test = both({"train": x, "test": other})
    mean, std = x.mean(0), x.std(0)
    np.testing.assert_allclose(train.x.numpy(), (x - mean) / std, rtol=1e-5, atol=1e-6)  # type: ignore[union-attr]
    np.testing.assert_allclose(test.x.numpy(), (other - mean) / std, rtol=1e-5, atol=1e-5)  # type: ignore[union-attr]
    assert as_dataset(x).said == "standardised by the training split"  # type: ignore[attr-defined]


def test_what_is_set_aside_does_not_count_for_the_standard() -> None:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * 4 + 9
    train, test = both(x)
    assert isinstance(train.x, Tensor)
    torch.testing.assert_close(train.x.mean(0), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(train.x.std(0, correction=0), torch.ones(3), rtol=0, atol=1e-5)
    assert len(test) == 4
    assert float(test.x.mean(0).abs().max()) > 0.05  # type: ignore[union-attr]


def test_a_coordinate_that_never_changes_becomes_zero() -> None:
    x = torch.stack([torch.arange(20.0), torch.full((20,), 7.0)], 1)
    train, test = both(x)
    assert bool((train.x[:, 1] == 0).all())  # type: ignore[index]
    assert bool((test.x[:, 1] == 0).all())  # type: ignore[index]


@pytest.mark.parametrize(
    ("x", "first", "said", "levels"),
    [
        (torch.tensor([0, 255, 51], dtype=torch.uint8), [-1.0, 1.0, -0.6], "levels 0 to 255", 256),
        (torch.tensor([0.0, 1.0, 0.2]), [-1.0, 1.0, -0.6], "[0, 1] taken to [-1, 1]", 0),
        (torch.tensor([-1.0, 1.0, 0.2]), [-1.0, 1.0, 0.2], "[-1, 1] as it is", 0),
        (torch.tensor([-0.01, 0.5, 0.2]).double(), [-0.01, 0.5, 0.2], "[-1, 1] as it is", 0),
    ],
)
@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 2), (1, 2, 2, 2)])
def test_bounded_values_come_into_the_convention(
    x: Tensor, first: list[float], said: str, levels: int, shape: tuple[int, ...]
) -> None:
    """Whether they are images, series or volumes; and what was made of them is said."""
    whole = x.reshape(3, *[1] * len(shape)).expand(3, *shape)
    made = ArrayDataset(x=whole, test=whole)
    taken, _ = made.load("test").first(3)
    assert taken.dtype == torch.float32
    torch.testing.assert_close(taken.flatten(1)[:, 0], torch.tensor(first), rtol=0, atol=1e-6)
    assert (made.said, made.spec.levels, made.spec.shape) == (said, levels, shape)


def test_the_range_is_that_of_both_splits() -> None:
    low, high = torch.full((2, 1, 2, 2), 0.5), torch.full((2, 1, 2, 2), -0.5)
    train, test = both({"train": low, "test": high})
    assert (float(train.x.min()), float(test.x.min())) == (0.5, -0.5)  # type: ignore[union-attr]


# --- kinds


@pytest.mark.parametrize(
    ("shape", "kind", "found"),
    [
        ((5,), None, DataSpec((5,), "vector", levels=0)),
        ((3, 8), None, DataSpec((3, 8), "series", levels=0)),
        ((3, 8, 7), None, DataSpec((3, 8, 7), "image", levels=0)),
        ((1, 4, 5, 6), None, DataSpec((1, 4, 5, 6), "volume", levels=0)),
        ((8, 7), "image", DataSpec((1, 8, 7), "image", levels=0)),
        ((9,), "series", DataSpec((1, 9), "series", levels=0)),
        ((4, 5, 6), "volume", DataSpec((1, 4, 5, 6), "volume", levels=0)),
    ],
)
def test_the_kind_follows_from_the_dimensions_or_is_said(
    shape: tuple[int, ...], kind: Any, found: DataSpec
) -> None:
    x = torch.rand(10, *shape) * 2 - 1
    made = ArrayDataset(x=x, kind=kind)
    assert made.spec == found
    for part in (made.load("train"), made.load("test")):
        assert tuple(part.x.shape[1:]) == found.shape


# --- what can be handed in


class Pairs(torch.utils.data.Dataset[Any]):
    """A data set of PyTorch whose items are made by a function."""

    def __init__(self, n: int, item: Any) -> None:
        self.n, self.item = n, item

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        return self.item(i)


X, Y = numbered(6, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1, -1])
TORCH = {
    "tensors": Pairs(6, lambda i: (X[i], int(Y[i]))),
    "arrays": Pairs(6, lambda i: [X[i].numpy(), Y[i]]),
    "dataset": torch.utils.data.TensorDataset(X, Y),
}


@pytest.mark.parametrize(
    "given",
    [(X, Y), [X.numpy(), Y.numpy()], (X.numpy(), Y.tolist()), Examples(X, Y), *TORCH.values()],
    ids=["pair", "arrays", "lists", "examples", *TORCH],
)
def test_all_that_holds_examples_and_labels_is_the_same_data(given: Any) -> None:
    made = as_dataset({"train": given, "test": given})
    assert made.spec == DataSpec((1, 2, 2), "image", 3, ("0", "1", "2"))
    for part in (made.load("train"), made.load("test")):
        assert torch.equal(torch.as_tensor(part.x), X)
        assert part.y is not None
        assert torch.equal(part.y, Y)
    alone = as_dataset(given)
    assert len(alone.load("train")) + len(alone.load("test")) == 6


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.numpy(),
        Pairs(6, lambda i: X[i]),
        Pairs(6, lambda i: (X[i],)),
        Examples(X),
        {"train": X},
    ],
    ids=["tensor", "array", "items", "single", "examples", "train alone"],
)
def test_all_that_holds_examples_alone_is_the_same_data(given: Any) -> None:
    made = as_dataset(given)
    assert made.spec == DataSpec((1, 2, 2), "image")
    train, test = made.load("train"), made.load("test")
    assert train.y is test.y is None
    assert sorted(numbers(train) + numbers(test)) == [0, 1, 2, 3, 4, 5]


def test_a_data_set_is_one_already() -> None:
    made = TwoNormals()
    assert as_dataset(made) is made
    assert isinstance(as_dataset(TwoNormals), TwoNormals)


def test_loading_gives_both_splits_and_what_they_are() -> None:
    made = TwoNormals()
    data = loaded(made)
    assert isinstance(data, Data)
    assert data.dataset is made
    assert data.spec is made.spec
    assert torch.equal(data.train.x, made.load("train").x)  # type: ignore[arg-type]
    assert torch.equal(data.test.x, made.load("test").x)  # type: ignore[arg-type]
    assert len(genlab.load((X, Y)).train) == 5


def test_classes_are_those_of_both_splits() -> None:
    made = as_dataset({"train": (X, Y.clamp(max=1)), "test": (X, Y.clamp(min=2) + 1)})
    assert made.spec.classes == 4
    assert made.spec.names == ("0", "1", "2", "3")
    assert ArrayDataset(x=X, y=torch.full((6,), -1)).spec.classes == 0


# --- refusals

IMAGES = torch.zeros(4, 1, 2, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (object(), "object is no data: give a genlab.Dataset, a tensor or array, a pair"),
        ("digits", "str is no data"),
        (
            Data(TwoNormals().spec, Examples(X, Y), Examples(X, Y), TwoNormals()),
            'loaded already: give .* as {"train": data.train, "test": data.test}',
        ),
        ((X, Y, Y), "tuple is no data"),
        ({"test": X}, "dict is no data"),
        (Pairs(0, None), "the data set is empty"),
        (torch.zeros(5), r"x has the shape \(5,\): examples come first"),
        (torch.zeros(0, 2), r"x has the shape \(0, 2\)"),
        ((["a", "b"], [0, 1]), "x is no tensor or array"),
        (torch.zeros(2, 1, 1, 1, 1, 1), "which is no kind of data"),
        (torch.zeros(1, 2), "there is 1 example; at least two are needed"),
        (torch.full((4, 2), torch.nan), "values that are not finite"),
        ({"train": torch.zeros(4, 2), "test": torch.full((4, 2), torch.inf)}, "not finite"),
        (IMAGES + 2, r"x has values from 2 to 2: give uint8, or floats in \[-1, 1\] or \[0, 1\]"),
        (IMAGES - 1.5, "x has values from -1.5 to -1.5"),
        ((IMAGES * 255).long() + 77, "x has values from 77 to 77: give uint8"),
        ({"train": IMAGES, "test": IMAGES + 1.5}, "x has values from 0 to 1.5"),
        ((X, Y[:5]), "x has 6 examples and 5 labels"),
        ({"train": (X, Y), "test": (X, Y[:5])}, "test has 6 examples and 5 labels"),
        ({"train": (X, Y), "test": X}, "either both splits have labels, or none has"),
        (
            {"train": IMAGES, "test": torch.zeros(4, 1, 2, 3)},
            r"shape \(1, 2, 2\), and those for testing",
        ),
        ({"train": X, "test": IMAGES}, "either both splits are uint8, or none is"),
        ({"train": IMAGES, "test": X}, "either both splits are uint8, or none is"),
        ((X, Y.float()), "y are whole numbers"),
        ((X, Y[:, None]), "y are whole numbers"),
        ((X, Y - 1), "-1 is unknown"),
        ((X, list("abcdef")), "y are whole numbers"),
    ],
)
def test_what_is_no_data_is_refused(given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        as_dataset(given)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"test_share": 0}, r"ArrayDataset\.test_share"),
        ({"seed": -1}, r"ArrayDataset\.seed"),
        ({"kind": "picture"}, r"ArrayDataset\.kind"),
        ({"kind": "vector"}, r"\(1, 2, 2\) is no shape of data of the kind 'vector'"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        ArrayDataset(x=X, **wrong)


def test_it_is_a_value_that_no_file_can_hold() -> None:
    made = ArrayDataset(x=X, y=Y)
    assert made == ArrayDataset(x=X.clone(), y=Y.clone())
    assert made != ArrayDataset(x=X + 1, y=Y)
    assert genlab.components.component.plain_params(made)[1] == ("x", "y")
