"""Put small faults into the core, one at a time, and count how many of them the tests find.

    python tests/mutants --count 150 --seed 0 [--paths core/genlab/training ...] [--tests tests/training ...]

All tests run once under coverage, which tells which of them touch which line; that is kept until a source
changes. Then a uniform sample of mutants is drawn. Each is tried in a copy of the tree by those tests,
quickest first, until one fails. Lines that no test executes are counted apart. What survived is
listed, and the exit status is 1 where less than 85 % was found.
"""

from __future__ import annotations

import argparse
import difflib
import queue
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sample import Mutant, drawn
from trial import Bench, Touched

LEFT_OUT = ("core/genlab/testing/", "core/genlab/kit/templates/")  # checks, and texts


@dataclass
class Trial:
    """A mutant, how many tests touch its line, which of them try it, with their seconds, and the result."""

    mutant: Mutant
    touching: int
    tests: dict[str, float]
    failing: set[str] = field(default_factory=set)
    result: str = "never executed"


def main() -> int:
    """Run what the command line asks for, and return the exit status."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.workers) as pool:
        benches: queue.SimpleQueue[Bench] = queue.SimpleQueue()
        made = [Bench(asked.root, Path(folder, str(n))) for n in range(asked.workers)]
        touched = Touched(asked.root, asked.tests, asked.workers, made[0])
        for test in touched.failing:
            print(f"left out, since it fails without a fault: {test}")
        quickest = min(touched.seconds, key=touched.seconds.__getitem__)
        for bench in made:
            if bench.run("-n0", tests=[quickest])[0] != "passed":
                raise SystemExit(f"{quickest} fails alone:\n{bench.output}")
            benches.put(bench)

        def run(trial: Trial) -> None:
            bench, m = benches.get(), trial.mutant
            word, trial.failing = bench.trial(m.path, m.code, trial.tests)
            benches.put(bench)
            trial.result = {"passed": "survived", "failed": "found"}.get(word, word)
            print(f"{trial.result:9} {m.path}:{m.line} {m.operator}", flush=True)

        trials = chosen(touched, asked)
        list(pool.map(run, [trial for trial in trials if trial.tests]))
        doubt(trials, made[0])
    return report(asked.root, trials, asked.least)


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--count", type=int, default=150, help="how many mutants are tried")
    add("--seed", type=int, default=0, help="which ones")
    add(
        "--paths",
        nargs="+",
        default=["core/genlab"],
        help="files and folders that faults are put into",
    )
    add("--tests", nargs="+", default=["tests"], help="files and folders of tests")
    add("--limit", type=float, default=300, help="most seconds of tests for each mutant")
    add("--least", type=float, default=85, help="least share that is to be found, in percent")
    add("--workers", type=int, default=2, help="how many are tried at once")
    add("--root", type=Path, default=Path(__file__).parents[2], help="the tree")
    return parser.parse_args()


def chosen(touched: Touched, asked: argparse.Namespace) -> list[Trial]:
    """Draw mutants until enough of them can be tried."""
    found = {f for p in asked.paths for f in [asked.root / p, *(asked.root / p).rglob("*.py")]}
    files = [f.relative_to(asked.root).as_posix() for f in found if f.suffix == ".py"]
    trials: list[Trial] = []
    for mutant in drawn(asked.root, [f for f in files if not f.startswith(LEFT_OUT)], asked.seed):
        if sum(bool(trial.tests) for trial in trials) == asked.count:
            break
        touching, tests = touched.tests(mutant.path, mutant.line), {}
        for test in touching:
            if not tests or sum(tests.values()) + touched.seconds[test] <= asked.limit:
                tests[test] = touched.seconds[test]
        trials.append(Trial(mutant, len(touching), tests))
    return trials


def doubt(trials: list[Trial], bench: Bench) -> None:
    """Run the tests that failed once more, without a fault: those that fail again have found nothing."""
    failing = sorted({test for trial in trials for test in trial.failing})
    record = bench.run("-n0", tests=failing)[1] if failing else {}
    wrong = {test for test in failing if not record[test]["passed"]}
    for trial in trials:
        if trial.failing & wrong:
            trial.result = "survived"
            print(f"fails without a fault, too: {trial.failing & wrong}")


def report(root: Path, trials: list[Trial], least: float) -> int:
    """Print what nobody executes, what survived and the share found; return the exit status."""
    groups: dict[str, list[Trial]] = {
        "never executed": [],
        "survived": [],
        "found": [],
        "timed out": [],
    }
    for trial in trials:
        groups[trial.result].append(trial)
    for trial in groups["never executed"] + groups["survived"]:
        m = trial.mutant
        print(f"\n{trial.result}: {m.path}:{m.line} ({len(trial.tests)} of {trial.touching} tests)")
        old = (root / m.path).read_text("utf-8").split("\n")
        for line in list(difflib.unified_diff(old, m.code.split("\n"), n=0, lineterm=""))[3:]:
            print(f"    {line}")
    never, survived, found, late = map(len, groups.values())
    share = 100 * (found + late) / max(survived + found + late, 1)
    print(f"\n{survived + found + late} mutants: {found} found, {late} timed out, {survived} survived; "
          f"{never} more are never executed\n{share:.1f} % found; {least:g} % are wanted")  # fmt: skip
    return int(share < least)


if __name__ == "__main__":
    sys.exit(main())
