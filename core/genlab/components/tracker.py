"""Trackers: the life of a run, for anybody who wants to listen.

A tracker is an object with some of the hooks below: a subclass of :class:`Tracker` that overrides them, or
any object whose methods are marked with :data:`hookimpl`. It is handed to a run as an object
(``trackers=[...]``) or named (``--tracker NAME``). A tracker that raises is named once and switched off; the
run goes on.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pluggy

from genlab.components.component import Component
from genlab.errors import RequestError, raised, unknown

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HOOKS", "Hooks", "Tracker", "forwarding", "hookimpl"]

_spec = pluggy.HookspecMarker("genlab")

hookimpl = pluggy.HookimplMarker("genlab")
"""Marks a method as an implementation of a hook."""


class _HookSpec:
    """What a tracker may implement. Every argument is optional in an implementation."""

    @_spec
    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        """Tell that a run starts, or goes on.

        Args:
            path: The run folder.
            config: The whole resolved configuration, as plain tables.
        """

    @_spec
    def training_started(self, path: Path, total: float, unit: str, step: int) -> None:
        """Tell that the training starts, or goes on; a density that is fitted at once has none.

        Args:
            path: The run folder.
            total: The budget.
            unit: Its unit: ``"steps"`` or ``"minutes"``.
            step: Steps done so far: what was told of later ones holds no more.
        """

    @_spec
    def step_done(
        self, path: Path, step: int, progress: float, record: Mapping[str, float]
    ) -> None:
        """Tell that a logged step was done.

        Args:
            path: The run folder.
            step: Steps done so far.
            progress: Share of the budget that is used, in [0, 1].
            record: The numbers of the step: loss, learning rate, examples per second, ...
        """

    @_spec
    def training_evaluated(self, path: Path, step: int, record: Mapping[str, Any]) -> None:
        """Hand out the numbers of an evaluation during training, as they stand in ``evaluations.jsonl``."""

    @_spec
    def warned(self, path: Path, message: str) -> None:
        """Tell something that the user should know, such as that a stage will be slow."""

    @_spec
    def checkpoint_saved(self, path: Path, step: int, file: Path) -> None:
        """Tell that a checkpoint was written to ``file``."""

    @_spec
    def stage_started(self, path: Path, stage: str, total: int) -> None:
        """Tell that a stage starts, such as sampling in ``total`` parts."""

    @_spec
    def stage_advanced(self, path: Path, stage: str, done: int) -> None:
        """Tell that ``done`` parts of a stage are done."""

    @_spec
    def samples_drawn(self, path: Path, x: Tensor, y: Tensor | None) -> None:
        """Hand out samples ``(N, *shape)`` in the data convention, and their labels."""

    @_spec
    def evaluated(self, path: Path, metrics: Mapping[str, Any]) -> None:
        """Hand out the final numbers, as they stand in ``metrics.json``."""

    @_spec
    def figure_drawn(self, path: Path, step: int, name: str, file: Path) -> None:
        """Tell that a figure of the model after ``step`` steps was written to ``file``, as PNG."""

    @_spec
    def run_ended(self, path: Path, status: str) -> None:
        """Tell that the run ended, with ``"done"``, ``"interrupted"`` or ``"failed"``."""


HOOKS = tuple(name for name in vars(_HookSpec) if not name.startswith("_"))
"""The names of all hooks."""


class Tracker(Component):
    """An object that listens to a run (abstract): it overrides the hooks that it needs.

    The hooks are ``run_started``, ``training_started``, ``step_done``, ``training_evaluated``, ``warned``,
    ``checkpoint_saved``, ``stage_started``, ``stage_advanced``, ``samples_drawn``, ``evaluated``,
    ``figure_drawn`` and ``run_ended``; an implementation takes those of a hook's arguments that it needs, by
    name.

    Raises:
        RequestError: When a class has a public method that is no hook, which a misspelled hook would be.

    Example:
        >>> import genlab
        >>> class Losses(genlab.Tracker):
        ...     "Keeps the logged losses."
        ...
        ...     def __init__(self):
        ...         self.seen = []
        ...
        ...     def step_done(self, record):
        ...         self.seen.append(record["loss"])
        >>> class Misspelled(genlab.Tracker):
        ...     def steps_done(self, record):
        ...         pass
        Traceback (most recent call last):
        genlab.errors.RequestError: ...
    """

    role: ClassVar[str] = "tracker"

    def __init_subclass__(cls, **options: Any) -> None:
        """Mark the hooks of a new class."""
        super().__init_subclass__(**options)
        for name, value in list(vars(cls).items()):
            if name in HOOKS:
                setattr(cls, name, hookimpl(value))
            elif callable(value) and not name.startswith("_") and not isinstance(value, type):
                raise unknown("hook", name, HOOKS)


def forwarding(send: Callable[[str, dict[str, Any]], None]) -> Tracker:
    """Return a tracker that passes every hook on with all of its arguments, such as to another process.

    Args:
        send: Takes the name of a hook, and its arguments by name.
    """

    def passing(name: str) -> Callable[..., None]:
        @wraps(getattr(_HookSpec, name))
        def hook(self: Tracker, **arguments: Any) -> None:
            send(name, arguments)

        return hook

    made: type[Tracker] = type("Forwarding", (Tracker,), {name: passing(name) for name in HOOKS})
    return made()


class Hooks:
    """The trackers of a run.

    Args:
        trackers: Objects with hooks.

    Raises:
        RequestError: A tracker has no hook, or one that does not exist or has a wrong argument.
    """

    def __init__(self, trackers: Iterable[object] = ()) -> None:
        self._manager = pluggy.PluginManager("genlab")
        self._manager.add_hookspecs(_HookSpec)
        for tracker in trackers:
            name = type(tracker).__name__
            try:
                self._manager.register(tracker)
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                raise RequestError(f"the tracker {name}: {' '.join(str(error).split())}") from None
            for caller in self._manager.get_hookcallers(tracker) or ():
                for implementation in caller.get_hookimpls():
                    _check(name, caller.name, implementation)
            if not self._manager.get_hookcallers(tracker):
                raise RequestError(
                    f"the tracker {name} has none of the hooks: {', '.join(HOOKS)}. Subclasses of "
                    f"genlab.Tracker override them, methods of other objects are marked with "
                    f"genlab.hookimpl"
                )

    def listens(self, hook: str) -> bool:
        """Say whether any tracker has a hook.

        Args:
            hook: Name of the hook.
        """
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    @property
    def heard(self) -> frozenset[str]:
        """The hooks that any tracker has."""
        return frozenset(name for name in HOOKS if self.listens(name))

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every tracker; one that raises is named once and switched off.

        Args:
            hook: Name of the hook.
            arguments: Its arguments.
        """
        for implementation in list(getattr(self._manager.hook, hook).get_hookimpls()):
            taken = {name: arguments[name] for name in _wanted(implementation, arguments)}
            try:
                implementation.function(**taken)
            except Exception as error:
                self._manager.unregister(implementation.plugin)
                warnings.warn(
                    f"the tracker {type(implementation.plugin).__name__} is switched off: its "
                    f"{hook} raised {raised(error)}",
                    stacklevel=2,
                )


