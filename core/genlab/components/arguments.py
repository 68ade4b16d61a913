"""Arguments of functions that people call: names and types are checked before any work."""

from __future__ import annotations

import functools
import inspect
import numbers
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from genlab.components.foreign import called_here
from genlab.components.words import type_in_words
from genlab.errors import RequestError, brief, nearest

__all__ = ["checked_arguments", "refuse_types"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def checked_arguments(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Check the arguments of every call of a function against its annotations.

    Args:
        function: The function, whose arguments are annotated.

    Returns:
        The same function; a name that it does not have and a value of another type are a
        :class:`~genlab.RequestError`.
    """
    signature = inspect.signature(function)
    kinds = {p.kind for p in signature.parameters.values()}
    names = [p.name for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]

    @functools.wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for key in kwargs if inspect.Parameter.VAR_KEYWORD not in kinds else ():
            if key not in names:
                raise _unknown(function.__name__, key, names)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise RequestError(f"{function.__name__}: {error}") from None
        refuse_types(function, bound.arguments)
        return function(*args, **kwargs)

    return checked


def refuse_types(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuse values that are not of the types that a function asks for.

    Args:
        function: The function.
        given: Arguments by name; those that it does not have are passed over.

    Raises:
        RequestError: A value is of another type.
    """
    hints = _hints(inspect.unwrap(function))
    for name, value in given.items():
        if name in hints and not _fits(value, hints[name]):
            raise RequestError(
                f"{name} = {brief(value)} is of the type {type(value).__name__}, and {function.__name__} "
                f"takes {type_in_words(hints[name])}"
            )


@functools.cache
def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    single = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    hints = typing.get_type_hints(function)
    return {name: hint for name, hint in hints.items() if name in single}


def _fits(value: Any, hint: Any) -> bool:
    """Say whether a value is of a type; what is inside tables and lists is looked at where it is used."""
    origin = typing.get_origin(hint)
    if hint in (Any, object):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in typing.get_args(hint))
    kind = type(None) if hint is None else origin or hint
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool)
    if inspect.isclass(kind) and issubclass(kind, os.PathLike):
        return isinstance(value, os.PathLike)
    if inspect.isclass(kind) and kind not in (str, Mapping) and issubclass(kind, Iterable):
        return isinstance(value, kind) and not isinstance(value, str | bytes | Mapping)
    return isinstance(value, kind)


def _unknown(function: str, key: str, names: Iterable[str]) -> RequestError:
    names = list(names)
    close, here = nearest(key, names, most=1), called_here("", key)
    if here in names:
        hint = f" It is called {here} here."
    elif here and "set" in names:
        hint = f" It is called {here} here: {function}(set={{{here!r}: ...}})."
    else:
        hint = f" Did you mean {close[0]!r}?" if close else ""
    return RequestError(
        f"{function} has no argument {brief(key)}.{hint} It takes {', '.join(names)}."
    )
