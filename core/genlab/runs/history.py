"""Writing ``metrics.jsonl`` while a run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from genlab.hooks import hookimpl

__all__ = ["HistoryWriter"]


class HistoryWriter:
    """A tracker that appends one line per logged step.

    Args:
        file: ``metrics.jsonl`` of the run.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    @hookimpl
    def step_done(self, record: Mapping[str, float]) -> None:
        """Append a line."""
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dict(record)) + "\n")
