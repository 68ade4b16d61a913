"""A plugin of pytest: records which tests run which lines, how long each takes, and whether it passes.

Coverage's context is the test, or the fixture where several tests may share it: what a shared fixture runs
belongs to all tests that ask for it, and not to the first alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import coverage
import pytest

_record: dict[str, dict[str, Any]] = {}
_contexts = [""]


@contextmanager
def _context(name: str) -> Generator[None]:
    measured = coverage.Coverage.current()
    _contexts.append(name)
    if measured:
        measured.switch_context(name)
    try:
        yield
    finally:
        _contexts.pop()
        if measured:
            measured.switch_context(_contexts[-1])


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Let hypothesis stop at the first example that fails: to look for the smallest takes minutes."""
    with suppress(ImportError):
        from hypothesis import Phase, settings

        phases = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)]
        settings.register_profile("mutants", settings.default, phases=phases)
        settings.load_profile("mutants")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    item.user_properties.append(("fixtures", list(getattr(item, "fixturenames", ()))))
    with _context(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    shared = fixturedef.scope != "function"
    with _context(f"fixture {fixturedef.argname}" if shared else _contexts[-1]):
        return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    entry = _record.setdefault(report.nodeid, {"seconds": 0.0, "passed": True})
    entry["seconds"] += report.duration
    entry["passed"] &= not report.failed
    entry["fixtures"] = dict(report.user_properties)["fixtures"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if measured := coverage.Coverage.current():
        measured.stop()
        measured.save()
    if not hasattr(session.config, "workerinput"):
        Path(os.environ["MUTANTS_RECORD"]).write_text(json.dumps(_record))
