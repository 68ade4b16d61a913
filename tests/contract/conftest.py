"""What the tests of contract checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from genlab.testing import Check, failures

Found = Callable[[Iterable[Check]], list[str]]


@pytest.fixture
def found() -> Found:
    """Run checks, and return the names of those that fail."""

    def names(checks: Iterable[Check]) -> list[str]:
        return [failure.check.name for failure in failures(checks)]

    return names
