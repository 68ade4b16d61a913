"""Add runs to the comparison of degradations: a row for each sampler, and samples of the run's own.

python report/rows.py RUN [RUN ...]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import genlab
from collect import command, origin
from genlab.components.parameters import parameters
from genlab.config import Diffusion
from genlab.evaluation.measured import of_trajectories
from genlab.report.figures.images import png_bytes, tile

COMPARISON = Path(__file__).parent / "results" / "degradations-compared"
_SHOWN = 60
_ENOUGH = 2048  # samples, for a Fréchet distance that counts
_MODEL = ("degradation", "parameters of the degradation", "loss", "prediction", "jitter", "seed")
_SAME = (*_MODEL, "sampler", "sampling_steps")


def main() -> None:
    """Add the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    for path in parser.parse_args().runs:
        add(genlab.open_run(path), COMPARISON)


def add(run: genlab.Run, folder: Path) -> None:
    """Add the rows of a run to a comparison, in the place of those that differ in numbers alone.

    What the same model was like with the defaults of an earlier version goes, too, whatever the sampler.
    """
    file = folder / "results.json"
    table = json.loads(file.read_text("utf-8")) if file.is_file() else {"rows": []}
    found = list(rows(run))
    if not found:
        return
    shown = found[0]  # the run's own sampler: one that is chosen by test images flatters itself
    picture = folder / _picture(shown)
    if picture.is_file() and all(row in table["rows"] for row in found):
        return  # it was added before
    table["rows"] = sorted(
        _kept(table["rows"], found) + found, key=lambda row: float(row["frechet"])
    )
    x = run.sample(_SHOWN, sampler=shown["sampler"], steps=shown["sampling_steps"], seed=1)
    folder.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(png_bytes(tile(x, columns=15)))
    file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    print(
        f"{run.path}: {shown['frechet']:.3f} ({shown['sampler']}, {shown['sampling_steps']} steps)"
    )


def rows(run: genlab.Run) -> Iterator[dict[str, Any]]:
    """Yield a row for every sampler of a run whose Fréchet distance was measured, the run's own first."""
    method = run.config.method
    records = of_trajectories(run.records)
    if not isinstance(method, Diffusion) or method.learned is None:
        return  # what is compared are degradations that a network learned to undo
    degradation = method.degradation
    usual = {
        p.name: p.default for p in parameters(genlab.registry("degradation").get(degradation.name))
    }
    made = command(replace(run.config, experiment=""))
    changed = {key: value for key, value in degradation.params.items() if value != usual[key]}
    own = (method.sampler.name, run.metrics["sampling_steps"])
    seen = set()
    for record in records:
        if record["name"] != "frechet" or record["n"] < _ENOUGH:
            continue
        sampler, steps = record.get("sampler") or own[0], record.get("sampling_steps") or own[1]
        if (sampler, steps) in seen:
            continue
        seen.add((sampler, steps))
        same = {
            r["name"]: r
            for r in records
            if all(r.get(k) == record.get(k) for k in ("n", "sampler", "sampling_steps"))
        }
        walk = f"--sampler {sampler} --steps {steps}"
        settings = "".join(f" --set degradation.{key}={value}" for key, value in changed.items())
        yield {
            "degradation": degradation.name,
            "parameters of the degradation": changed,
            "loss": method.learned.objective.params.get("loss"),
            "prediction": method.restorer.prediction,
            "jitter": method.restorer.jitter,
            "sampler": sampler,
            "sampling_steps": steps,
            "prior": None if method.prior is None else method.prior.density.name,
            "frechet": round(record["value"], 3),
            "interval": [round(end, 3) for end in record.get("interval", [])],
            "baseline": round(record["baseline"], 3),
            "confidence": round(same["classifier-confidence/confidence"]["value"], 4),
            "smallest class": round(same["class-histogram/smallest"]["value"], 4),
            "largest class": round(same["class-histogram/largest"]["value"], 4),
            "n": record["n"],
            "steps": run.metrics["steps"],
            "training_s": run.metrics["seconds"]["training"],
            "seed": run.config.seed,
            "parameters": run.metrics["parameters"],
            "features": record["features"],
            **origin(run),
            "commands": [
                f"{made}{settings} --out RUN",
                "genlab evaluate RUN --metric frechet --metric classifier-confidence "
                f"--metric class-histogram -n {record['n']} {walk}",
            ],
        }


def _kept(rows: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the rows in whose place no new ones stand."""
    same, model = ({_identity(row, keys) for row in new} for keys in (_SAME, _MODEL))
    return [
        row for row in rows
        if _identity(row, _SAME) not in same
        and not (row.get("defaults") and _identity(row, _MODEL) in model)
    ]  # fmt: skip


def _identity(row: Mapping[str, Any], keys: Sequence[str]) -> tuple[str, ...]:
    blank: dict[str, Any] = {"parameters of the degradation": {}, "prediction": None, "jitter": 0.0}
    return tuple(json.dumps(row.get(key, blank.get(key))) for key in keys)


def _picture(row: Mapping[str, Any]) -> str:
    changed = "".join(
        f"-{key}-{value}" for key, value in row["parameters of the degradation"].items()
    )
    seed = f"-seed-{row['seed']}" if row["seed"] else ""
    return f"{row['degradation']}{changed}{seed}.png"


if __name__ == "__main__":
    main()
