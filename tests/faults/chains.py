"""Chains: a run that is ended again and again and gone on with, until it is done."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from forking import Ended, forked, together

from genlab.cli.app import exit_status
from runs import STEPS, differences, gone_on, started, write_request

ENDINGS = ("kill", "interrupt", "terminate", "twice", "anywhere")
"""SIGKILL; SIGINT; SIGTERM; SIGINT and a second one soon after; KeyboardInterrupt at any bytecode."""

_TRACED = ("genlab/runs/", "genlab/training/", "genlab/files.py", "torch/optim/")


class Bench:
    """Runs that nobody touches, with which the others are compared.

    Args:
        folder: Where everything is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: dict[str, Path] = {}
        self.seconds: dict[str, float] = {}

    def whole(self, name: str) -> Path:
        """Return the folder of the run of a request that nobody touched."""
        out = self.folder / "whole" / name.replace(" ", "-")
        if name not in self.requests:
            self.folder.mkdir(parents=True, exist_ok=True)
            request = write_request(name, self.folder)
            ended = forked(lambda: started(request, out), self.folder / "log")
            if ended.status:
                raise SystemExit(f"the run {name!r} fails by itself: {ended.said}")
            self.requests[name], self.seconds[name] = request, ended.seconds
        return out

    def chain(self, name: str, ending: str, seed: int) -> dict[str, Any]:
        """End a run once or twice, finish it, and say what came of it."""
        rng, whole = random.Random(seed), self.whole(name)
        out = self.folder / f"chain-{seed}"
        landed, told = 0, []
        for _ in range(rng.choice((1, 1, 2, 3))):
            ended = self._ended(name, ending, out, rng)
            hit = ended.status not in (0, 2)
            landed += hit
            told += _wrong(ended, ending) if hit or ended.status else []
            if ended.status == 0:
                break
        ended = Ended(0, "", 0.0)
        if not _is_done(out):
            ended = forked(lambda: self._next(name, out), self.folder / "log")
            if ended.status:
                told.append(f"cannot be finished: {ended.status}: {ended.said[-600:]}")
        if not told:
            told += differences(whole, out)
        result = {"name": name, "ending": ending, "seed": seed, "landed": landed, "wrong": told}
        if not told:
            shutil.rmtree(out)
        return result

    def starts(self, name: str, seed: int, count: int = 8) -> dict[str, Any]:
        """Start a run many times at once, without a folder of its own, and say what came of it."""
        whole, at = self.whole(name), self.folder / f"starts-{seed}"
        at.mkdir(parents=True)
        request = self.requests[name].resolve()

        def start() -> int:
            os.chdir(at)
            return exit_status(["run", str(request)])

        ended = together([start] * count, at)
        wrong = [f"status {e.status}: {e.said[-600:]}" for e in ended if e.status]
        made = sorted((at / "runs").iterdir())
        if len(made) != count:
            wrong.append(f"{count} starts made {[each.name for each in made]}")
        wrong += [f"{each.name}: {told}" for each in made for told in differences(whole, each)]
        shutil.rmtree(at)
        return {"name": name, "seed": seed, "landed": 0, "wrong": wrong}

    def resumes(self, name: str, seed: int) -> dict[str, Any]:
        """Go on with a stopped run twice at once, and say what came of it."""
        whole, at = self.whole(name), self.folder / f"resumes-{seed}"
        at.mkdir(parents=True)
        out = at / "run"
        forked(
            lambda: _Tracer(STEPS // 2, 50).around(lambda: self._next(name, out)),
            self.folder / "log",
        )
        ended = together([lambda: gone_on(out)] * 2, at)
        statuses = sorted(each.status for each in ended)
        wrong = (
            [] if statuses == [0, 2] else [f"statuses {statuses}: {[e.said[-300:] for e in ended]}"]
        )
        refused = [each.said for each in ended if each.status == 2]
        told = (
            "is taken: process",
            "has used up its budget",
        )  # the other is at work, or was quicker
        wrong += [
            f"refused with: {s[-300:]}" for s in refused if not any(word in s for word in told)
        ]
        wrong += differences(whole, out)
        shutil.rmtree(at)
        return {"name": name, "seed": seed, "landed": 0, "wrong": wrong}

    def _next(self, name: str, out: Path) -> int:
        """Give the command that whoever looks at the folder would give."""
        return gone_on(out) if (out / "run.toml").is_file() else started(self.requests[name], out)

    def _ended(self, name: str, ending: str, out: Path, rng: random.Random) -> Ended:
        """Begin, or go on, and be ended at a random moment."""
        if _is_done(out):
            return Ended(0, "", 0.0)
        log, delay = self.folder / "log", rng.uniform(0, 1.05 * self.seconds[name])
        if ending == "anywhere":
            step, at = rng.randrange(STEPS), int(10 ** rng.uniform(0, 4.5))
            return forked(lambda: _Tracer(step, at).around(lambda: self._next(name, out)), log)
        number = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}.get(ending, signal.SIGINT)
        signals = [(delay, int(number))]
        if ending == "twice":
            signals.append((rng.uniform(0, 0.05), int(number)))
        return forked(lambda: self._next(name, out), log, signals=signals)


def _is_done(out: Path) -> bool:
    try:
        return bool(json.loads((out / "status.json").read_text())["outcome"] == "done")
    except (OSError, ValueError):
        return False


def _wrong(ended: Ended, ending: str) -> list[str]:
    """Say what is wrong with how a command ended that was ended."""
    allowed = {
        "kill": {-signal.SIGKILL}, "interrupt": {3, 130}, "terminate": {3, -signal.SIGTERM},
        "twice": {3, 130}, "anywhere": {3},
    }[ending]  # fmt: skip
    wrong = []
    if ended.hung:
        wrong.append("it hangs")
    if ended.status not in allowed:
        wrong.append(f"exit status {ended.status}: {ended.said[-600:]}")
    if "Traceback" in ended.said and ending not in ("twice",):
        wrong.append(f"a traceback: {ended.said[-600:]}")
    if ended.status == 3 and "genlab resume" not in ended.said and "stopped" not in ended.said:
        wrong.append(f"it does not say how to go on: {ended.said[-300:]}")
    return wrong


class _Tracer:
    """Interrupts at a bytecode of genlab, some way into a step of the training.

    Args:
        step: The step.
        at: The number of the bytecode from its beginning on, which may lie in a later step.
    """

    def __init__(self, step: int, at: int) -> None:
        self.step, self.left = step, at

    def around(self, work: Callable[[], int]) -> int:
        """Do the work, in which the training is interrupted."""
        from genlab.training import Training

        done = Training._step

        def step(training: Training, *batch: Any) -> Any:
            if training.step == self.step:
                self._begin(sys._getframe(1))
            return done(training, *batch)

        Training._step = step  # type: ignore[method-assign]
        return work()

    def _begin(self, frame: FrameType | None) -> None:
        sys.settrace(self._entered)
        while frame is not None:
            frame.f_trace = self._entered(frame, "call", None)
            frame = frame.f_back

    def _entered(self, frame: FrameType, event: str, value: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in _TRACED):
            return None
        frame.f_trace_opcodes = True
        return self._passed

    def _passed(self, frame: FrameType, event: str, value: Any) -> Any:
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._passed if self.left > 0 else None
