"""Checks that hold for every role, each on a component with one planted fault that it alone finds."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch
from pydantic import Field

from genlab import Tracker
from genlab.components.data import ArrayDataset
from genlab.testing import component_checks, dataset_checks


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Side(enum.IntEnum):
    LEFT = 0
    RIGHT = 1


class Sound(Tracker):
    """Knows parameters of all kinds.

    Args:
        path: A file.
        folder: A folder, or None.
        colour: A colour.
        side: A side.
        label: A text, or None.
        times: Some times.
        size: A height and a width.
        kinds: Some kinds.
        numbers: Some numbers.
        most: A number, or None.
        least: None, or a number.
        weights: Weights by name.
        how: How.
        spread: One number, or one for each axis.
        download: A switch.
    """

    def __init__(
        self,
        *,
        path: Path = Path("a/b.txt"),
        folder: Path | None = None,
        colour: Colour = Colour.RED,
        side: Side = Side.LEFT,
        label: str | None = None,
        times: tuple[float, ...] = (0.0, 0.5),
        size: tuple[int, int] = (3, 4),
        kinds: frozenset[str] = frozenset({"b", "a"}),
        numbers: list[Annotated[int, Field(ge=1)]] = [2, 1],  # noqa: B006
        most: int | None = 7,
        least: Annotated[float, Field(gt=0)] | None = None,
        weights: dict[str, float] = {"a": 0.5},  # noqa: B006
        how: Literal["fast", "well"] = "fast",
        spread: float | tuple[float, float] = 1.0,
        download: bool = False,
    ) -> None:
        pass


class TakesAnObject(Tracker):
    """A parameter that no file can hold.

    Args:
        when: A date of its own.
    """

    def __init__(self, *, when: complex = 1j) -> None:
        pass


class NoneAmongNumbers(Tracker):
    """None inside a tuple is a word of a text that nobody turns back.

    Args:
        sizes: Sizes, or None for those that are free.
    """

    def __init__(self, *, sizes: tuple[int | None, ...] = (3,)) -> None:
        pass


class NoneIsAChoice(Tracker):
    """A choice that a file cannot tell from None.

    Args:
        weight: A weight.
    """

    def __init__(self, *, weight: Literal["none", "snr"] | None = "snr") -> None:
        pass


class Untyped(Tracker):
    """A parameter without a type.

    Args:
        width: A width.
    """

    def __init__(self, *, width=3.0) -> None:  # type: ignore[no-untyped-def]
        pass


class Named(Tracker):
    """A parameter with the name of a key of the file.

    Args:
        name: A name.
    """

    def __init__(self, *, name: str = "x") -> None:
        pass


class TextOrNone(Tracker):
    """A text that may be None and is not.

    Args:
        label: A text.
    """

    def __init__(self, *, label: str | None = "x") -> None:
        pass


class Silent(Tracker):
    """Says nothing about its parameter."""

    def __init__(self, *, width: float = 3.0) -> None:
        pass


class Width(Tracker):
    """Has one parameter.

    Args:
        width: A width.
    """

    def __init__(self, *, width: float = 3.0) -> None:
        self.width = width


class ShownShort(Width):
    def __repr__(self) -> str:
        return "<a width>"


class ShownWithoutParameters(Width):
    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class AllAreEqual(Width):
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = Tracker.__hash__


class NoneAreEqual(Width):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Unhashable(Width):
    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)


FAULTS: list[tuple[Callable[[], Any], str]] = [
    (TakesAnObject, "parameters_survive_a_file"),
    (NoneAmongNumbers, "parameters_survive_a_file"),
    (NoneIsAChoice, "parameters_survive_a_file"),
    (Untyped, "wrong_values_are_refused"),
    (Named, "names_fit_a_file"),
    (TextOrNone, "optional_text_is_none_by_default"),
    (Silent, "parameters_are_documented"),
    (ShownShort, "repr_builds_it_again"),
    (lambda: ShownWithoutParameters(width=2.0), "repr_builds_it_again"),
    (AllAreEqual, "equal_by_parameters"),
    (Unhashable, "equal_by_parameters"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: Callable[[], Any], check: str, found: Any) -> None:
    assert found(component_checks(broken)) == [check]


def test_one_that_equals_nothing_shows_twice(found: Any) -> None:
    assert found(component_checks(NoneAreEqual)) == ["repr_builds_it_again", "equal_by_parameters"]


def test_every_check_has_a_fault() -> None:
    assert {check.name for check in component_checks(Sound)} == {check for _, check in FAULTS}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"folder": Path("c"), "label": "none of them", "most": None, "least": 0.5},
        {"colour": Colour.BLUE, "side": Side.RIGHT, "times": (), "kinds": frozenset(), "download": True},
        {"spread": (1.0, 2.0), "weights": {}, "how": "well", "numbers": [3]},
    ],
)  # fmt: skip
def test_a_sound_component_passes(params: dict[str, Any], found: Any) -> None:
    assert found(component_checks(lambda: Sound(**params))) == []


def test_data_is_no_parameter_of_a_file(found: Any) -> None:
    """Tensors and arrays are data, which no request writes down."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(300, 3, generator=generator), torch.arange(300) % 2
    assert found(dataset_checks(ArrayDataset(x=x, y=y))) == []
    images = np.random.default_rng(0).random((60, 1, 4, 4), dtype=np.float32)
    assert found(dataset_checks(ArrayDataset(x=images))) == []
