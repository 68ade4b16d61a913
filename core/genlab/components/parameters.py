"""Parameters: the keyword-only arguments of a constructor, their types, bounds and checks.

Nobody writes a schema: names, types, bounds and defaults are read from the signature, meanings from the
docstring, and pydantic checks the values.
"""

from __future__ import annotations

import difflib
import enum
import inspect
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any

import docstring_parser
import pydantic

from genlab.components.foreign import called_here
from genlab.errors import RequestError, cut, listed, nearest

__all__ = [
    "Parameter",
    "check_parameters",
    "defaults_of",
    "literal",
    "parameters",
    "plain",
    "unknown_setting",
    "worded",
]

_LIKE = 0.8  # how much a misspelled name is like the right one, rather than another word for it
_ROOM = 250  # characters of all that is wrong with the values of a table

NONE = "none"
"""How a file and the command line write ``None``."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component.

    Args:
        name: Its name.
        annotation: Its type.
        default: Its default, or ``inspect.Parameter.empty``.
        description: What the class's docstring says about it.
    """

    name: str
    annotation: Any
    default: Any
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty

    @property
    def none_is_a_word(self) -> bool:
        """Whether the word ``none`` stands for ``None``: it may be None, and is no text."""
        kinds = typing.get_args(self.annotation)
        return type(None) in kinds and str not in kinds


def parameters(component: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the parameters of a component: the keyword-only arguments of its constructor.

    Args:
        component: A class, or a function.
    """
    return _parameters(component)


@cache
def _parameters(component: Callable[..., Any]) -> tuple[Parameter, ...]:
    function = component.__init__ if inspect.isclass(component) else component
    found = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    if not found:
        return ()
    hints = typing.get_type_hints(function, include_extras=True)
    described: dict[str, str] = {}
    for documented in (
        reversed(inspect.getmro(component)) if inspect.isclass(component) else (component,)
    ):
        described |= _descriptions(inspect.cleandoc(documented.__doc__ or ""))
    return tuple(
        Parameter(p.name, hints.get(p.name, Any), p.default, described.get(p.name, ""))
        for p in found
    )


def _descriptions(docstring: str) -> dict[str, str]:
    """Return what the ``Args`` section of a docstring says about each parameter."""
    parsed = docstring_parser.parse(docstring, docstring_parser.DocstringStyle.GOOGLE)
    return {entry.arg_name: " ".join((entry.description or "").split()) for entry in parsed.params}


def defaults_of(component: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of the parameters that have one, by name."""
    return {p.name: p.default for p in parameters(component) if not p.required}


def check_parameters(
    component: Callable[..., Any], given: Mapping[str, Any], *, where: str = ""
) -> dict[str, Any]:
    """Check parameters against the signature of a component's constructor.

    Args:
        component: The class.
        given: Parameters by name.
        where: How the error calls the component, such as ``"degradation"``; its class where left out.

    Returns:
        The given parameters, each converted to its annotated type. A number is finite, unless the
        annotation says otherwise with ``Field(allow_inf_nan=True)``.

    Raises:
        RequestError: A name that does not exist (the message lists the right ones), a value that does not
            fit its type or bounds, or a required parameter that is missing.
    """
    known = {p.name: p for p in parameters(component)}
    name = getattr(component, "__name__", str(component))
    for key in given:
        if key not in known:
            raise unknown_setting(where or name, key, known, f"{where} {name}".strip())
    values = {
        key: None if known[key].none_is_a_word and _is_none(value) else value
        for key, value in given.items()
    }
    try:
        checked = _model(component)(**values)
    except pydantic.ValidationError as error:
        raise RequestError(worded(error, where or name)) from None
    return {key: getattr(checked, key) for key in given}


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value.lower() == NONE


@cache
def _model(component: Callable[..., Any]) -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.required else p.default) for p in parameters(component)
    }
    config = pydantic.ConfigDict(
        arbitrary_types_allowed=True, protected_namespaces=(), allow_inf_nan=False
    )
    return pydantic.create_model(
        getattr(component, "__name__", "parameters"), __config__=config, **fields
    )


def plain(value: Any) -> Any:
    """Return a value as a TOML file can hold it.

    Paths and members of an enumeration become text, tuples and sets lists (sets in order), and None the
    word ``none``.

    Raises:
        TypeError: A file can hold no such value, for instance a tensor.
    """
    if value is None:
        return NONE
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a value of the type {type(value).__name__} cannot be written to a file")


def literal(value: Any) -> str:
    """Return the Python expression that stands for a value in a repr."""
    if isinstance(value, enum.Enum):
        return literal(value.value)
    if isinstance(value, PurePath):
        return repr(str(value))
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, tuple):
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, set | frozenset):
        inside = f"[{', '.join(sorted(map(literal, value)))}]"
        return f"{type(value).__name__}({inside})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    return repr(value)


def unknown_setting(where: str, key: str, known: Iterable[str], owner: str) -> RequestError:
    """Build the error for a setting that does not exist.

    Args:
        where: The table that it was looked for in; empty for none.
        key: What was given.
        known: All that exist.
        owner: What has them, in words.
    """
    known = list(known)
    told = cut(f"{where}.{key}" if where else key)
    what = f"unknown parameter {told}" if where else f"unknown setting {told!r}"
    close = nearest(key, known, most=1)
    here = called_here(where, key)
    if here and not difflib.get_close_matches(key, close, 1, _LIKE):
        return RequestError(f"{what}: it is called {here}")
    hint = f" Did you mean {close[0]!r}?" if close else ""
    has = f"has {', '.join(known)}" if known else "has no parameters"
    return RequestError(f"{what}.{hint} {owner[:1].upper()}{owner[1:]} {has}.")


def worded(error: pydantic.ValidationError, where: str) -> str:
    """Word a validation error as one line that is not too long: what was given, and what is allowed."""
    lines = []
    for item in error.errors(include_url=False):
        place = cut(".".join(str(p) for p in (where, *item["loc"]) if p != ""))
        message = item["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        given = item["input"]
        hidden = isinstance(given, Mapping | pydantic.BaseModel) or item["type"] == "missing"
        shown = "" if hidden else f" (given: {_short(given)})"
        lines.append(f"{place}: {message}{shown}" if place else f"{message}{shown}")
    return listed(dict.fromkeys(lines), _ROOM, "; ")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 and "\n" not in text else type(value).__name__
