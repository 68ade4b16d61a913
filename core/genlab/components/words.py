"""Types in words."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any

__all__ = ["type_in_words"]

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def type_in_words(annotation: Any, *limits: Any) -> str:
    """Write a type with its bounds as a person would.

    Args:
        annotation: The type.
        limits: Bounds, as they stand in an ``Annotated``.

    Example:
        >>> from annotated_types import Gt
        >>> type_in_words(float, Gt(1)), type_in_words(int | None)
        ('float > 1', 'int | none')
        >>> type_in_words(tuple[Annotated[int, Gt(0)], ...])
        'tuple[int > 0, ...]'
    """
    if limits:
        return " ".join([type_in_words(annotation), *_bounds(limits)])
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        base, *rest = typing.get_args(annotation)
        return " ".join([type_in_words(base), *_bounds(rest)])
    if origin is typing.Literal:
        return " | ".join(json.dumps(value) for value in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_in_words(arg) for arg in typing.get_args(annotation))
    if annotation is type(None):
        return "none"
    if annotation is Ellipsis:
        return "..."
    name = getattr(origin or annotation, "__name__", str(annotation))
    if origin is None:
        return name
    return f"{name}[{', '.join(map(type_in_words, typing.get_args(annotation)))}]"


def _bounds(metadata: Iterable[Any]) -> list[str]:
    found = []
    for item in metadata:
        for part in getattr(item, "metadata", [item]):
            found += [f"{s} {getattr(part, k)}" for k, s in _SIGNS.items() if hasattr(part, k)]
    return found
