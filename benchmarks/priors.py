"""What the prior does: samples of finished runs, each from several priors of the fully degraded state.

For every run whose degradation leaves something it prints how many numbers K are left, and for each prior
two things. Of the prior alone: the accuracy with which a small network tells its draws from what is left of
test examples (.5: not at all), and how near a draw is to the nearest training example, as a share of how
near test examples are (1: as near; 0: a copy). Of the samples: their Frechet distance, at the run's own
number of steps and ``direct``, in one step, which is the restorer's first answer.

``true`` starts from what is left of test examples: what remains is the restorer's. ``stored`` is the density
``empirical``, which draws copies. All others are densities by name, fitted anew with the classes of the data,
and with ``run`` the prior of the run itself.

Run: python benchmarks/priors.py RUN [RUN ...] [--prior gmm --prior kde] [--out table.json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from sklearn.neural_network import MLPClassifier
from torch import Tensor

import genlab
from genlab.diffusion.prior import summaries

COLUMNS = ("run", "K", "prior", "frechet", "direct", "two-sample", "nearest", "seconds")
_NEAREST, _REFERENCES = 1000, 30_000  # draws that are looked at, and training examples


class Drawn:
    """Numbers that were drawn before, in the place of a density."""

    def __init__(self, c: Tensor, device: torch.device) -> None:
        self.c, self.given = c.to(device), 0

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Return the next ``n`` of them."""
        self.given += n
        return self.c[self.given - n : self.given]


def two_sample_accuracy(c: Tensor, real: Tensor) -> float:
    """Return how often a network tells draws ``(N, K)`` from real ones, on halves that it has not seen."""
    n = min(len(c), len(real)) // 2
    seen, unseen = (torch.cat([c[part], real[part]]) for part in (slice(n), slice(n, 2 * n)))
    labels = torch.arange(2 * n) >= n
    network = MLPClassifier((128,), max_iter=15, random_state=0)
    return float(network.fit(seen.numpy(), labels.numpy()).score(unseen.numpy(), labels.numpy()))


def nearest_ratio(c: Tensor, real: Tensor, train: Tensor) -> float:
    """Return the median distance of draws to the nearest training example, in that of real ones."""
    near = [torch.cdist(x[:_NEAREST], train[:_REFERENCES]).amin(1).median() for x in (c, real)]
    return float(near[0] / near[1])


def draws(run: genlab.Run, names: Sequence[str], n: int) -> Iterator[tuple[str, Tensor, float]]:
    """Give the name, draws ``(n, K)`` and the seconds of fitting of each prior."""
    degradation, data = run.degradation, run.data
    seeded = torch.Generator().manual_seed(1)
    yield "true", summaries(degradation, data.test, most=n, generator=seeded)[0], 0.0
    for name in ("run", *names):
        begun = time.perf_counter()
        if name == "run":
            density = run.density
        else:
            prior = genlab.fit_prior(degradation, data.train, data.spec, density=name)
            density = prior.density
        seconds = 0.0 if name == "run" else time.perf_counter() - begun
        assert density is not None  # main() has left out what leaves nothing
        device = next(density.buffers()).device
        c = density.sample(n, generator=torch.Generator(device).manual_seed(2)).cpu()
        yield "stored" if name == "empirical" else name, c, seconds


def rows_of(path: Path, names: Sequence[str], n: int) -> Iterator[dict[str, Any]]:
    """Measure a run from every prior."""
    run = genlab.open_run(path)
    model, data = run.diffusion, run.data
    seeded = torch.Generator().manual_seed(0)
    train, _ = summaries(run.degradation, data.train, most=len(data.train), generator=seeded)
    real, _ = summaries(run.degradation, data.test, most=len(data.test), generator=seeded)
    if not train.shape[1]:
        return
    spread = train.std(0).clamp_min(0.05 * float(train.std(0).mean()))
    for name, c, seconds in draws(run, names, min(n, len(data.test))):
        found = []
        for steps in (None, 1):
            prior = genlab.Prior(run.degradation, data.spec, Drawn(c, model.device))  # type: ignore[arg-type]
            walked = genlab.DiffusionModel(
                data.spec, model.restorer, prior, model.sampler, steps=steps or model.steps,
                device=model.device, batch=model.batch,
            ).sample(len(c))  # fmt: skip
            records = genlab.evaluate(walked, data, "frechet", intervals=False)
            found.append(next(r["value"] for r in records if r["name"] == "frechet"))
        yield {
            "run": path.name, "K": train.shape[1], "prior": name, "frechet": found[0],
            "direct": found[1], "two-sample": two_sample_accuracy(c / spread, real / spread),
            "nearest": nearest_ratio(c / spread, real / spread, train / spread), "seconds": seconds,
        }  # fmt: skip


def main() -> None:
    """Print the table, and write it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument(
        "--prior", action="append", help="a density by name; default: gmm, empirical"
    )
    parser.add_argument("--n", type=int, default=5000, help="samples of each")
    parser.add_argument("--out", type=Path, help="a JSON file")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for path in given.runs:
        for row in rows_of(path, given.prior or ["gmm", "empirical"], given.n):
            rows.append(row)
            Console().print(", ".join(f"{k} {_told(v)}" for k, v in row.items()))
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(_told(row[key]) for key in COLUMNS))
    Console().print(table)
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def _told(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
