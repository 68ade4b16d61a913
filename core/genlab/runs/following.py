"""What the processes of a run after the first do: they take part in what it calls for, until it is done."""

from __future__ import annotations

from pathlib import Path

from genlab.config import Resolution, assemble_model
from genlab.errors import Interrupted
from genlab.processes import EndedError, Group, together
from genlab.runs.calls import Samples, Steps, modules_of
from genlab.runs.interrupts import Interrupts, listening
from genlab.runs.prepared import Prepared, prepared
from genlab.runs.run import Run
from genlab.training import Training

__all__ = ["follow"]


def follow(resolution: Resolution, group: Group, interrupts: Interrupts) -> Run:
    """Take part in a run that the first process carries out, until it is done.

    Args:
        resolution: The resolved request.
        group: The processes.
        interrupts: Whether somebody has asked this process to stop.

    Raises:
        Interrupted: Somebody has asked one of the processes to stop.
        EndedError: Another process has ended.
    """
    with listening(interrupts):
        with together(group):
            found = prepared(resolution, group)
        follower = _Follower(found, found.training(), group)
        try:
            return Run(follower.obey())
        except EndedError:
            if interrupts.asked:
                raise Interrupted(interrupts.asked) from None
            raise


class _Follower:
    """A process after the first."""

    def __init__(self, found: Prepared, training: Training | None, group: Group) -> None:
        self.found, self.training, self.group = found, training, group

    def obey(self) -> Path:
        """Do what the first process calls for, until it sends the folder of the run, which is done then."""
        while not isinstance(call := self.group.share(), Path):
            if isinstance(call, Steps):
                self._do(call)
            else:
                self._draw(call)
        return call

    def _do(self, call: Steps) -> None:
        training = self.training
        assert training is not None, "steps of a training that there is not"
        if call.state is not None:
            training.restore(call.state)
        for record in training:
            if record.asked:
                raise Interrupted("another process")
            if record.progress >= call.until:
                break

    def _draw(self, call: Samples) -> None:
        found = self.found
        model = assemble_model(
            found.config, found.data.spec, found.objects, device=found.device
        ).model
        for module, state in zip(modules_of(model), call.states, strict=True):
            module.load_state_dict(dict(state))
            module.eval()
        self.group.gather(call.own(model, self.group))
