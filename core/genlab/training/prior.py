"""Fitting the prior of the fully degraded state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from genlab.components.dataset import DataSpec, Examples
from genlab.components.degradation import Degradation
from genlab.components.density import Density, FittedDensity, ImplicitDensity
from genlab.components.optimiser import MakeOptimiser, Optimiser
from genlab.components.registry import build
from genlab.diffusion.prior import Prior, summaries, summary_spec
from genlab.errors import RequestError
from genlab.seeds import generator_of, sub_seed
from genlab.training.fitted import MOST
from genlab.training.objectives import Likelihood
from genlab.training.training import fit

__all__ = ["PRIOR_SETTINGS", "fit_prior"]

PRIOR_SETTINGS: Mapping[str, Any] = {"steps": 3000, "batch": 512, "clip": 50.0}
"""How a prior is trained that is not fitted at once, where nothing else is said."""


def fit_prior(
    degradation: Degradation,
    examples: Examples,
    spec: DataSpec | None = None,
    *,
    density: str | Density | Callable[[DataSpec], Density] | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    optimiser: Optimiser | MakeOptimiser | None = None,
    log: Callable[[Mapping[str, float]], None] | None = None,
    **settings: Any,
) -> Prior:
    """Fit the prior of fully degraded states.

    Args:
        degradation: What degrades the data.
        examples: The training split.
        spec: What the data is. None: images, series or volumes of the examples' shape in 256 levels, or
            vectors, without classes.
        density: A density by name, as an object that was built for the summaries, or as a class or function
            of their spec. None: what the degradation advises.
        seed: Seed of all that is random.
        device: Where a density that is not fitted at once is trained.
        optimiser: The rule that changes its weights. None: AdamW.
        log: Is called with the numbers of every logged step of such a training.
        settings: Settings of such a training, fields of :class:`~genlab.training.TrainingSettings`.

    Returns:
        The prior; one without a density where the degradation leaves nothing.

    Raises:
        RequestError: There is no such density or setting, or a training is described of a density that is
            fitted at once.

    Example:
        >>> import genlab
        >>> data = genlab.load("digits")
        >>> prior = fit_prior(genlab.build("degradation", "blur"), data.train)
        >>> x_1, z = prior.sample(4, generator=torch.Generator().manual_seed(0))
        >>> x_1.shape
        torch.Size([4, 1, 8, 8])
    """
    spec = _spec_of(examples) if spec is None else spec
    left = summary_spec(degradation, spec)
    if not left.shape[0]:
        return Prior(degradation, spec, None)
    chosen = degradation.advice().prior if density is None else density
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sub_seed(seed, "prior weights"))
        if isinstance(chosen, str):
            built: Density = build("density", chosen, left)
        else:
            built = chosen if isinstance(chosen, Density) else chosen(left)
    if isinstance(built, FittedDensity) and (settings or optimiser is not None):
        told = ", ".join([*settings, *(["optimiser"] if optimiser is not None else [])])
        raise RequestError(
            f"{told}: the prior {type(built).__name__} is fitted at once, and not trained"
        )
    generator = generator_of(seed, "prior")
    c, y = summaries(degradation, examples, most=MOST, generator=generator)
    if isinstance(built, FittedDensity):
        built.fit(c, y, generator=generator)
    else:
        own = built.objective() if isinstance(built, ImplicitDensity) else None
        fit(
            own or Likelihood(built), Examples(c, y), optimiser=optimiser, seed=seed, device=device, log=log,
            **{**_without_budget(settings), **settings},
        )  # fmt: skip
    return Prior(degradation, spec, built.eval())


def _without_budget(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usual settings, without their budget where another one is given."""
    budgeted = any(given.get(unit) is not None for unit in ("steps", "epochs", "minutes"))
    return {k: v for k, v in PRIOR_SETTINGS.items() if not (budgeted and k == "steps")}


def _spec_of(examples: Examples) -> DataSpec:
    shape = tuple(examples.x.shape[1:])
    kinds: dict[int, Any] = {1: "vector", 2: "series", 3: "image", 4: "volume"}
    return DataSpec(shape, kinds[len(shape)])
