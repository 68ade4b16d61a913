"""Parameters as they are read from signatures and docstrings, checked, and put into words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import pydantic
import pytest
from pydantic import Field, PositiveFloat

from genlab import RequestError, registry
from genlab.components.parameters import (
    check_parameters,
    defaults_of,
    literal,
    parameters,
    plain,
    unknown_setting,
    worded,
)
from genlab.components.registry import ROLES
from genlab.errors import nearest, unknown


class Oven:
    """Bakes.

    Args:
        spec: What is no parameter, since it has no keyword.
        heat: Degrees,
            in Celsius.
        fan: Whether the fan is on.
        model_name: A name that pydantic reserves.
    """

    def __init__(
        self,
        spec: object,
        *,
        heat: Annotated[float, Field(gt=0, le=300)],
        fan: bool = True,
        model_name: str | None = None,
    ) -> None: ...


class Plain:
    """Takes nothing."""


def grill(x: object, *, heat: PositiveFloat = 200.0) -> None:
    """Grill.

    Args:
        x: Anything.
        heat: Degrees.
    """


def test_parameters_are_the_keyword_arguments_with_their_meaning() -> None:
    heat, fan, name = parameters(Oven)
    assert (heat.name, heat.required, heat.description) == ("heat", True, "Degrees, in Celsius.")
    assert (fan.name, fan.default, fan.annotation) == ("fan", True, bool)
    assert (name.none_is_a_word, fan.none_is_a_word) == (False, False), "a text may be 'none'"
    assert defaults_of(Oven) == {"fan": True, "model_name": None}
    assert [p.name for p in parameters(grill)] == ["heat"], "functions have parameters, too"
    assert parameters(Plain) == ()


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "inf"])
def test_numbers_are_finite_unless_the_annotation_says_otherwise(value: float | str) -> None:
    class Kiln:
        def __init__(
            self,
            *,
            heat: float = 1.0,
            most: Annotated[float, Field(allow_inf_nan=True)] = float("inf"),
        ) -> None: ...

    with pytest.raises(RequestError, match=r"heat.*finite"):
        check_parameters(Kiln, {"heat": value})
    assert not math.isfinite(check_parameters(Kiln, {"most": value})["most"])


def test_a_subclass_with_a_docstring_of_its_own_keeps_its_parents_descriptions() -> None:
    class Grill(Oven):
        """Grills.

        Args:
            heat: Degrees at the top.
        """

    described = {p.name: p.description for p in parameters(Grill)}
    assert described["heat"] == "Degrees at the top."
    assert described["fan"] == "Whether the fan is on."


def test_what_is_given_is_converted_and_nothing_is_filled_in() -> None:
    assert check_parameters(Oven, {"heat": "200"}) == {"heat": 200.0}
    assert check_parameters(Oven, {"heat": 1, "model_name": "none"})["model_name"] == "none"
    assert check_parameters(Plain, {}) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"heat": 301}, r"^oven\.heat: input should be less than or equal to 300 \(given: 301\)$"),
        ({}, r"^oven\.heat: field required$"),
        (
            {"heat": 3, "fna": True},
            r"^unknown parameter oven\.fna\. Did you mean 'fan'\? Oven Oven has ",
        ),
        ({"heat": {"a": 1}}, r"^oven\.heat: input should be a valid number$"),
        ({"heat": "x" * 99}, r"^oven\.heat: .*\(given: str\)$"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check_parameters(Oven, given, where="oven")


def test_a_component_without_parameters_says_so() -> None:
    with pytest.raises(
        RequestError, match=r"unknown parameter Plain\.heat\. Plain has no parameters"
    ):
        check_parameters(Plain, {"heat": 3})


@pytest.mark.parametrize("role", ROLES)
def test_every_parameter_of_every_component_is_documented_and_checked(role: str) -> None:
    for entry in registry(role).entries():
        if entry.package != "genlab":
            continue
        component = entry.load()
        for parameter in parameters(component):
            assert parameter.description, f"{role} {entry.name}.{parameter.name}"
        with pytest.raises(RequestError, match=f"{role}.no_such_parameter"):
            check_parameters(component, {"no_such_parameter": 1}, where=role)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "none"),
        (Path("a") / "b", str(Path("a") / "b")),
        ((1, (2.5, "x")), [1, [2.5, "x"]]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({3, 1}), [1, 3]),
        ({1: {"x": None}}, {"1": {"x": "none"}}),
        (True, True),
    ],
)
def test_values_as_a_file_holds_them(value: Any, written: Any) -> None:
    assert plain(value) == written
    assert type(plain(value)) is type(written)


def test_a_file_holds_no_object() -> None:
    with pytest.raises(TypeError, match="type object cannot be written"):
        plain([1, object()])


@pytest.mark.parametrize(
    "value",
    [(1,), (1, 2), (), [1, [2]], {"b", "a"}, set(), frozenset({1}), {"a": (1,), 2: None}, "a'b\n",
     float("inf"), -0.0, 1e-300, None, True],
)  # fmt: skip
def test_a_literal_is_the_value(value: Any) -> None:
    again = eval(literal(value))
    assert again == value
    assert type(again) is type(value)


def test_two_errors_are_two_clauses_of_one_line() -> None:
    class Two(pydantic.BaseModel):
        a: int
        b: int = Field(gt=1)

        @pydantic.field_validator("b")
        @classmethod
        def _odd(cls, value: int) -> int:
            raise ValueError("It must be odd")

    with pytest.raises(pydantic.ValidationError) as caught:
        Two.model_validate({"b": 2})
    assert worded(caught.value, "t") == "t.a: field required; t.b: it must be odd (given: 2)"
    assert worded(caught.value, "") == "a: field required; b: it must be odd (given: 2)"


def test_nearest_names() -> None:
    names = ["gaussian", "blur", "pixelate", "mask-box", "mask-dropout", "mask-gaussian", "mask"]
    assert nearest("blurr", names) == ["blur"]
    assert nearest("Gausian", names)[0] == "gaussian"
    assert nearest("mask-", names)[0] == "mask"
    assert len(nearest("mask", names)) == 3
    assert nearest("mask", names, most=1) == ["mask"]
    assert nearest("zzz", names) == []
    assert nearest("", names) == []


def test_unknown_names_are_answered_with_those_that_exist() -> None:
    assert str(unknown("dish", "suop", ["soup", "cake"])) == (
        "unknown dish 'suop'. Did you mean 'soup'? There are: cake, soup."
    )
    assert str(unknown("dish", "x", [])) == "unknown dish 'x': there are none"
    assert str(unknown_setting("menu", "x", [], "a menu")) == (
        "unknown parameter menu.x. A menu has no parameters."
    )


def test_a_long_name_is_not_repeated_whole() -> None:
    name = "x" * 5000
    for error in (
        unknown_setting("restorer", name, ["jitter"], "restorer"),
        unknown_setting("", name, ["seed"], "the configuration"),
    ):
        assert len(str(error)) < 200
        assert "xxx..." in str(error)


def test_of_many_wrong_values_a_message_tells_as_many_as_it_has_room_for() -> None:
    class Kitchen:
        def __init__(self, *, ovens: int, cooks: int, tables: int, plates: int) -> None: ...

    wrong = dict.fromkeys(("ovens", "cooks", "tables", "plates"), "\U0002ebe1" * 7)
    with pytest.raises(RequestError, match=r"kitchen.ovens: .*; and 3 more$") as caught:
        check_parameters(Kitchen, wrong, where="kitchen")
    assert len(str(caught.value)) <= 300
