"""Components as a run names them: registered ones by name, others by their class, all with parameters."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import metadata
from typing import Any

import torch
from torch import nn

from genlab.components.component import Component, plain_params
from genlab.components.data import as_dataset
from genlab.components.parameters import check_parameters, parameters, plain
from genlab.components.registry import build, registry, role_class
from genlab.config.tables import SLOTS, holds_examples
from genlab.errors import RequestError, brief

__all__ = ["Chosen", "Objects", "choose", "class_of", "made", "version_of", "with_defaults"]

Objects = Mapping[str, Any]
"""What was handed in as an object, by the place that it takes (``metrics`` and ``figures``: by name)."""

_WEIGHTS = "weights"  # of a module that was handed in
_WORDS = ("name", "class", "unwritten")  # keys of a component's table that are no parameters


@dataclass(frozen=True)
class Chosen:
    """A component as a run names it.

    Args:
        name: Its registered name, or the name of its class where it was handed in as an object.
        params: Its parameters as a file can hold them.
        target: ``"module:Class"`` of what was handed in as an object; empty where it is registered.
        unwritten: What no file can hold, and so has to be handed in again; the ``"weights"`` of a module only
            where its training begins anew.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    unwritten: tuple[str, ...] = ()

    def flat(self) -> dict[str, Any]:
        """Return the flat table that a TOML file holds."""
        named = {"class": self.target} if self.target else {"name": self.name}
        unwritten = {"unwritten": list(self.unwritten)} if self.unwritten else {}
        return {**named, **unwritten, **self.params}

    @classmethod
    def of_table(cls, slot: str, table: Mapping[str, Any]) -> Chosen:
        """Read a table that :meth:`flat` returned, or a request has.

        Raises:
            RequestError: It has no name, or its class is no text.
        """
        params = {key: value for key, value in table.items() if key not in _WORDS}
        target, told = table.get("class", ""), table.get("unwritten", [])
        if not isinstance(target, str):
            raise RequestError(
                f"{slot}.class = {brief(target)}: a class is told as text, as in 'package.module:Name'"
            )
        if not isinstance(told, list | tuple) or not all(isinstance(each, str) for each in told):
            raise RequestError(f"{slot}.unwritten = {brief(told)}: it lists words")
        unwritten = tuple(told)
        if target:
            return cls(target.rpartition(":")[2].rpartition(".")[2], params, target, unwritten)
        if not isinstance(table.get("name"), str):
            raise RequestError(f"{slot}: a component has a name, as in {slot} = {{ name = ... }}")
        return cls(table["name"], params, unwritten=unwritten)


def choose(slot: str, given: Any) -> tuple[Chosen, Any]:
    """Say what was given for a place.

    Args:
        slot: The place, such as ``"degradation"``.
        given: A table, or an object: a component, its class, or what the place takes besides (a module or a
            function of the spec for a network or a density, a function of the weights for an optimiser,
            tensors for a data set).

    Returns:
        The component, and the object where it is needed to build it; None where the name is enough.

    Raises:
        RequestError: It fits no such place.
    """
    if isinstance(given, Mapping) and not (slot == "dataset" and holds_examples(given)):
        return Chosen.of_table(slot, given), None
    role = SLOTS.get(slot, slot)
    base = role_class(role)
    if isinstance(given, partial) and (cls := _class_in(given, base)):
        return _of_partial(role, cls, given)
    if inspect.isclass(given) and issubclass(given, base):
        chosen = _of_class(role, given, {}, ())
        return chosen, given if chosen.target else None
    if slot == "dataset":
        given = as_dataset(given)
    if isinstance(given, base) and isinstance(given, Component):
        return _of_instance(role, given)
    if role in ("backbone", "density", "optimiser") and callable(given):
        target = given.func if isinstance(given, partial) else given
        target = target if inspect.isfunction(target) or inspect.isclass(target) else type(target)
        unwritten = ("the object",) if isinstance(given, nn.Module | partial) else ()
        return Chosen(target.__name__, {}, _path(target), unwritten), given
    raise RequestError(f"{slot}: {brief(given)} is no {role}: it is not a genlab.{base.__name__}")


