"""Trackers: what is a hook, what is refused before any work, and what a tracker that raises costs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import RequestError, Tracker, hookimpl
from genlab.components import Hooks

HERE = Path("here")


class Notes(Tracker):
    """Writes down what it is told.

    Args:
        most: How much it can bear.
    """

    def __init__(self, *, most: int = 9) -> None:
        self.most = most
        self.told: list[Any] = []

    def warned(self, message: str) -> None:
        self.told.append(message)
        if len(self.told) > self.most:
            raise OSError("the disk is full")

    def run_ended(self, status: str, path: Path) -> None:
        self.told.append((path, status))

    def _helper(self) -> None:
        raise AssertionError("it is no hook")


class Marked:
    """Any object whose methods are marked."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @hookimpl
    def step_done(self, step: int, record: Any) -> None:
        self.told.append((step, record))

    def warned(self, message: str) -> None:
        raise AssertionError("it is not marked")


def test_a_subclass_overrides_hooks_and_takes_the_arguments_it_needs() -> None:
    notes = Notes()
    hooks = Hooks([notes])
    hooks.tell("warned", path=HERE, message="slow")
    hooks.tell("run_ended", path=HERE, status="done")
    hooks.tell("samples_drawn", path=HERE, x=None, y=None)
    assert notes.told == ["slow", (HERE, "done")]
    assert notes.params == {"most": 9}


def test_a_subclass_of_a_subclass_overrides_again() -> None:
    class Loud(Notes):
        """Writes in capitals."""

        def warned(self, message: str) -> None:
            super().warned(message.upper())

    loud = Loud()
    Hooks([loud]).tell("warned", path=HERE, message="slow")
    assert loud.told == ["SLOW"]


def test_marked_methods_of_any_object_are_hooks() -> None:
    marked = Marked()
    hooks = Hooks([marked])
    hooks.tell("warned", path=HERE, message="slow")
    hooks.tell("step_done", path=HERE, step=3, progress=0.5, record={"loss": 1.0})
    assert marked.told == [(3, {"loss": 1.0})]


def test_without_trackers_nothing_is_told() -> None:
    Hooks().tell("warned", path=HERE, message="slow")


def test_a_misspelled_hook_of_a_subclass_is_refused_when_it_is_written() -> None:
    with pytest.raises(RequestError, match=r"unknown hook 'step_don'\. Did you mean 'step_done'"):

        class Misspelled(Tracker):
            def step_don(self, step: int) -> None: ...


def test_classes_and_values_within_a_tracker_are_no_hooks() -> None:
    class Rich(Tracker):
        limit = 3

        class Row:
            """A class of its own."""

        def warned(self) -> None: ...

    Hooks([Rich()])


class WrongHook:
    @hookimpl
    def step_don(self, step: int) -> None: ...


class WrongArgument(Tracker):
    def step_done(self, stp: int) -> None: ...


class WrongKeyword(Tracker):
    def step_done(self, *, stp: int) -> None: ...


class Yielding(Tracker):
    def step_done(self, step: int) -> Iterator[int]:
        yield step


class Wrapping:
    @hookimpl(wrapper=True)
    def step_done(self, step: int) -> Iterator[None]:
        yield


def test_arguments_are_taken_with_a_default_by_keyword_or_all_together() -> None:
    told: list[Any] = []

    class Default(Tracker):
        def step_done(self, step: int = -1, factor: int = 2) -> None:
            told.append(factor * step)

    class Keyword(Tracker):
        def step_done(self, *, progress: float) -> None:
            told.append(progress)

    class All(Tracker):
        def step_done(self, **given: Any) -> None:
            told.append(sorted(given))

    for tracker in (Default(), Keyword(), All()):
        Hooks([tracker]).tell("step_done", path=HERE, step=3, progress=0.5, record={})
    assert told == [6, 0.5, ["path", "progress", "record", "step"]]


@pytest.mark.parametrize(
    ("tracker", "message"),
    [
        (WrongHook(), r"^the tracker WrongHook: unknown hook 'step_don'"),
        (WrongArgument(), r"^the tracker WrongArgument: .*step_done.*stp"),
        (WrongKeyword(), r"^the tracker WrongKeyword: unknown argument of step_done 'stp'.*'step'"),
        (Yielding(), r"^the tracker Yielding: step_done yields"),
        (Wrapping(), r"^the tracker Wrapping: step_done yields"),
        (
            object(),
            r"^the tracker object has none of the hooks: run_started, training_started, .*hookimpl$",
        ),
        (Tracker(), r"^the tracker Tracker has none of the hooks"),
    ],
)
def test_what_cannot_listen_is_refused_in_one_line(tracker: object, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        Hooks([Notes(), tracker])
    assert "\n" not in str(caught.value)


def test_a_tracker_that_raises_is_named_once_and_switched_off() -> None:
    weak, strong, marked = Notes(most=1), Notes(), Marked()
    hooks = Hooks([weak, strong, marked])
    hooks.tell("warned", path=HERE, message="one")
    told = r"^the tracker Notes is switched off: its warned raised OSError: the disk is full \("
    with pytest.warns(UserWarning, match=told) as caught:
        hooks.tell("warned", path=HERE, message="two")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hooks.tell("warned", path=HERE, message="three")
        hooks.tell("run_ended", path=HERE, status="done")
        hooks.tell("step_done", path=HERE, step=1, progress=0.1, record={})
    assert weak.told == ["one", "two"]
    assert strong.told == ["one", "two", "three", (HERE, "done")]
    assert marked.told == [(1, {})]


def test_an_interrupt_is_no_error_of_a_tracker() -> None:
    class Stop(Tracker):
        def warned(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Hooks([Stop()]).tell("warned", path=HERE, message="x")
