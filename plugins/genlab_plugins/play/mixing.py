"""The way from one sample to another."""

from __future__ import annotations

from torch import Tensor

from genlab import DiffusionModel, Flow, Run

__all__ = ["can_mix", "mixed"]


def can_mix(run: Run) -> bool:
    """Say whether a run has something to interpolate in: degraded states, or a latent space."""
    return isinstance(run.model, DiffusionModel) or isinstance(run.density, Flow)


def mixed(
    run: Run,
    a: Tensor,
    b: Tensor,
    *,
    t: float,
    points: int = 9,
    steps: int | None = None,
    seed: int = 0,
) -> Tensor:
    """Interpolate between two samples.

    Args:
        run: The run.
        a: Where the path begins, ``(*shape)``.
        b: Where it ends.
        t: How far both are degraded; a flow takes no notice.
        points: Points of the path.
        steps: Steps of a trajectory; None: those of the run.
        seed: Seed of everything random.

    Returns:
        ``(points, *shape)``.
    """
    return run.interpolate(a, b, points, t, steps=steps, seed=seed)
