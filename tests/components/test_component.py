"""Components are values: checked when they are called, shown, compared, and written to files and back."""

from __future__ import annotations

import copy
import enum
import inspect
import math
import pickle
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, PositiveInt
from torch import nn

import genlab
from genlab import (
    Backbone,
    Component,
    DataSpec,
    Denoising,
    RequestError,
    Restorer,
    build,
    registry,
)
from genlab.components.component import plain_params, reference_of
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import Perceptron, StepDown


class Roast(enum.Enum):
    """An enumeration, as a parameter may be."""

    LIGHT = "light"
    DARK = "dark"


class Coffee(Component):
    """Coffee, with a parameter of every kind that a file can hold.

    Args:
        grams: How much.
        cups: How many; none: as many as there are.
        name: What is said.
        roast: How dark.
        grind: How fine.
        source: A file.
        waters: Degrees of each pour.
        shot: Exactly one number.
        extras: What goes into it.
        notes: More about it.
        rates: Numbers by number.
    """

    role = "cup"

    def __init__(
        self,
        *,
        grams: Annotated[float, Field(gt=0)] = 18.0,
        cups: PositiveInt | None = 2,
        name: str | None = None,
        roast: Roast = Roast.LIGHT,
        grind: Literal["fine", "coarse"] = "fine",
        source: Path | None = None,
        waters: tuple[float, ...] = (90.0, 95.0),
        shot: tuple[int] = (1,),
        extras: set[str] | frozenset[str] = frozenset({"milk"}),
        notes: dict[str, int] | None = None,
        rates: list[list[float]] | None = None,
    ) -> None:
        if grams > 1000:
            raise ValueError(f"grams = {grams} is more than a pot holds")
        self.grams, self.roast = grams, roast


class Decaf(Coffee):
    """The same parameters under another name."""


class Bag(Component):
    """A parameter that has no default and can be anything."""

    role = "bag"

    def __init__(self, *, inside: Any, label: str = "beans") -> None:
        self.inside = inside


class Width(Backbone):
    """A component with weights."""

    tags = genlab.BackboneTags(data=frozenset({"vector"}))

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(spec.shape[0], width)

    def forward(self, x: torch.Tensor, t: torch.Tensor, y: Any = None) -> torch.Tensor:
        return x


VECTOR = DataSpec((2,), "vector", 3)


