"""What holds for the components of every role: they are values, and a file can hold their parameters."""

from __future__ import annotations

import enum
import inspect
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import PurePath
from typing import Any

import tomli_w

from genlab.components.component import Component, plain_params, same_params
from genlab.components.module import ModuleComponent
from genlab.components.parameters import Parameter, check_parameters, parameters, plain
from genlab.errors import RequestError
from genlab.testing.check import Check, bind, require

__all__ = ["component_checks"]


def component_checks(get: Callable[[], Component]) -> Iterator[Check]:
    """Yield the checks that hold for a component of any role.

    Args:
        get: Returns the component; called when the first check runs.
    """
    yield from bind(_CHECKS, _Case(get))


@dataclass(frozen=True)
class _Case:
    get: Callable[[], Component]

    @cached_property
    def component(self) -> Component:
        return self.get()

    @property
    def cls(self) -> type[Component]:
        return type(self.component)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return parameters(self.cls)

    @property
    def params(self) -> dict[str, Any]:
        return self.component.params

    @property
    def build(self) -> Callable[..., Any]:
        """What builds one from parameters: the class, given what the component was built for."""
        cls: Callable[..., Any] = self.cls
        context = self.component.built_for
        return cls if context is None else partial(cls, context)

    def rebuild(self, **changes: Any) -> Component:
        """Build the component again: for the same data or model, with some parameters changed."""
        built: Component = self.build(**{**self.params, **changes})
        return built

    def allowed(self, name: str, values: list[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield those of the values that the parameter accepts, and how the constructor would see them."""
        for value in values:
            try:
                yield value, check_parameters(self.cls, {**self.params, name: value})[name]
            except RequestError:
                continue


def _parameters_survive_a_file(case: _Case) -> None:
    """Parameters that are written to a TOML file and read again build an equal component."""
    written, missing = plain_params(case.component)
    lost = [name for name in missing if not _is_data(case.params[name])]
    require(not lost, f"no file can hold {_shown(case.params, lost[:1])}")
    read = _through_file(written)
    kept = {name: case.params[name] for name in missing}
    again = check_parameters(case.cls, {**read, **kept})
    for name, value in again.items():
        require(
            same_params({name: value}, {name: case.params[name]}),
            f"{name} = {case.params[name]!r} comes back from a file as {value!r}",
        )
    case.rebuild(**again)
    for p in case.parameters:
        for given, value in case.allowed(p.name, _examples(p.annotation)):
            require(value is not None or given is None, f"{p.name} = {given!r} is taken for None")
            _require_survives(case, p, value)


def _require_survives(case: _Case, p: Parameter, value: Any) -> None:
    """Require that a value of a parameter comes back from a file as it was."""
    if value is None and (p.default is None or not p.none_is_a_word):
        return  # it is left out; a text is the business of another check
    try:
        read = _through_file({p.name: plain(value)})
        again = check_parameters(case.cls, {**case.params, **read})[p.name]
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{p.name} = {value!r} does not survive a file: {error}") from None
    require(
        same_params({p.name: again}, {p.name: value}),
        f"{p.name} = {value!r} comes back from a file as {again!r}",
    )


def _wrong_values_are_refused(case: _Case) -> None:
    """A value of a wrong type is a RequestError that names the parameter."""
    given = inspect.signature(case.cls.__init__).parameters
    for p in case.parameters:
        untyped = given[p.name].annotation is inspect.Parameter.empty
        require(not untyped, f"{p.name} has no type, so that any value is taken")
        if p.annotation in (Any, object):
            continue
        wrong = _Wrong()
        try:
            case.rebuild(**{p.name: wrong})
        except RequestError as error:
            require(p.name in str(error), f"{p.name} = {wrong!r}: {error} does not name it")
        except Exception as error:
            raise AssertionError(
                f"{p.name} = {wrong!r} raises {type(error).__name__}, not RequestError: {error}"
            ) from None
        else:
            raise AssertionError(f"{p.name} = {wrong!r} is taken")


def _names_fit_a_file(case: _Case) -> None:
    """No parameter is called "name" or "class", by which a file tells what the component is."""
    taken = sorted({p.name for p in case.parameters} & {"name", "class"})
    require(not taken, f"a parameter is called {taken[:1]}")


def _optional_text_is_none_by_default(case: _Case) -> None:
    """A text that may be None is None by default: a file has no other way of saying None for a text."""
    for p in case.parameters:
        kinds = typing.get_args(p.annotation)
        require(
            not (type(None) in kinds and str in kinds) or p.default is None,
            f"{p.name} may be a text or None, and is {p.default!r} by default",
        )


def _parameters_are_documented(case: _Case) -> None:
    """Every parameter stands under Args in the docstring of the class."""
    silent = [p.name for p in case.parameters if not p.description]
    require(not silent, f"nothing is said about {', '.join(silent)}")


def _repr_builds_it_again(case: _Case) -> None:
    """The repr is an expression that builds an equal component."""
    if isinstance(case.component, ModuleComponent) or any(map(_is_data, case.params.values())):
        return
    text = repr(case.component)
    try:
        again = eval(text, {case.cls.__name__: case.build})
    except Exception as error:
        raise AssertionError(f"{text} raises {type(error).__name__}: {error}") from None
    require(again == case.component, f"{text} builds {again!r}, which is not equal")


def _equal_by_parameters(case: _Case) -> None:
    """Two of a class are equal where their parameters are, and have one hash then; modules never are."""
    if isinstance(case.component, ModuleComponent):
        return
    twin = case.rebuild()
    require(twin == case.component, f"two of {twin!r} are not equal")
    require(hash(twin) == hash(case.component), f"two of {twin!r} have two hashes")
    for p in case.parameters:
        for _, value in case.allowed(p.name, _harmless(p.annotation)):
            if same_params({p.name: value}, {p.name: case.params[p.name]}):
                continue
            try:
                other = case.rebuild(**{p.name: value})
            except RequestError:
                continue  # it does not go with the others
            require(other != case.component, f"it is equal with {p.name} = {value!r}")


_CHECKS = (
    _parameters_survive_a_file,
    _wrong_values_are_refused,
    _names_fit_a_file,
    _optional_text_is_none_by_default,
    _parameters_are_documented,
    _repr_builds_it_again,
    _equal_by_parameters,
)


class _Wrong:
    """A value of no type that a parameter could have."""

    def __repr__(self) -> str:
        return "<something else>"


def _through_file(table: Mapping[str, Any]) -> dict[str, Any]:
    return tomllib.loads(tomli_w.dumps(table))


def _is_data(value: Any) -> bool:
    """Say whether a value holds data, such as a tensor, which no request writes down."""
    return hasattr(value, "shape") or (
        isinstance(value, tuple | list) and any(map(_is_data, value))
    )


def _shown(params: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} = {params[name]!r} ({type(params[name]).__name__})" for name in names)


def _harmless(annotation: Any) -> list[Any]:
    """Return examples without switches, paths and texts, which may ask for work such as a download."""
    return [
        value
        for value in _examples(annotation)
        if not isinstance(value, bool | PurePath | None) and value != _TEXT
    ]


def _examples(annotation: Any) -> list[Any]:
    """Return some values of a type; none where it is nothing that a file could hold."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _examples(inner[0])
    if origin is typing.Literal:
        return list(inner)
    if origin in (typing.Union, types.UnionType):
        return [value for kind in inner for value in _examples(kind)]
    if annotation is type(None):
        return [None]
    if origin is not None:
        return _collections(origin, inner)
    if not isinstance(annotation, type):
        return []
    if issubclass(annotation, enum.Enum):
        return list(annotation)
    if issubclass(annotation, PurePath):
        return [annotation("folder/file.txt")]
    return list(_SIMPLE.get(annotation, ()))


def _collections(origin: Any, inner: tuple[Any, ...]) -> list[Any]:
    """Return some values of a type such as ``tuple[int, ...]``."""
    if not isinstance(origin, type) or not inner:
        return []
    if issubclass(origin, tuple) and inner[-1] is not ...:
        parts = [_examples(kind) for kind in inner]
        return [tuple(part[0] for part in parts)] if all(parts) else []
    if issubclass(origin, Mapping):
        keys, values = (_examples(kind) for kind in inner)
        return [dict(zip(keys, values, strict=False))] if keys and values else []
    items = _examples(inner[0])
    if issubclass(origin, tuple):
        return [tuple(items), tuple(items[:1]), ()]
    if issubclass(origin, set | frozenset):
        return [origin(items), origin()]
    return [items, items[:1], []] if issubclass(list, origin) else []


_TEXT = "text"
_SIMPLE: Mapping[type, tuple[Any, ...]] = {
    bool: (False, True),
    int: (0, 1, 2, 3, 8),
    float: (0.0, 0.25, 0.5, 1.0, 2.5),
    str: (_TEXT,),
    tuple: ((1, 2),),
    list: ([1, 2],),
    set: ({1, 2},),
    frozenset: (frozenset({1, 2}),),
    dict: ({"a": 1},),
}
