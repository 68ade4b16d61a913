"""Every file of an enemy is refused with a reason; nothing runs, grows, or is written elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import genlab

MEMORY = 1500  # MiB
WORDS = 300  # characters of an explanation, paths aside


def test_the_corpus(digits_run: genlab.Run, tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("corpus.py"), digits_run.path, work],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) >= 40
    wrong = [
        each for each in found
        if each["status"] not in (1, 2) or not each["said"].startswith("error: ")
        or each["said"].count("\n") != 1 or len(each["said"]) > WORDS
    ]  # fmt: skip
    assert not wrong
    assert max(each["peak"] for each in found) < MEMORY
    assert sorted(tmp_path.rglob("*")) == [outside, work]