# --- checked whenever the class is called


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"grams": -1}, "Coffee.grams: input should be greater than 0 (given: -1)"),
        ({"grams": "much"}, "Coffee.grams: input should be a valid number"),
        ({"cups": 0}, "Coffee.cups: input should be greater than 0 (given: 0)"),
        ({"roast": "burnt"}, "Coffee.roast: input should be 'light' or 'dark' (given: 'burnt')"),
        ({"grind": "dust"}, "Coffee.grind: input should be 'fine' or 'coarse' (given: 'dust')"),
        ({"shot": (1, 2)}, "Coffee.shot: tuple should have at most 1 item"),
        (
            {"gramms": 3},
            "unknown parameter Coffee.gramms. Did you mean 'grams'? Coffee has grams, cups",
        ),
        ({"grams": 1001}, "Coffee: grams = 1001.0 is more than a pot holds"),
    ],
)
@pytest.mark.parametrize("cls", [Coffee, Decaf])
def test_a_wrong_parameter_is_one_line(
    cls: type[Coffee], wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        cls(**wrong)
    assert str(caught.value).startswith(message.replace("Coffee", cls.__name__))
    assert "\n" not in str(caught.value)


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(RequestError, match=r"Coffee\.grams: .*; Coffee\.cups: "):
        Coffee(grams=-1, cups=-1)


def test_what_is_left_out_and_needed_is_named() -> None:
    with pytest.raises(RequestError, match=r"^Bag\.inside: field required$"):
        Bag()


@pytest.mark.parametrize(
    ("role", "name", "wrong", "message"),
    [
        (
            "degradation",
            "blur",
            {"sigma_max": -5},
            r"sigma_max: input should be greater than 0.*-5",
        ),
        ("degradation", "blur", {"sigma_max": "wide"}, r"sigma_max: .*valid number.*'wide'"),
        ("sampler", "ddim", {"eta": 7}, r"eta: input should be less than or equal to 1.*7"),
        ("optimiser", "adamw", {"betas": (0.9, 1.5)}, r"betas\.1: .*less than 1.*1\.5"),
    ],
)
def test_by_name_and_by_hand_alike(
    role: str, name: str, wrong: dict[str, Any], message: str
) -> None:
    cls = registry(role).get(name)
    with pytest.raises(RequestError, match=f"^{cls.__name__}.{message}"):
        cls(**wrong)
    with pytest.raises(RequestError, match=f"^{role}.{message}"):
        build(role, name, **wrong)


def test_components_with_a_context_are_checked_too() -> None:
    with pytest.raises(RequestError, match=r"^Width\.width: input should be greater than 0"):
        Width(VECTOR, width=0)
    restorer = Restorer(Perceptron(VECTOR), CosineNoise())
    with pytest.raises(RequestError, match=r"^Denoising\.loss: input should be 'l1' or 'l2'"):
        Denoising(restorer, loss="l3")  # type: ignore[arg-type]


def test_other_errors_of_a_constructor_stay_what_they_are() -> None:
    class Strict(Component):
        role = "strict"

        def __init__(self, *, how: str = "request") -> None:
            raise {"request": genlab.errors.BrokenComponentError, "type": TypeError}[how]("no")

    with pytest.raises(genlab.errors.BrokenComponentError):
        Strict()
    with pytest.raises(TypeError, match="no"):
        Strict(how="type")
    with pytest.raises(TypeError):
        Fade(3)  # type: ignore[call-arg]


# --- what the object keeps


def test_params_are_whole_converted_and_a_copy() -> None:
    made = Coffee(grams="20", cups="none", name="none", roast="dark", source="a/b", waters=[80])  # type: ignore[arg-type]
    assert made.grams == 20.0
    assert made.roast is Roast.DARK
    assert made.params == {
        "grams": 20.0, "cups": None, "name": "none", "roast": Roast.DARK, "grind": "fine",
        "source": Path("a/b"), "waters": (80.0,), "shot": (1,), "extras": frozenset({"milk"}),
        "notes": None, "rates": None,
    }  # fmt: skip
    made.params["grams"] = 3.0
    assert made.params["grams"] == 20.0
    assert Fade().params == {}


def test_what_was_given_before_the_parameters_is_kept() -> None:
    assert Width(VECTOR, width=3).built_for is VECTOR
    assert Coffee().built_for is None
    restorer = Restorer(Perceptron(VECTOR), CosineNoise())
    assert Denoising(restorer).built_for is restorer


def test_a_repr_leaves_defaults_out() -> None:
    assert repr(Coffee()) == "Coffee()"
    assert repr(Coffee(grams=18, cups=2)) == "Coffee()"
    shown = repr(
        Coffee(cups=None, roast=Roast.DARK, source=Path("a/b"), shot=(2,), extras={"b", "a"})
    )
    assert (
        shown == "Coffee(cups=None, roast='dark', source='a/b', shot=(2,), extras=set(['a', 'b']))"
    )
    assert repr(Bag(inside=1)) == "Bag(inside=1)"


texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
coffees = st.fixed_dictionaries(
    {},
    optional={
        "grams": st.floats(1e-300, 1000),
        "cups": st.none() | st.integers(1, 10**12),
        "name": st.none() | texts,
        "roast": st.sampled_from(Roast),
        "grind": st.sampled_from(["fine", "coarse"]),
        "source": st.none() | texts.filter(lambda text: "\0" not in text).map(Path),
        "waters": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3).map(tuple),
        "shot": st.integers(-5, 5).map(lambda n: (n,)),
        "extras": st.frozensets(texts, max_size=3),
        "notes": st.none() | st.dictionaries(texts, st.integers(-9, 9), max_size=3),
        "rates": st.none() | st.lists(st.lists(st.floats(-1, 1), max_size=2), max_size=2),
    },
)


