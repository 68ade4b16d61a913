"""Data: what a spec says, how examples are taken, and how grey levels become continuous."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genlab import Dataset, DataSpec, Examples, LazyImages, RequestError, Split, dequantise

NAMES = ("1", "2", "3")


# --- specs


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((1, 8), "image", r"\(1, 8\) is no shape of data of the kind 'image'"),
        ((1, 8, 8), "vector", "of the kind 'vector'"),
        ((8,), "series", "of the kind 'series'"),
        ((1, 8, 8), "volume", "of the kind 'volume'"),
        ((2,), "vectors", r"unknown kind of data 'vectors'\. Did you mean 'vector'"),
    ],
)
def test_a_shape_that_is_none_of_its_kind_is_refused(
    shape: tuple[int, ...], kind: str, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        DataSpec(shape, kind)  # type: ignore[arg-type]


def test_levels_are_of_what_is_bounded() -> None:
    assert DataSpec((1, 2, 2), "image").level_width == pytest.approx(2 / 255)
    assert DataSpec((1, 2), "series", levels=3).level_width == 1.0
    assert DataSpec((1, 2, 2, 2), "volume", levels=0).level_width is None
    assert DataSpec((2,), "vector").level_width is None
    assert [DataSpec((2,), "vector").bounded, DataSpec((1, 2), "series").bounded] == [False, True]


@pytest.mark.parametrize(
    ("label", "number"),
    [
        (0, 0),
        (1, 1),
        (2, 2),
        ("1", 0),
        ("2", 1),
        ("3", 2),
        ("0", 0),
        ("name:1", 0),
        ("index:1", 1),
        ("index:0", 0),
        (np.int64(1), 1),
        (torch.tensor(2), 2),
    ],
)
def test_an_int_is_a_number_and_a_string_may_be_a_name(label: int | str, number: int) -> None:
    """Of classes that are called "1", "2" and "3"."""
    assert DataSpec((2,), "vector", 3, NAMES).class_of(label) == number
    assert DataSpec((2,), "vector", 3).class_of(number) == number


@pytest.mark.parametrize(
    "label", [3, -1, "4", "-1", "one", "", "name:0", "index:3", "index:", ":1"]
)
def test_a_class_that_does_not_exist_is_refused(label: int | str) -> None:
    with pytest.raises(RequestError, match=r"unknown class .*There are: 1, 2, 3"):
        DataSpec((2,), "vector", 3, NAMES).class_of(label)


@pytest.mark.parametrize(
    "label",
    [True, 1.0, float("nan"), None, (1,), torch.tensor(1.0), torch.tensor(True)],
)
def test_neither_a_number_nor_a_name(label: Any) -> None:
    with pytest.raises(RequestError, match=r"label .*: a class is given by its number \(an int\)"):
        DataSpec((2,), "vector", 3, NAMES).class_of(label)


@given(
    st.lists(
        st.sampled_from(["0", "1", "2", "3", "10", "a", "name:1", "index:0", "٣"]),
        min_size=1,
        unique=True,
    )
)
def test_a_word_is_one_class_or_refused(names: list[str]) -> None:
    """Whatever classes are called, each can be told by name: and index:, and no word means two."""
    spec = DataSpec((2,), "vector", len(names), tuple(names))
    for number, name in enumerate(names):
        assert spec.class_of(number) == spec.class_told(f"index:{number}") == number
        assert spec.class_of(name) == spec.class_told(f"name:{name}") == number
        if name in ("name:1", "index:0"):
            continue
        other = int(name) if name.isascii() and name.isdecimal() else number
        if other != number and other < len(names):
            with pytest.raises(RequestError, match=f"write name:{name} or index:{name}"):
                spec.class_told(name)
        else:
            assert spec.class_told(name) == number
    for number in range(len(names)):
        if str(number) not in names:
            assert spec.class_told(str(number)) == number


def test_classes_without_names_are_listed_by_number() -> None:
    with pytest.raises(RequestError, match=r"unknown class '7'.*There are: 0, 1\."):
        DataSpec((2,), "vector", 2).class_of(7)


def test_unlabelled_data_is_the_same_data() -> None:
    spec = DataSpec((1, 2, 2), "image", 3, NAMES, levels=16)
    assert spec.unlabelled() == DataSpec((1, 2, 2), "image", levels=16)


# --- examples


def lazy(n: int = 5) -> LazyImages:
    """Images whose pixels are their index."""
    return LazyImages(lambda i: i[:, None, None, None].expand(-1, 1, 2, 2).byte(), n, (1, 2, 2))


@pytest.mark.parametrize("held", ["levels", "lazy"])
def test_levels_are_scaled_when_they_are_taken(held: str) -> None:
    x = torch.arange(256, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    examples = Examples(x if held == "levels" else lazy(256), torch.arange(256) % 3)
    index = torch.tensor([0, 255, 51, 51])
    taken, y = examples.take(index)
    assert taken.dtype == torch.float32
    want = torch.tensor([-1.0, 1.0, -0.6, -0.6])
    torch.testing.assert_close(taken[:, 0, 0, 0], want, rtol=0, atol=1e-6)
    assert y is not None
    assert y.tolist() == [0, 0, 0, 0]
    assert len(examples) == 256
    assert examples.lazy == (held == "lazy")
    assert tuple(examples.x.shape) == (256, 1, 2, 2)


def test_floats_are_taken_as_they_are() -> None:
    x = torch.tensor([[1.5, -2.0], [0.0, 3.0]])
    taken, y = Examples(x).take(torch.tensor([1]))
    assert torch.equal(taken, x[1:])
    assert y is None


def test_some_are_chosen_once_each_and_by_the_seed(generator: torch.Generator) -> None:
    examples = Examples(torch.arange(50.0)[:, None], torch.arange(50))
    x, y = examples.some(20, generator=generator)
    assert y is not None
    assert len(set(y.tolist())) == 20
    assert torch.equal(x[:, 0].long(), y)
    again = examples.some(20, generator=torch.Generator().manual_seed(0))[1]
    assert torch.equal(y, again)  # type: ignore[arg-type]
    assert y.tolist() != list(range(20))
    assert sorted(examples.some(99, generator=generator)[1].tolist()) == list(range(50))  # type: ignore[union-attr]


def test_the_first_are_in_order() -> None:
    assert Examples(torch.arange(5.0)[:, None]).first(3)[0].flatten().tolist() == [0, 1, 2]
    assert len(Examples(torch.arange(5.0)[:, None]).first(9)[0]) == 5
    torch.testing.assert_close(
        Examples(lazy()).first(2)[0][1], torch.full((1, 2, 2), 1 / 127.5 - 1)
    )


def test_examples_go_to_a_device_and_lazy_ones_stay() -> None:
    there = Examples(torch.zeros(3, 2), torch.arange(3)).to("meta")
    assert (there.device.type, there.y.device.type) == ("meta", "meta")  # type: ignore[union-attr]
    assert Examples(torch.zeros(3, 2)).to("meta").y is None
    stays = Examples(lazy(), torch.arange(5)).to("meta")
    assert (stays.device.type, stays.y.device.type) == ("cpu", "cpu")  # type: ignore[union-attr]


# --- dequantisation


@given(levels=st.integers(2, 256), seed=st.integers(0, 1000))
def test_dequantised_data_fills_its_cells_evenly(levels: int, seed: int) -> None:
    """The cell of a level is as wide as the distance of two, and has the level in its middle."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.randint(levels, (400, 1, 8), generator=generator)
    x = 2 * u / (levels - 1) - 1
    noisy = dequantise(x, DataSpec((1, 8), "series", levels=levels), generator=generator)
    share = (noisy - x) * (levels - 1) / 2
    assert -0.5 * 1.001 <= float(share.min()) < -0.49
    assert 0.49 < float(share.max()) <= 0.5 * 1.001
    assert float(share.mean()) == pytest.approx(0, abs=5 * math.sqrt(1 / 12 / 3200))
    assert float(share.std()) == pytest.approx(math.sqrt(1 / 12), rel=0.05)


def test_what_is_continuous_is_not_dequantised(generator: torch.Generator) -> None:
    state = generator.get_state()
    for spec in (DataSpec((2,), "vector"), DataSpec((1, 2, 2), "image", levels=0)):
        x = torch.randn(3, *spec.shape)
        assert dequantise(x, spec, generator=generator) is x
    assert torch.equal(generator.get_state(), state)


# --- a data set of one's own


class Stripes(Dataset):
    """Images of stripes.

    Args:
        count: How many.
    """

    def __init__(self, *, count: int = 4) -> None:
        self.spec = DataSpec((1, 2, 2), "image")
        self.count = count

    def load(self, split: Split, root: Path | None = None) -> Examples:
        return Examples(torch.zeros(self.count, 1, 2, 2, dtype=torch.uint8))


def test_a_data_set_is_a_value() -> None:
    assert Stripes(count=3) == Stripes(count=3)
    assert repr(Stripes(count=3)) == "Stripes(count=3)"
    with pytest.raises(RequestError, match=r"Stripes\.count"):
        Stripes(count="many")  # type: ignore[arg-type]
