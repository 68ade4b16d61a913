"""Take what ``genlab reproduce`` left into ``report/results``: numbers, figures and comparisons.

python report/gather.py [RUNS] [--results DIR] [--asked FILE]

``gather.toml`` says what else is asked of a run before. It is asked once: a run keeps the list in
``asked.txt``, so that the command goes on where it was stopped. Runs that are not finished are left out,
and results without a run stay as they are.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

import genlab
from collect import RESULTS, collect, collect_seed, shrink, write_pages
from genlab.cli import main as genlab_main
from rows import add

HERE = Path(__file__).parent
RUNS = HERE.parent / "runs" / "reproduce" / "laptop"


def main() -> None:
    """Ask what is to be asked of the runs, and copy them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="?", default=RUNS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--asked", type=Path, default=HERE / "gather.toml")
    arguments = parser.parse_args()
    gather(arguments.runs, arguments.results, tomllib.loads(arguments.asked.read_text("utf-8")))


def gather(runs: Path, results: Path, asked: dict[str, Any]) -> None:
    """Bring the runs below a folder into the results.

    Args:
        runs: The folder, as ``genlab reproduce`` writes it.
        results: Where they go.
        asked: The tables of ``gather.toml``.
    """
    found = sorted(file.parent for file in runs.rglob("metrics.json"))
    if not found:
        print(f"there are no finished runs in {runs}: the results stay as they are")
        return
    for more in asked.get("more", []):
        for name in more["runs"]:
            if runs / name in found:
                for command in more["commands"]:
                    _ask(runs / name, command)
    seeds = asked.get("seeds", {})
    for path in found:
        run = genlab.open_run(path)
        if path.parent == runs:
            print(collect(run, results / path.name, None))
            continue
        series = path.parent.name
        if f"{series}/{path.name}" not in seeds:
            add(run, results / asked.get("rows", {}).get(series, series))
            _restored(path, results)
    for name, known in seeds.items():  # last, beside what they are seeds of
        if runs / name in found:
            print(collect_seed(genlab.open_run(runs / name), results, known))
    for series, names in asked.get("shown", {}).items():
        _drawn_together(runs, found, results, series, names)
    write_pages(results)


def _ask(run: Path, command: str) -> None:
    """Give a command for a run, if it was not given before."""
    kept = run / "asked.txt"
    if kept.is_file() and command in kept.read_text("utf-8").splitlines():
        return
    _genlab([str(run) if word == "RUN" else word for word in command.split()])
    with kept.open("a", encoding="utf-8") as file:
        file.write(command + "\n")


def _genlab(words: list[str]) -> None:
    print("genlab", *words, flush=True)
    try:
        genlab_main(words)
    except SystemExit as end:
        if end.code:
            raise


def _restored(run: Path, results: Path) -> None:
    """Copy what `genlab restore` found out about test images."""
    records = run / "restored" / "restoration.json"
    if not records.is_file():
        return
    out = results / f"restoration-{run.name}"
    out.mkdir(parents=True, exist_ok=True)
    found = json.loads(records.read_text("utf-8"))
    (out / "results.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    shrink(run / "restored" / "restoration.png", out / "restoration.png")


def _drawn_together(
    runs: Path, found: list[Path], results: Path, series: str, names: list[str]
) -> None:
    """Draw runs of a series row by row, if all that are to be seen are there."""
    rows = [runs / series / name for name in names]
    if all(row in found for row in rows):
        out = runs / "shown" / series
        _genlab(["compare", *map(str, rows), "--out", str(out)])
        shrink(out / "degradations.png", results / series / "degradations.png")


if __name__ == "__main__":
    main()