def made(slot: str, chosen: Chosen, objects: Objects, *context: Any) -> Any:
    """Build a component, or take the object that was handed in.

    A module that was handed in is copied, so that a run leaves it as it is and the same request gives the
    same result again.

    Args:
        slot: The place that it takes.
        chosen: The component.
        objects: What was handed in.
        context: What its constructor takes before its own parameters.

    Raises:
        RequestError: It cannot be built.
    """
    role = SLOTS.get(slot, slot)
    found = objects.get(slot)
    try:
        if found is None and not chosen.target:
            return build(role, chosen.name, *context, **chosen.params)
        return _built(role, class_of(slot, chosen) if found is None else found, chosen, context)
    except RequestError:
        raise
    except (TypeError, ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
        raise RequestError(
            f"the {role} {chosen.name!r} cannot be built: {brief(error, 200)}"
        ) from error


def _built(role: str, found: Any, chosen: Chosen, context: tuple[Any, ...]) -> Any:
    """Build a component with its class or with a function that makes it, or take it as it is."""
    component = found if inspect.isclass(found) else type(found)
    if role == "optimiser" and not issubclass(component, Component):
        return found  # a function of the weights
    if inspect.isclass(found):
        return found(*context, **chosen.params)
    given = found if isinstance(found, Component | nn.Module) else found(*context)
    return copy.deepcopy(given) if isinstance(given, nn.Module) else given


def class_of(slot: str, chosen: Chosen, objects: Objects | None = None) -> Callable[..., Any]:
    """Return the class of a component, or the function that makes it, without building one.

    Raises:
        RequestError: There is no such component, or its class cannot be imported.
    """
    role = SLOTS.get(slot, slot)
    given = (objects or {}).get(slot)
    if given is not None:
        is_maker = callable(given) and not isinstance(given, nn.Module | Component)
        maker: Callable[..., Any] = given if is_maker else type(given)
        return maker
    if not chosen.target:
        registered: Callable[..., Any] = registry(role).get(chosen.name)
        return registered
    place = f'"{slot}": ...' if slot in SLOTS else f'"{slot}s": [...]'
    hand_in = f"hand it in: open_run(path, components={{{place}}})"
    missing = [each for each in chosen.unwritten if each != _WEIGHTS]
    if missing:
        raise RequestError(
            f"the {role} {chosen.name} has {' and '.join(missing)}, which no file holds: {hand_in}"
        )
    module, _, name = chosen.target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        beside = isinstance(error, ModuleNotFoundError)
        found_there = ", or call python -m genlab in the folder of its module" if beside else ""
        raise RequestError(
            f"the {role} {chosen.target} cannot be imported ({error}): {hand_in}{found_there}"
        ) from None
    base = role_class(role)
    if inspect.isclass(found) and issubclass(
        found, base
    ):  # a file of a stranger calls nothing else
        cls: type[Any] = found
        return cls
    raise RequestError(f"{chosen.target} is not a subclass of genlab.{base.__name__}: {hand_in}")


def with_defaults(slot: str, chosen: Chosen, objects: Objects) -> Chosen:
    """Write out the default of every parameter, so that a run stays what it is.

    Raises:
        RequestError: A parameter does not exist, or has a wrong value.
    """
    found = objects.get(slot)
    if isinstance(found, Component | nn.Module):
        return chosen
    cls = class_of(slot, chosen, objects)
    if not inspect.isclass(cls) or issubclass(cls, torch.optim.Optimizer):
        return chosen
    given = check_parameters(cls, chosen.params, where=slot)
    params = {}
    for p in parameters(cls):
        value = given.get(p.name, p.default)
        if value is not None or p.default is not None:
            params[p.name] = plain(value)
    return Chosen(chosen.name, params, chosen.target, chosen.unwritten)


def version_of(slot: str, chosen: Chosen) -> str:
    """Return the package and version that a component comes from; empty where it is no package's."""
    if not chosen.target:
        entry = registry(SLOTS.get(slot, slot)).entry(chosen.name)
        return f"{entry.package} {entry.version}".strip()
    top = chosen.target.partition(".")[0].partition(":")[0]
    for package in _packages().get(top, []):
        return f"{package} {metadata.version(package)}"
    return ""


@cache
def _packages() -> Mapping[str, list[str]]:
    """Return the packages that offer each module; finding out reads the list of files of every package."""
    return metadata.packages_distributions()


def _class_in(given: partial[Any], base: type[Any]) -> type[Any] | None:
    """Return the class of a role that ``functools.partial`` gives parameters to; None where it does not."""
    cls = given.func
    return cls if inspect.isclass(cls) and issubclass(cls, base) and not given.args else None


def _of_partial(role: str, cls: type[Any], given: partial[Any]) -> tuple[Chosen, Any]:
    written, unwritten = {}, []
    for name, value in check_parameters(cls, given.keywords).items():
        try:
            written[name] = plain(value)
        except TypeError:
            unwritten.append(name)
    chosen = _of_class(role, cls, written, tuple(unwritten))
    if not chosen.target:
        return chosen, None
    return chosen, given if unwritten else cls


def _of_instance(role: str, given: Component) -> tuple[Chosen, Any]:
    params, unwritten = plain_params(given)
    chosen = _of_class(role, type(given), params, unwritten)
    if role == "objective":  # it is bound to what another run trains: its class is built anew
        again = partial(type(given), **given.params) if chosen.unwritten else type(given)
        return chosen, again if chosen.target else None
    if isinstance(given, nn.Module):
        return replace(chosen, unwritten=(*chosen.unwritten, _WEIGHTS)), given
    return chosen, given if chosen.target else None


def _of_class(
    role: str, cls: type[Any], params: Mapping[str, Any], unwritten: tuple[str, ...]
) -> Chosen:
    name = registry(role).name_of(cls)
    if name and not unwritten:
        return Chosen(name, params)
    return Chosen(cls.__name__, params, _path(cls), unwritten)


def _path(target: Any) -> str:
    return f"{target.__module__}:{target.__qualname__}"
