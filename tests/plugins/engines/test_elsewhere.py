"""What engines of clusters share, on a cluster of this process: order, deaths, trackers, and early stops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab import Job, Outcome, RequestError
from genlab_plugins.engines.elsewhere import Died, Ended, Task, carried_out, carry_out_task


def work(job: Job, trackers: Any) -> Outcome:
    """Do what the request says, and leave a line."""
    act = job.tables["do"]
    with (job.path.parent / "log.txt").open("a") as log:
        log.write(f"{job.path.name}\n")
    for tracker in trackers:
        tracker.warned(path=job.path, message=f"hello from {job.path.name}")
    if act == "raise":
        raise KeyError("this")
    return Outcome(job, "failed" if act == "fail" else "done", "as told" if act == "fail" else "")


class Here:
    """A cluster that carries a task out when it is looked for, the last first; some die at first."""

    def __init__(self, dies: dict[str, int] | None = None, *, again: bool = True) -> None:
        self.dies, self.again = dict(dies or {}), again
        self.sent: list[list[str]] = []
        self.stopped: list[str] = []

    def submit(self, tasks: Sequence[Task]) -> list[Task]:
        self.sent.append([task.name for task in tasks])
        return list(tasks)

    def ended(self, handles: Sequence[Task]) -> Iterator[tuple[Task, Ended | Died]]:
        task = handles[-1]
        if self.dies.get(task.name, 0):
            self.dies[task.name] -= 1
            yield task, Died(f"{task.name} died", again=self.again)
        else:
            yield task, carry_out_task(task)

    def stop(self, handles: Sequence[Task]) -> None:
        self.stopped += [task.name for task in handles]


class Heard(genlab.Tracker):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []

    def warned(self, path: Path, message: str) -> None:
        self.words.append((path.name, message))


def jobs_in(folder: Path, **acts: str) -> list[Job]:
    return [Job(folder / name, {"do": act}) for name, act in acts.items()]


@pytest.fixture
def carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[Outcome]]:
    monkeypatch.chdir(tmp_path)

    def carry(cluster: Here, jobs: list[Job], **options: Any) -> Iterator[Outcome]:
        heard = options.pop("heard", Heard())
        return carried_out(cluster, jobs, work, lambda job: [heard], **options)

    return carry


def test_every_job_ends_as_it_did_and_is_heard(tmp_path: Path, carry: Any) -> None:
    jobs = jobs_in(tmp_path, a="go", b="fail", c="raise", d="go")
    heard, cluster = Heard(), Here({"d": 1})
    ends = {o.job.path.name: (o.status, o.message) for o in carry(cluster, jobs, heard=heard)}
    assert ends == {"a": ("done", ""), "b": ("failed", "as told"), "d": ("done", ""),
                    "c": ("failed", "KeyError: 'this'")}  # fmt: skip
    assert sorted(heard.words) == [(name, f"hello from {name}") for name in "abcd"]
    assert cluster.sent == [["a", "b", "c", "d"], ["d"]]
    assert sorted((tmp_path / "log.txt").read_text().split()) == list("abcd"), "none twice"
    assert os.listdir(tmp_path) == ["log.txt"], "what was heard is taken away"


@pytest.mark.parametrize(("deaths", "again", "sent"), [(2, True, 2), (1, False, 1)])
def test_who_dies_too_often_or_is_not_to_be_sent_again_has_failed(
    tmp_path: Path, carry: Any, deaths: int, again: bool, sent: int
) -> None:
    cluster = Here({"a": deaths}, again=again)
    (outcome,) = carry(cluster, jobs_in(tmp_path, a="go"), retries=1)
    assert (outcome.status, outcome.message, len(cluster.sent)) == ("failed", "a died", sent)


def test_what_trains_the_same_waits_and_no_more_are_sent_than_wanted(
    tmp_path: Path, carry: Any
) -> None:
    jobs = jobs_in(tmp_path, a="go", b="go", c="go")
    jobs.insert(1, Job(tmp_path / "same", {"do": "go"}, after=tmp_path / "a"))
    cluster = Here()
    assert len(list(carry(cluster, jobs, at_once=2))) == 4
    assert cluster.sent == [["a", "b"], ["c"], ["same"]]


def test_who_stops_early_stops_the_others(tmp_path: Path, carry: Any) -> None:
    cluster = Here()
    outcomes = carry(cluster, jobs_in(tmp_path, a="go", b="go", c="go"))
    assert next(outcomes).job.path.name == "c"
    outcomes.close()
    assert sorted(cluster.stopped) == ["a", "b"]


def test_what_cannot_be_sent_is_refused_before_any_work(tmp_path: Path, carry: Any) -> None:
    cluster = Here()
    jobs = [*jobs_in(tmp_path, a="go"), Job(tmp_path / "odd", {"do": (i for i in ())})]
    with pytest.raises(RequestError, match="odd holds what cannot be sent"):
        list(carry(cluster, jobs))
    assert not cluster.sent


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("ray", "ray", "ray"), ("slurm", "submitit", "slurm")]
)
def test_without_its_package_a_line_says_what_to_install(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    right = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == package else right(n, *a)
    )
    with pytest.raises(
        RequestError, match=rf"needs the package {package}: pip install 'genlab\[{extra}\]'"
    ):
        genlab.build("engine", name)
