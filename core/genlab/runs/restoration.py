"""Restoring degraded images with a run, and saying how well it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genlab.errors import RequestError
from genlab.evaluation import measure
from genlab.evaluation.restoration import psnr, ssim
from genlab.generation.editing import check_time
from genlab.registries import build

if TYPE_CHECKING:
    from genlab.runs.run import Run

__all__ = ["METHODS", "Restoration", "quality", "restore_given", "restore_test"]

METHODS = ("direct", "naive", "cold")
"""The restorer's own answer, algorithm 1 and algorithm 2 (Bansal et al. 2022, arXiv:2208.09392)."""


@dataclass(frozen=True)
class Restoration:
    """Images, what was left of them, and what became of that.

    Args:
        x_t: Degraded images ``(B, C, H, W)``.
        restored: Restored images by method, each ``(B, C, H, W)``.
        x_0: The images before, where they are known.
        t: How far they were degraded.
    """

    x_t: Tensor
    restored: Mapping[str, Tensor]
    x_0: Tensor | None
    t: float


def restore_given(
    run: Run,
    x: Tensor,
    *,
    degrade: bool,
    t: float = 1.0,
    methods: Sequence[str] = METHODS,
    steps: int | None = None,
    seed: int = 0,
) -> Restoration:
    """Restore given images.

    Args:
        run: The run.
        x: Images ``(B, C, H, W)``.
        degrade: Whether they are clean and to be degraded first.
        t: How far they are, or are to be, degraded.
        methods: ``"direct"`` and names of samplers.
        steps: Steps of a walk; None: those of the run.
        seed: Seed of everything random.

    Raises:
        RequestError: The images are degraded already, and the degradation draws something for each, such
            as a mask, that they do not tell.
    """
    check_time(t)
    z = None
    x_t = x
    if degrade:
        generator = torch.Generator().manual_seed(seed)
        z = run.degradation.draw(x, generator=generator)
        x_t = run.degradation.degrade(x, torch.full((len(x),), t), z)
    known = None if run.degradation.tags.additive else z
    try:
        found = {
            method: run.restore(x_t, t=t, z=known, method=method, steps=steps, seed=seed)
            for method in methods
        }
    except RequestError as error:
        if degrade:
            raise
        raise RequestError(f"{error}; --degrade takes clean images and degrades them") from None
    return Restoration(x_t, found, x if degrade else None, t)


def restore_test(run: Run, n: int, **options: Any) -> Restoration:
    """Degrade and restore examples of the test split; see :func:`restore_given`."""
    generator = torch.Generator().manual_seed(options.get("seed", 0))
    x = run.examples("test").some(n, generator=generator)[0]
    return restore_given(run, x.cpu(), degrade=True, **options)


def quality(run: Run, restoration: Restoration, *, seed: int = 0) -> list[dict[str, Any]]:
    """Measure what each method restored, against the images before.

    Returns:
        One record per method, and one for doing nothing: method, n, t, ssim, psnr (both the mean over the
        images) and frechet (against the test split, with its real-against-real floor).
    """
    assert restoration.x_0 is not None  # the caller has the originals
    everything = {"degraded": restoration.x_t, **restoration.restored}
    distances = _distances(run, everything, seed)
    return [
        {
            "method": method,
            "n": len(x),
            "t": restoration.t,
            "ssim": float(ssim(x.clamp(-1, 1), restoration.x_0).mean()),
            "psnr": float(psnr(x.clamp(-1, 1), restoration.x_0).mean()),
            **distances[method],
        }
        for method, x in everything.items()
    ]


def _distances(run: Run, sets: Mapping[str, Tensor], seed: int) -> dict[str, dict[str, float]]:
    """Return the Frechet distance of each set to the test split, and its floor."""
    metric, train, test = build("metric", "frechet"), run.examples("train"), run.examples("test")
    found = {}
    for name, x in sets.items():
        (record,) = measure(
            "frechet", metric, x.clamp(-1, 1), train, test, run.spec, seed=seed, ema=True,
            dataset=run.dataset,
        )  # fmt: skip
        found[name] = {"frechet": record["value"], "floor": record["floor"]}
    return found
