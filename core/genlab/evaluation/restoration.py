"""Restoring degraded images with a model, and saying how well it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.components.dataset import Data
from genlab.components.degradation import AdditiveDegradation, Degradation
from genlab.components.registry import build
from genlab.components.sampler import Sampler
from genlab.diffusion.checks import check_time, checked_data
from genlab.diffusion.model import DiffusionModel
from genlab.diffusion.restoration import restore, restore_by_posterior
from genlab.errors import RequestError
from genlab.evaluation.evaluate import evaluate, misfit
from genlab.evaluation.similarity import psnr, ssim
from genlab.seeds import generator_of

__all__ = ["METHODS", "POSTERIOR", "Restoration", "quality", "restore_by", "restore_given"]

METHODS = ("direct", "naive", "cold")
"""The restorer's own answer, algorithm 1 and algorithm 2 (Bansal et al. 2022, arXiv:2208.09392)."""

POSTERIOR = "ddnm"
"""Posterior sampling, for any linear degradation (Wang, Yu & Zhang 2022, arXiv:2212.00490)."""


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


def restore_by(
    model: DiffusionModel,
    x_t: Tensor,
    *,
    method: str | Sampler = "direct",
    degradation: Degradation | None = None,
    t: float = 1.0,
    z: Tensor | None = None,
    steps: int | None = None,
    label: Any = None,
    seed: int = 0,
) -> Tensor:
    """Restore degraded data by a method.

    Args:
        model: The model.
        x_t: Degraded data ``(B, *shape)``.
        method: ``"direct"`` for the restorer's own answer; a sampler, or the name of one: ``"naive"`` is
            algorithm 1 and ``"cold"`` algorithm 2 of Bansal et al. 2022 (arXiv:2208.09392); ``"ddnm"`` for
            posterior sampling, which restores what any linear degradation did.
        degradation: What degraded the data; None: the model's own degradation. Another one needs
            ``"ddnm"``.
        t: How far it was degraded, in (0, 1].
        z: What was drawn for it, such as a mask, where the degradation draws something.
        steps: Steps of the trajectory; None: the sampler's usual.
        label: Classes to follow; None: none.
        seed: Seed of what is random.

    Returns:
        Estimates of the clean data ``(B, *shape)``, on the CPU.

    Raises:
        RequestError: A wrong time or method, or a z that is missing.
    """
    options: dict[str, Any] = {"t": t, "z": z, "steps": steps, "label": label, "seed": seed}
    if method == POSTERIOR:
        return restore_by_posterior(
            model, x_t, degradation or model.restorer.degradation, **options
        )
    if degradation is not None and degradation != model.restorer.degradation:
        raise RequestError(
            f"the model learned to undo {model.restorer.degradation!r}: what {degradation!r} did is restored "
            f"by the method {POSTERIOR!r}"
        )
    if method == "direct":
        return restore(model, x_t, **options)
    chosen: Sampler = build("sampler", method) if isinstance(method, str) else method
    return restore(model, x_t, sampler=chosen, **options)


def restore_given(
    model: DiffusionModel,
    x: Tensor,
    *,
    degrade: bool,
    degradation: Degradation | None = None,
    t: float = 1.0,
    methods: Sequence[str] = METHODS,
    steps: int | None = None,
    seed: int = 0,
) -> Restoration:
    """Restore given images.

    Args:
        model: The model.
        x: Images ``(B, C, H, W)``.
        degrade: Whether they are clean and to be degraded first.
        degradation: What degrades, or has degraded them; None: the model's own degradation.
        t: How far they are, or are to be, degraded.
        methods: See :func:`restore_by`.
        steps: Steps of a trajectory; None: those of each method.
        seed: Seed of everything random.

    Raises:
        RequestError: The images are degraded already, and the degradation draws something for each, such
            as a mask, that they do not tell.
    """
    x = checked_data(x, model.spec)
    check_time(t)
    operator = degradation or model.restorer.degradation
    z, x_t = None, x
    if degrade:
        z = operator.draw(x, generator=generator_of(seed, "degrading"))
        x_t = operator.degrade(x, torch.full((len(x),), t), z)
    explained = isinstance(operator, AdditiveDegradation) and degradation is None
    known = None if explained else z
    try:
        found = {
            method: restore_by(
                model,
                x_t,
                method=method,
                degradation=degradation,
                t=t,
                z=known,
                steps=steps,
                seed=seed,
            )
            for method in methods
        }
    except RequestError as error:
        if degrade:
            raise
        raise RequestError(f"{error}; --degrade takes clean images and degrades them") from None
    return Restoration(x_t, found, x if degrade else None, t)


def quality(
    restoration: Restoration, x_0: Tensor, data: Data, *, seed: int = 0
) -> list[dict[str, Any]]:
    """Measure what each method restored, against the images before.

    Args:
        restoration: What was restored.
        x_0: The images before, ``(B, C, H, W)``.
        data: The data set.
        seed: Seed of what is random in a measurement.

    Returns:
        One record per method, and one for doing nothing: method, n, t, ssim, psnr (both the mean over the
        images) and, where the data has classes, frechet (against the test split) with its baseline.
    """
    everything = {"degraded": restoration.x_t, **restoration.restored}
    metric = build("metric", "frechet")
    measured = misfit("frechet", metric, data.spec, data.dataset) is None
    records = []
    for method, x in everything.items():
        x = x.clamp(-1, 1)
        record = {
            "method": method, "n": len(x), "t": restoration.t,
            "ssim": float(ssim(x, x_0).mean()), "psnr": float(psnr(x, x_0).mean()),
        }  # fmt: skip
        if measured:
            # Of too few images there is none, and the numbers of each pair stand alone.
            for frechet in evaluate(x, data, metric, seed=seed, warn=lambda _: None)[:1]:
                record |= {"frechet": frechet["value"], "baseline": frechet["baseline"]}
        records.append(record)
    return records
