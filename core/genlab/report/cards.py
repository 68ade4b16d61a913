"""Runs in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.components.html import card, picture, table
from genlab.report.text import between, duration, number

__all__ = ["run_card"]

_COLUMNS = {
    "name": "metric", "value": "value", "interval": "95 % interval", "baseline": "real vs real", "n": "N",
}  # fmt: skip


def run_card(
    title: str,
    *,
    path: Path,
    history: Sequence[Mapping[str, float]] = (),
    records: Sequence[Mapping[str, Any]] = (),
    samples: bytes | None = None,
) -> str:
    """Show a run in a notebook: what it is made of, its numbers, and its samples.

    Args:
        title: What it is made of, in words.
        path: Its folder.
        history: One record per logged step.
        records: One record per final number.
        samples: A picture of its samples, as a PNG file.

    Returns:
        HTML.
    """
    facts = [("folder", str(path))]
    if history:
        facts.append(("steps", number(int(history[-1]["step"]))))
        facts.append(("training time", duration(history[-1].get("elapsed_s", 0.0))))
    rows = [
        [between(r.get(key)) if key == "interval" else number(r.get(key)) for key in _COLUMNS]
        for r in records
    ]
    return card(
        title,
        table(("run", ""), facts),
        table(tuple(_COLUMNS.values()), rows),
        picture(samples, "samples") if samples else "",
    )
