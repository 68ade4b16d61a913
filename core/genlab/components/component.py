"""Components are values: an object of any role knows its parameters.

The keyword-only arguments of a constructor are the parameters. They are checked whenever the class is
called, by name, by command line or by hand, and the object keeps them: ``params``, ``repr`` and ``==``
follow.
"""

from __future__ import annotations

import abc
import html
import inspect
import re
import typing
from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.components.html import card, quiet, shortened, table
from genlab.components.parameters import (
    check_parameters,
    defaults_of,
    literal,
    parameters,
    plain,
)
from genlab.errors import RequestError

__all__ = ["Component", "plain_params", "reference_of", "same_params"]

_KEPT = "_genlab_params"
_CONTEXT = "_genlab_context"


class _Checked(abc.ABCMeta):
    """The class of components: calling one checks its parameters and makes the object remember them."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """What a caller writes: the arguments of the constructor, with their types but not their bounds."""
        init = cls.__init__  # type: ignore[misc]
        if init is object.__init__:
            return inspect.Signature()
        try:
            hints = typing.get_type_hints(init)
        except NameError:  # a name that is imported for type checking only
            hints = {}
        _, *own = inspect.signature(init).parameters.values()
        return inspect.Signature(
            [p.replace(annotation=hints.get(p.name, p.annotation)) for p in own]
        )

    def __call__(cls, *context: Any, **given: Any) -> Any:
        checked = check_parameters(cls, given)
        try:
            component = super().__call__(*context, **checked)
        except RequestError:
            raise
        except ValueError as error:
            raise RequestError(f"{cls.__name__}: {error}") from error
        kept = {p.name: checked.get(p.name, p.default) for p in parameters(cls)}
        object.__setattr__(component, _KEPT, kept)
        object.__setattr__(component, _CONTEXT, context)
        return component


class Component(metaclass=_Checked):
    """What every role's base class is: an object that knows its parameters (abstract).

    Raises:
        RequestError: When the class is called with a wrong name or value. The message names the parameter,
            what was given and what is allowed.
    """

    role: ClassVar[str]
    """The role, such as ``"degradation"``; set by the role's base class."""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters by name, defaults included."""
        return dict(self.__dict__.get(_KEPT, {}))

    @property
    def built_for(self) -> Any:
        """What the constructor was given before its parameters, or None.

        The spec of the data for backbones and densities, what is trained for objectives.
        """
        context = self.__dict__.get(_CONTEXT, ())
        return context[0] if context else None

    def __repr__(self) -> str:
        """Return the expression that builds the component again; defaults are left out."""
        defaults = defaults_of(type(self))
        given = {
            name: value
            for name, value in self.params.items()
            if name not in defaults or not _same(value, defaults[name])
        }
        inside = ", ".join(f"{name}={literal(value)}" for name, value in given.items())
        return f"{type(self).__name__}({inside})"

    def __eq__(self, other: object) -> bool:
        """Say whether the other is of the same class and has the same parameters."""
        return (
            type(other) is type(self)
            and isinstance(other, Component)
            and same_params(self.params, other.params)
        )

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.params)))

    def _repr_html_(self) -> str:
        """Show the component in a notebook: what it is, its source and its parameters."""
        cls, params, defaults = type(self), self.params, defaults_of(type(self))
        document = inspect.getdoc(cls) or ""
        source = reference_of(document)
        rows = [
            (name, shortened(value), shortened(defaults[name]) if name in defaults else "–")
            for name, value in params.items()
        ]
        return card(
            cls.__name__,
            html.escape(document.split("\n")[0]),
            quiet(f"Source: {source}") if source else "",
            table(("parameter", "value", "default"), rows),
            *self._html_parts(),
        )

    def _html_parts(self) -> tuple[str, ...]:
        """Return what a role shows in a notebook beside the parameters, as pieces of HTML."""
        return ()


def plain_params(component: Component) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the parameters as a TOML file holds them, and the names of those that no file can hold.

    A parameter that is None by default and None is left out.
    """
    defaults = defaults_of(type(component))
    written: dict[str, Any] = {}
    missing = []
    for name, value in component.params.items():
        if value is None and defaults.get(name, ...) is None:
            continue
        try:
            written[name] = plain(value)
        except TypeError:
            missing.append(name)
    return written, tuple(missing)


def same_params(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool:
    """Say whether two sets of parameters are equal, arrays and tensors value by value."""
    return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)


def reference_of(document: str) -> str | None:
    """Return what stands behind ``Source:`` in a docstring, to the end of its paragraph."""
    found = re.search(r"\bSources?: (.+?)(?:\n\s*\n|\Z)", document, re.DOTALL)
    return " ".join(found[1].split()).rstrip(".").replace("`", "") if found else None


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if hasattr(a, "shape") and hasattr(b, "shape"):
        return bool(a.shape == b.shape and (a == b).all())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return same_params(a, b)
    return type(a) is type(b) and bool(a == b)
