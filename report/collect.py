"""Copy what a run found out into ``report/results``: its numbers, its figures, and how it was made.

python report/collect.py RUN [--name NAME] [--figures samples progressive ...]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

import genlab
from genlab.config import Resolved, resolve
from genlab.report.figures.loss import loss_curve
from genlab.runs.series import experiment_tables

RESULTS = Path(__file__).parent / "results"
_WIDEST = 1400  # dots of a picture
_COLOURS = 128
_KEPT = 100  # steps of a loss curve
_DRAWN = {"figures", "metrics"}  # settings that a model and its samples don't depend on
_INDEX = """# Results

Each folder is named after an experiment. `results.json` has the numbers, each with N, features, reference,
seed and the real-vs-real baseline, and the command, machine, time and versions that made them; the
pictures were drawn by `genlab figures`. `report/collect.py RUN` copies one run here, and
`report/rows.py RUN` adds one to the comparison of degradations.

| folder | command | steps | minutes of training | machine | date |
| --- | --- | ---: | ---: | --- | --- |
{runs}

`degradations-compared` has its commands row by row, and a page with all rows. What was asked of a run
beyond that stands in `report/gather.toml`; `report/gather.py` asks for it, and copies all that
`genlab reproduce` left here. Several runs shared the machine, so that times are longer than a quiet one
takes.
"""
_HEADS = ("degradation", "sampler", "steps", "Fréchet", "95 % interval", "confidence", "rarest class",
          "most frequent", "N", "seed", "older defaults", "command")  # fmt: skip
_COMPARISON = """# Degradations compared

Every row of `results.json`, by Fréchet distance to the test images in the features of the reference
classifier, with its 95 % interval where one was measured. Older defaults stand in their column. The
samples were measured by `genlab evaluate RUN`, as `results.json` has it row by row.

{heads}
{rows}
"""


def main() -> None:
    """Collect one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--name", help="folder below report/results; the experiment's name if left out"
    )
    parser.add_argument("--figures", nargs="*", help="all that lie in the run if left out")
    arguments = parser.parse_args()
    run = genlab.open_run(arguments.run)
    name = arguments.name or run.config.experiment
    if not name:
        parser.error("this run is of no experiment: --name NAME")
    print(collect(run, RESULTS / name, arguments.figures))
    write_pages(RESULTS)


def collect(run: genlab.Run, out: Path, figures: Sequence[str] | None) -> Path:
    """Write ``results.json`` and the figures of a run into a folder, in the place of what was there."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    drawn = sorted((run.path / "figures").glob("*.png"))
    chosen = [file for file in drawn if figures is None or file.stem in figures]
    for file in chosen:
        shrink(file, out / file.name)
    return _record(run, run.config, out, [file.name for file in chosen])


def collect_seed(run: genlab.Run, results: Path, known: str) -> Path:
    """Write the numbers of a run beside those of a result that differs from it in the seed alone.

    Raises:
        SystemExit: It differs in something else.
    """
    theirs = json.loads((results / known / "results.json").read_text("utf-8"))["config"]
    like = replace(run.config, experiment=theirs.get("experiment", ""))
    ours = json.loads(json.dumps(_settings(like)))
    differing = [k for k in ours if k not in _DRAWN and _differ(ours[k], theirs.get(k, ours[k]))]
    if others := [key for key in differing if key != "seed"]:
        raise SystemExit(
            f"{run.path} is not {known} with another seed: it differs in {', '.join(others)}"
        )
    return _record(run, like, results / f"{known}-seed-{run.config.seed}", [])


def _record(run: genlab.Run, config: Resolved, out: Path, figures: Sequence[str]) -> Path:
    """Write the numbers of a run, and how to make it."""
    found = run.metrics
    record = {
        "name": out.name,
        "command": command(config),
        "seed": config.seed,
        **origin(run),
        **{key: found.get(key) for key in ("steps", "sampling_steps", "parameters", "seconds")},
        "config": _settings(config),
        "metrics": found.get("metrics", []),
        "evaluations": run.evaluations,
        "loss": losses(run.history),
        "figures": list(figures),
    }
    out.mkdir(parents=True, exist_ok=True)
    file = out / "results.json"
    file.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return file


def _differ(ours: Any, theirs: Any) -> bool:
    """Say whether settings differ in what both have: some were not there yet when a result was made."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return any(_differ(value, theirs.get(key, value)) for key, value in ours.items())
    return bool(ours != theirs)


def _settings(config: Resolved) -> dict[str, Any]:
    """Return the settings of a run, without what is of a machine."""
    return {k: v for k, v in config.flat().items() if k not in ("data", "device")}


