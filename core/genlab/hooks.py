"""Hooks: the life of a run, for anybody who wants to listen.

A tracker is nothing but an object with some of these methods, each marked with :data:`hookimpl`. A
distribution offers one through an entry point of the group ``genlab``; a caller passes one to
:func:`genlab.run` as ``trackers=[...]``.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from torch import Tensor

    from genlab.config import RunConfig

__all__ = ["HookSpec", "hookimpl", "plugin_manager"]

_spec = pluggy.HookspecMarker("genlab")

hookimpl = pluggy.HookimplMarker("genlab")
"""Marks a method as an implementation of a hook."""


class HookSpec:
    """What a tracker may implement. Every argument is optional in an implementation."""

    @_spec
    def run_started(self, path: Path, config: RunConfig, total: float, unit: str) -> None:
        """Tell that training starts.

        Args:
            path: The run folder.
            config: The whole resolved configuration.
            total: The budget.
            unit: Its unit: ``"steps"`` or ``"minutes"``.
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
            record: The numbers of the step: loss, rate of learning, examples per second, ...
        """

    @_spec
    def warned(self, path: Path, message: str) -> None:
        """Tell something that the user should know, such as that a stage will be slow."""

    @_spec
    def checkpoint_saved(self, path: Path, step: int, file: Path) -> None:
        """Tell that a checkpoint was written to ``file``."""

    @_spec
    def stage_started(self, path: Path, stage: str, total: int) -> None:
        """Tell that a stage after training starts, such as sampling in ``total`` parts."""

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
    def run_ended(self, path: Path, status: str) -> None:
        """Tell that the run ended, with ``"done"`` or ``"failed"``."""


def plugin_manager(trackers: Iterable[object] = ()) -> pluggy.PluginManager:
    """Return a manager that knows the hooks, the installed trackers and the given ones.

    An installed tracker that cannot be imported is reported by a warning and left out.
    """
    manager = pluggy.PluginManager("genlab")
    manager.add_hookspecs(HookSpec)
    for point in importlib.metadata.entry_points(group="genlab"):
        try:
            manager.register(point.load(), name=point.name)
        except Exception as error:
            owner = point.dist.name if point.dist else "unknown"
            warnings.warn(
                f"the tracker {point.name!r} of the package {owner} is left out: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )
    for tracker in trackers:
        manager.register(tracker)
    return manager
