"""Plain scripts, with nothing installed but genlab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"


def output_of(script: str, *arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPTS / script), *map(str, arguments)],
        cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ones_own_degradation_data_and_network_take_a_script_of_few_lines(tmp_path: Path) -> None:
    text = (SCRIPTS / "ones_own.py").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) < 25
    assert 0 < float(output_of("ones_own.py", cwd=tmp_path)) < 10
    assert (tmp_path / "mine" / "report.html").is_file()


@pytest.mark.slow
def test_ten_runs_in_one_process_are_those_of_ten_processes(tmp_path: Path) -> None:
    """Of mixed kinds, sizes and precisions; in another order, and the first of them once more at the end."""
    numbers = [str(n) for n in range(10)]
    apart = json.loads(
        output_of("ten_runs.py", "apart", tmp_path / "apart", *numbers, cwd=tmp_path)
    )
    assert len(set(apart)) == 10
    backwards = [*numbers[::-1], numbers[-1]]
    both = output_of("ten_runs.py", "together", tmp_path / "both", *backwards, cwd=tmp_path)
    assert json.loads(both) == [apart[int(number)] for number in backwards]
