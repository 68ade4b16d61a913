"""Jobs on their way to other processes: functions and classes of a script or a notebook travel, too."""

from __future__ import annotations

import io
import pickle
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from genlab.components.component import Component
from genlab.components.engine import Job, Outcome
from genlab.components.registry import register, registered
from genlab.components.tracker import forwarding
from genlab.errors import RequestError

__all__ = ["carry_out_packed", "pack_job"]


def pack_job(job: Job, work: Callable[[Job, Sequence[object]], Outcome]) -> bytes:
    """Pack a job with what carries it out, and with what was registered in this process.

    Args:
        job: The job.
        work: Carries it out.

    Raises:
        RequestError: It holds something that cannot be sent to another process.
    """
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Settles annotations, whose names the other process does not know where a class is sent by value."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and issubclass(obj, Component):
                _settle(obj)
            return super().reducer_override(obj)

    file = io.BytesIO()
    try:
        Pickler(file).dump((work, job, registered()))
    except Exception as error:
        raise RequestError(
            f"{job.path.name} holds what cannot be sent to another process ({error}): "
            f"the engine 'local' with jobs=1 carries it out here"
        ) from None
    return file.getvalue()


def _settle(cls: type[Component]) -> None:
    """Let the annotations of a constructor be what they stand for, where they are strings."""
    init = vars(cls).get("__init__")
    if isinstance(init, types.FunctionType):
        with suppress(NameError):  # it is told where the class is called
            init.__annotations__ = typing.get_type_hints(init, include_extras=True)


def carry_out_packed(packed: bytes, tell: Callable[[str, Mapping[str, Any]], None]) -> Outcome:
    """Carry out a job in the process that it was sent to.

    Args:
        packed: What :func:`pack_job` has returned.
        tell: Takes the name of each hook that the job's trackers are to hear, and its arguments by name; in
            the process that the job came from, :meth:`genlab.Hooks.tell` passes them on.
    """
    work, job, others = pickle.loads(packed)
    for role, name, component in others:
        register(role, name, component)
    outcome: Outcome = work(job, [forwarding(tell)])
    return outcome