def losses(history: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Return steps of a training, each with the running median of its loss."""
    curve = loss_curve(history)
    if curve is None:
        return []
    kept = curve.thinned(_KEPT)
    return [
        [int(step), float(f"{loss:.4g}")]
        for step, loss in zip(kept.steps, kept.median, strict=True)
    ]


def origin(run: genlab.Run) -> dict[str, Any]:
    """Return where and when a run was made, and by which versions."""
    found = run.metrics
    device = str(found.get("device"))
    here = f"{os.cpu_count()} cores, {platform.machine()}; " if "cpu" in device else ""
    return {
        "machine": here + device,  # what a GPU has trained may be collected anywhere
        "date": str(found.get("created", ""))[:10],
        "versions": found.get("versions"),
    }


def write_pages(results: Path) -> None:
    """Write the page that names all results, and beside a comparison the table of its rows."""
    (results / "README.md").write_text(index(results), "utf-8")
    for file in sorted(results.glob("*/results.json")):
        found = json.loads(file.read_text("utf-8"))
        rows = found.get("rows", []) if isinstance(found, dict) else []
        if rows and "degradation" in rows[0]:
            (file.parent / "README.md").write_text(comparison(rows), "utf-8")


def comparison(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of a comparison of degradations: every row, and the command that made it."""
    lines = []
    for row in rows:
        low, high = row.get("interval") or ("", "")
        numbers = [row[key] for key in ("frechet", "confidence", "smallest class", "largest class")]
        cells = [row["degradation"], row["sampler"], row["sampling_steps"], numbers[0],
                 f"{low}–{high}" if low != "" else "", *numbers[1:], row["n"], row["seed"],
                 row.get("defaults", ""), f"`{row['commands'][0]}`"]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    heads = f"| {' | '.join(_HEADS)} |\n|{' --- |' * len(_HEADS)}"
    return _COMPARISON.format(heads=heads, rows="\n".join(lines))


def index(results: Path) -> str:
    """Return the page that says what lies in which folder, and how it was made."""
    lines = []
    for file in sorted(results.glob("*/results.json")):
        found = json.loads(file.read_text("utf-8"))
        if not isinstance(found, dict) or "command" not in found:
            continue
        training = found["seconds"]["training"] / 60
        lines.append(
            f"| `{file.parent.name}` | `{found['command']}` | {found['steps']:,} | {training:.1f} | "
            f"{found['machine']} | {found['date']} |"
        )
    return _INDEX.format(runs="\n".join(lines))


def command(config: Resolved) -> str:
    """Return the command that makes a run like this one: what it is, and what is not usual about it."""
    tables: dict[str, Any] = {}
    if config.experiment:
        parts = [config.experiment]
        tables = {k: v for k, v in experiment_tables(config.experiment).items() if k != "sweep"}
    else:
        parts, made_of = [], dict(config.components())
        for place in ("degradation", "backbone", "density", "dataset"):
            if place in made_of:
                parts.append(f"--{place} {made_of[place].name}")
                tables[place] = made_of[place].flat()
    usual = resolve(tables).config
    given = [*parts, *_unusual(config, usual), f"--seed {config.seed}"]
    return " ".join(["genlab run", *given, "--data DIR"])


def _unusual(config: Resolved, usual: Resolved) -> Iterator[str]:
    """Yield the options by which a run differs from what is usual: budget, parts and how it is trained."""
    if config.learned and usual.learned:
        budget = config.learned.settings.budget
        if budget != usual.learned.settings.budget:
            yield f"--{budget.unit} {budget.total:g}"
    tables, others = config.flat(), usual.flat()
    for place in ("backbone", "density", "sampler", "objective", "optimiser", "restorer"):
        table, other = tables.get(place, {}), others.get(place, {})
        if table.get("name") != other.get("name"):
            yield f"--{place} {table['name']}"
        elif place != "sampler":
            changed = {key: value for key, value in table.items() if value != other.get(key)}
            yield from (
                f"--set {_setting(f'{place}.{key}', value)}" for key, value in changed.items()
            )


def _setting(name: str, value: Any) -> str:
    """Return ``name=value`` as one word of a shell."""
    listed = f"[{','.join(map(str, value))}]" if isinstance(value, list | tuple) else value
    return shlex.quote(f"{name}={listed}")


def shrink(source: Path, target: Path) -> None:
    """Copy a picture with fewer colours, and no wider than a page needs."""
    with Image.open(source) as image:
        picture = image.convert("RGB")
    if picture.width > _WIDEST:
        height = round(picture.height * _WIDEST / picture.width)
        picture = picture.resize((_WIDEST, height), Image.Resampling.LANCZOS)
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
