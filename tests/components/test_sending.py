"""Jobs on their way to another process: what a script defines travels, with the types of its parameters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import cloudpickle
import pytest
from pydantic import Field

import genlab
from genlab import Job, Outcome

READ = (
    "import sys, genlab; outcome = genlab.carry_out_packed(sys.stdin.buffer.read(), print);"
    "print(outcome.status, outcome.message)"
)


class Here(genlab.Tracker):
    """A component of a script, whose annotations are strings, as in this file."""

    def __init__(self, *, path: Path, share: Annotated[float, Field(gt=0)] = 0.5) -> None:
        self.path, self.share = path, share

    def run_ended(self, path: Path) -> None:
        """Hear the end."""


def work(job: Job, trackers: Any) -> Outcome:
    """Build the component, once as it should be and once not."""
    made = job.tables["class"](path="here", share=0.25)
    for tracker in trackers:
        tracker.warned(path=made.path, message="hello")
    try:
        job.tables["class"](path="here", share=-1)
    except genlab.RequestError as error:
        return Outcome(job, "done", str(error))
    return Outcome(job, "failed")


def test_a_class_of_a_script_is_checked_in_the_other_process(tmp_path: Path) -> None:
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        packed = genlab.pack_job(Job(tmp_path, {"class": Here}), work)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    said = subprocess.run(
        [sys.executable, "-c", READ], input=packed, capture_output=True, check=True, timeout=120
    ).stdout.decode()
    assert "warned {'path': PosixPath('here'), 'message': 'hello'}" in said
    assert "done" in said
    assert "share" in said


def test_what_cannot_be_sent_is_named(tmp_path: Path) -> None:
    with pytest.raises(genlab.RequestError, match=r"odd holds what cannot be sent .*jobs=1"):
        genlab.pack_job(Job(tmp_path / "odd", {"class": (i for i in ())}), work)
