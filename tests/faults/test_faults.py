"""A few runs are ended at random moments and finished, and a few folders damaged.

`nox -s faults -- --kills 200 --damage 3000` does it at length.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forked")
def test_ended_runs_finish_and_damage_is_told() -> None:
    budget = {"kills": 4, "interrupts": 2, "terminates": 2, "twice": 1, "anywhere": 2, "damage": 12}
    given = [part for what, count in budget.items() for part in (f"--{what}", str(count))]
    done = subprocess.run(
        [sys.executable, str(HERE), *given, "--seed", "7", "--jobs", "1", "--minutes", "0.3",
         "--runs", "best checkpoint", "blur with a mixture"],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["kill"]["trials"] >= 1
    assert counts["damage"]["trials"] >= 1