@given(coffees)
def test_a_repr_builds_it_again(params: dict[str, Any]) -> None:
    made = Coffee(**params)
    again = eval(repr(made), {"Coffee": Coffee, "float": float})
    assert again == made
    assert hash(again) == hash(made)


@given(coffees)
def test_a_file_builds_it_again(params: dict[str, Any]) -> None:
    made = Coffee(**params)
    written, missing = plain_params(made)
    assert missing == ()
    read = tomllib.loads(tomli_w.dumps({"coffee": written}))["coffee"]
    kept = {k: v for k, v in made.params.items() if k != "name" or v != "none"}
    again = Coffee(**read)
    assert {k: again.params[k] for k in kept} == kept


def test_what_no_file_can_hold_is_named() -> None:
    assert plain_params(Bag(inside=torch.ones(2))) == ({"label": "beans"}, ("inside",))
    assert plain_params(Bag(inside=[object()], label="x")) == ({"label": "x"}, ("inside",))


def test_none_is_written_only_where_it_is_not_the_default() -> None:
    assert "source" not in plain_params(Coffee())[0]
    assert plain_params(Coffee(cups=None))[0]["cups"] == "none"


# --- equality


def test_equality_is_of_class_and_parameters() -> None:
    assert Coffee(grams=3) == Coffee(grams=3.0)
    assert Coffee(grams=3) != Coffee(grams=4)
    assert Coffee() != Decaf()
    assert Coffee() != "Coffee()"
    assert Bag(inside=1) != Bag(inside=True)
    assert Bag(inside=1) != Bag(inside=1.0), "they print differently"
    assert len({Coffee(grams=3), Coffee(grams=3.0), Coffee(grams=4)}) == 2


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])),
        ([torch.ones(2), "a"], [torch.zeros(2), "a"]),
        ((torch.ones(2),), (torch.ones(3),)),
        ({"a": torch.ones(2)}, {"a": torch.zeros(2)}),
        ({"a": 1}, {"b": 1}),
    ],
    ids=str,
)
def test_arrays_are_equal_value_by_value(a: Any, b: Any) -> None:
    assert Bag(inside=a) == Bag(inside=copy.deepcopy(a))
    assert Bag(inside=a) != Bag(inside=b)
    assert hash(Bag(inside=a)) == hash(Bag(inside=copy.deepcopy(a)))


def test_copies_are_equal() -> None:
    made = Coffee(grams=3, roast=Roast.DARK)
    assert copy.deepcopy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_component_with_weights_is_equal_to_itself_alone() -> None:
    torch.manual_seed(0)
    one, other = Width(VECTOR), Width(VECTOR)
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    assert one.params == {"width": 4}


# --- in a notebook (the HTML itself: test_html.py)


def test_the_source_is_read_from_the_docstring() -> None:
    assert (
        reference_of("Line.\n\nSource: Doe 2020,\n    ``page 3``.\n\nArgs:") == "Doe 2020, page 3"
    )
    assert reference_of("Sources: Doe 2020; Roe 2021.") == "Doe 2020; Roe 2021"
    assert reference_of("No source.") is None


def test_a_subclass_without_a_constructor_has_the_parameters_of_its_base() -> None:
    assert Decaf(grams=2).params["grams"] == 2.0
    assert repr(Decaf(grams=2)) == "Decaf(grams=2.0)"


def test_infinite_numbers_are_their_repr() -> None:
    made = Bag(inside=[math.inf, -math.inf])
    assert eval(repr(made), {"Bag": Bag, "float": float}) == made
    assert StepDown() == StepDown()


def test_a_class_shows_the_arguments_of_its_constructor() -> None:
    assert [*inspect.signature(registry("density").get("realnvp")).parameters][:3] == [
        "spec",
        "couplings",
        "width",
    ]
    ratio = inspect.signature(registry("degradation").get("blur")).parameters["ratio"]
    assert (ratio.annotation, ratio.default) == (float, 12.0)
    assert inspect.signature(type("Plain", (Component,), {})).parameters == {}