def _wanted(implementation: pluggy.HookImpl, arguments: Iterable[str]) -> list[str]:
    """Return the arguments of a hook that an implementation takes, with a default or by keyword, too."""
    taken = inspect.signature(implementation.function).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in taken):
        return list(arguments)
    return [each.name for each in taken if each.name in arguments]


def _check(tracker: str, hook: str, implementation: pluggy.HookImpl) -> None:
    """Refuse an implementation that could not be called, or whose call would do nothing.

    Raises:
        RequestError: It needs an argument that the hook does not have, or waits for the hook's other
            implementations, which a tracker cannot.
    """
    function = implementation.function
    known = inspect.signature(getattr(_HookSpec, hook)).parameters.keys() - {"self"}
    if (
        implementation.hookwrapper
        or implementation.wrapper
        or inspect.isgeneratorfunction(function)
    ):
        raise RequestError(f"the tracker {tracker}: {hook} yields, and would never be carried out")
    for each in inspect.signature(function).parameters.values():
        given = each.name in known and each.kind is not each.POSITIONAL_ONLY
        free = each.default is not each.empty or each.kind in (
            each.VAR_KEYWORD,
            each.VAR_POSITIONAL,
        )
        if not given and not free:
            raise RequestError(
                f"the tracker {tracker}: {unknown(f'argument of {hook}', each.name, known)}"
            )
