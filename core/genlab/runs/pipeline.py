"""The pipeline: carries a run out, stage by stage, from a checked request to a whole run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from genlab.components.tracker import Hooks
from genlab.config import Resolution
from genlab.errors import (
    FileError,
    GenlabError,
    Interrupted,
    RequestError,
    RunError,
    is_out_of_memory,
    worded_os_error,
)
from genlab.processes import EndedError, Group, together
from genlab.runs.fingerprint import fingerprint
from genlab.runs.folder import RunFolder
from genlab.runs.interrupts import Interrupts, going_on
from genlab.runs.opening import misfit
from genlab.runs.prepared import prepared
from genlab.runs.record import packages, versions
from genlab.runs.run import Run
from genlab.runs.stages import WORK, Work, lost
from genlab.runs.status import STAGES, Outcome, Stage, Status, read_status, write_status
from genlab.runs.watch import Watch
from genlab.training import Checkpoint, require_numbers

__all__ = ["Pipeline"]


class Pipeline:
    """The stages of one run.

    Everything is built and fits together, and the data is loaded, before the folder is asked for.

    Args:
        resolution: The resolved request.
        enter: Gives the run folder, which nobody else writes to.
        trackers: Objects that listen.
        skip: Stages that are left out.
        interrupts: Whether somebody has asked the run to stop.
        group: The processes of the run, of which this is the first; None: there is one.

    Raises:
        RequestError: Components do not fit each other or the data, or a tracker has a wrong hook.
    """

    def __init__(
        self,
        resolution: Resolution,
        enter: Callable[[], RunFolder],
        *,
        trackers: Iterable[object] = (),
        skip: Sequence[Stage] = (),
        interrupts: Interrupts | None = None,
        group: Group | None = None,
    ) -> None:
        hooks = Hooks(trackers)
        with together(group):
            found = prepared(resolution, group)
        training = found.training()
        folder = enter()
        config, parts = found.config, found.parts
        self.work = Work(
            config, found.objects, found.device, parts, found.data, training, hooks, folder,
            Watch(config, parts.metrics, folder, group), interrupts or Interrupts(), group,
        )  # fmt: skip
        self.fingerprint = fingerprint(found.data)
        self.status = replace(read_status(folder.status_file), skipped=tuple(skip))

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        return self.work.folder

    def begin(self) -> None:
        """Say in the folder what the run is: from here on, it can be gone on with."""
        config, extra = self.work.config, {"versions": versions(), "fingerprint": self.fingerprint}
        extra["packages"] = packages(config)
        self.folder.write_config(config, self.work.data.spec, extra)
        self.work.interrupts.path = self.folder.path

    def adopt(self, done: Mapping[Stage, float]) -> None:
        """Count stages as done, whose files another run has left."""
        self.status = replace(self.status.finished(done), lines=self.folder.logged())
        if (state := self.folder.checkpoints.state()) is not None:
            self.go_back_to(state)

    def go_back_to(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint of the training.

        Raises:
            RequestError: It does not fit, or holds what is no number.
        """
        training = self.work.training
        if training is None:
            return
        file = self.folder.checkpoints.last
        try:
            require_numbers({**checkpoint.part("model"), **checkpoint.part("ema")}, file)
            training.restore(checkpoint)
        except RequestError as error:
            raise RequestError(f"{error}. {self.folder.checkpoints.remedy(file)}") from None
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            raise misfit("the training", self.folder, file, error) from None
        self.work.saved = training.step
        if training.progress < 1:  # a larger budget: what came after the training is made anew
            self.status = self.status.without(*STAGES[1:])
        self.folder.keep_history_until(training.step)
        self.work.watch.resume()

    def begin_anew(self) -> None:
        """Begin with the first step: there is no checkpoint."""
        self.status = self.status.without(*STAGES[1:])
        self.folder.keep_history_until(0)

    def look_after(self) -> None:
        """Do again what is counted as done and has left nothing that is whole."""
        self.status = self.status.without(*lost(self.work, self.status.done))

    def carry_out(self) -> Run:
        """Do every stage that is missing, and return the run.

        Raises:
            RunError: The training failed, or memory or the disk did not suffice.
            Interrupted: Somebody has asked the run to stop.
        """
        outcome: Outcome = "failed"
        path, tell = self.folder.path, self.work.hooks.tell
        try:
            tell("run_started", path=path, config=self.work.config.flat())
            self.work.describe_data()
            for stage in self.status.missing:
                self.work.interrupts.look()
                self._do(stage)
            outcome = "done"
            self._let_go()
        except KeyboardInterrupt as error:
            outcome = "interrupted"
            raise Interrupted(self._how_to_go_on()) from error
        except EndedError as error:
            raise RunError(f"{error}; {self._how_to_go_on()}") from error
        except GenlabError:
            raise
        except Exception as error:
            if told := self._worded(error):
                raise RunError(told) from error
            raise
        finally:
            ended = replace(self.status, stage="") if outcome == "done" else self.status
            with suppress(FileError):  # what has happened is told by the error that is under way
                self._mark(replace(ended, outcome=outcome))
            tell("run_ended", path=path, status=outcome)
        return self.work.run

    def _let_go(self) -> None:
        """Tell the other processes that the run is done."""
        if self.work.group is not None:
            with suppress(EndedError):  # whoever has ended takes no part in what is done
                self.work.group.share(self.folder.path)

    def _how_to_go_on(self) -> str:
        stage, saved = self.status.stage, self.work.saved
        where = f"stopped in the stage {stage}" if stage else "stopped"
        if stage == "training" and saved is not None:
            where += f", with a checkpoint of step {saved}"
        return f"{where}; {going_on(self.folder.path)}"

    def _worded(self, error: Exception) -> str:
        """Say in words what the system could not do; nothing where the error is of another kind."""
        config, stage = self.work.config, self.status.stage
        again = f"then genlab resume {self.folder.path} goes on"
        if is_out_of_memory(error):
            learned = config.learned
            if stage in ("prior", "training") and learned is not None:
                setting, batch = "training.batch", learned.settings.batch
            else:
                setting, batch = "sampling.batch", config.sampling.batch
            return (
                f"memory ran out in the stage {stage}, with {setting}={batch}: try "
                f"--set {setting}={max(batch // 2, 1)}, in a new run"
            )
        if isinstance(error, OSError):
            return f"the stage {stage} failed: {worded_os_error(error)}; {again}"
        return ""

    def _do(self, stage: Stage) -> None:
        """Do a stage, and say in the folder that it is done."""
        self._mark(replace(self.status, outcome="running", stage=stage))
        self.work.seconds = self.status.done
        begun = time.perf_counter()
        WORK[stage](self.work)
        seconds = time.perf_counter() - begun
        if stage == "training" and self.work.training:
            seconds = self.work.training.elapsed
        status = self.status.finished({stage: seconds})
        if stage == "training":
            status = replace(status, lines=self.folder.logged())
        self._mark(status)

    def _mark(self, status: Status) -> None:
        self.status = status
        write_status(self.folder.status_file, status)
