"""What passes before anything happens: processes of their own, in seconds of the processor.

`genlab --help` and `genlab list` import no PyTorch. The first step of a training is that of the default run
on the digits, whose process ends after it; the other side is the import of PyTorch alone.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from measure import Row, seconds_of

FIRST_STEP = """
import pathlib, sys
from genlab.runs.start import start_run
later = ["sampling", "measuring", "drawing", "page"]
start_run({"dataset": "digits", "training": {"steps": 1}}, out=pathlib.Path(sys.argv[1], "run"), skip=later)
"""


def spent() -> float:
    """Return the seconds of the processor that ended processes of this one have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(*arguments: str) -> None:
    """Let Python run something, with one thread."""
    kept = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    with tempfile.TemporaryDirectory() as folder:
        given: Sequence[str] = [part.replace("FOLDER", folder) for part in arguments]
        subprocess.run([sys.executable, *given], env=kept, stdout=subprocess.DEVNULL, check=True)


def rows(*, rounds: int, short: bool) -> Iterator[Row]:
    """Measure the start of commands, and of a run."""
    rounds = min(rounds, 3) if short else rounds
    taken = seconds_of(
        {
            "import torch": lambda: process("-c", "import torch"),
            "genlab --help": lambda: process("-m", "genlab", "--help"),
            "genlab list": lambda: process("-m", "genlab", "list"),
            "first step of a run": lambda: process("-c", FIRST_STEP, "FOLDER"),
        },
        rounds=rounds, clock=spent,
    )  # fmt: skip
    theirs = taken.pop("import torch")
    for task, seconds in taken.items():
        yield Row("start", task, "s of CPU", seconds, "import torch", theirs, less=True)
