"""End runs at any moment and finish them, damage run folders and use them, and count what goes wrong.

    python tests/faults --kills 200 --interrupts 100 --terminates 100 --starts 20 --damage 3000

Everything is forked from one process, which has imported genlab once. Each chain must end with what the run
that nobody touched has: weights, moments, random state, prior, samples, numbers, history, figures, page. No
damaged folder may end in a traceback, hang, or compute something else without a word. The exit status is 1
where something went wrong; the last line is the summary as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from chains import ENDINGS, Bench
from damage import Workshop

from genlab.cli.app import exit_status
from runs import REQUESTS, write_request

Trial = tuple[str, Callable[[], dict[str, Any]]]


def main() -> int:
    """Do what the command line asks for, and return the exit status."""
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.keep or made)
        _import_everything(folder)
        end = time.monotonic() + 60 * options.minutes
        files, workers = [], []
        for job in range(options.jobs):
            files.append(folder / f"job-{job}.jsonl")
            workers.append(os.fork())
            if not workers[-1]:
                _work(options, folder / f"job-{job}", job, files[-1], end)
        for worker in workers:
            os.waitpid(worker, 0)
        lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    return _summary([json.loads(line) for line in lines])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for what, ending in zip(
        ("kills", "interrupts", "terminates", "twice", "anywhere"), ENDINGS, strict=True
    ):
        parser.add_argument(
            f"--{what}", dest=ending, type=int, default=0, help=f"chains of {ending}"
        )
    parser.add_argument("--starts", type=int, default=0, help="eight starts at once")
    parser.add_argument("--resumes", type=int, default=0, help="two resumes of one run at once")
    parser.add_argument("--damage", type=int, default=0, help="damaged folders")
    parser.add_argument(
        "--runs", nargs="+", choices=REQUESTS, default=list(REQUESTS), help="which runs"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="a second trial of a kind begins before"
    )
    parser.add_argument("--keep", help="a folder in which chains that went wrong stay")
    return parser.parse_args()


def _import_everything(folder: Path) -> None:
    """Import what runs need, by carrying short ones out, so that forks need not.

    On a CPU, gradients are computed in the calling thread, so that a process can be forked afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("best checkpoint", "blur with a mixture"):
        out = folder / "imports" / name
        exit_status(["run", str(write_request(name, folder)), "--steps", "3", "--out", str(out)])
        exit_status(["evaluate", str(out), "-n", "20", "--metric", "sliced-wasserstein"])


def _trials(options: argparse.Namespace, bench: Bench) -> Iterator[Trial]:
    """Give all trials, in an order that is the same for every job."""
    names, seed = options.runs, options.seed
    for ending in ENDINGS:
        for number in range(getattr(options, ending)):
            seed += 1
            name = names[number % len(names)]
            yield ending, lambda n=name, e=ending, s=seed: bench.chain(n, e, s)  # type: ignore[misc]
    for kind, trial in (("starts", bench.starts), ("resumes", bench.resumes)):
        for number in range(getattr(options, kind)):
            seed += 1
            name = names[number % len(names)]
            yield kind, lambda n=name, t=trial, s=seed: t(n, s)  # type: ignore[misc]
    workshop = Workshop(bench, names if len(names) > 1 else list(REQUESTS)[:2])
    for _ in range(options.damage):
        seed += 1
        yield "damage", lambda s=seed: workshop.trial(s)  # type: ignore[misc]


def _work(options: argparse.Namespace, folder: Path, job: int, file: Path, end: float) -> None:
    """Do the trials of one job, and end the process."""
    status = 1
    try:
        tried: set[str] = set()
        found = list(_trials(options, Bench(folder)))
        with file.open("a") as lines:
            for number, (kind, trial) in enumerate(_mixed(found)):
                if number % options.jobs == job and (time.monotonic() < end or kind not in tried):
                    tried.add(kind)
                    lines.write(json.dumps({"kind": kind, **trial()}) + "\n")
                    lines.flush()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _mixed(trials: list[Trial]) -> list[Trial]:
    """Put kinds of trials in turns, so that a run that is cut short has tried all of them."""
    seen: Counter[str] = Counter()
    total = Counter(kind for kind, _ in trials)
    placed = []
    for kind, trial in trials:
        placed.append((seen[kind] / total[kind], len(placed), kind, trial))
        seen[kind] += 1
    return [(kind, trial) for _, _, kind, trial in sorted(placed, key=lambda each: each[:2])]


def _summary(results: list[dict[str, Any]]) -> int:
    """Print what went wrong, and counts; return the exit status."""
    table: dict[str, Counter[str]] = {}
    for result in results:
        counts = table.setdefault(result["kind"], Counter())
        counts["trials"] += 1
        counts["signals that landed"] += result.get("landed", 0)
        if result["kind"] == "damage":
            counts[f"exit {result['status']}"] += 1
        if result["wrong"]:
            counts["wrong"] += 1
            print(json.dumps({**result, "wrong": result["wrong"][:4]}, indent=1))
    print(json.dumps({kind: dict(sorted(counts.items())) for kind, counts in table.items()}))
    return int(not results or any(result["wrong"] for result in results))


if __name__ == "__main__":
    sys.exit(main())
