"""What holds for every trajectory: where it ends, what it depends on, and what it leaves alone."""

from __future__ import annotations

import pickle
from itertools import pairwise

import torch

from genlab.components.degradation import Degradation
from genlab.components.sampler import Sampler
from genlab.testing.check import (
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    seeded,
)
from genlab.testing.elsewhere import require_no_float64
from genlab.testing.sampler.case import STEPS, Case, Known, named, wrong

__all__ = ["TRAJECTORIES"]


def _requires_a_degradation(case: Case) -> None:
    """What it requires is a class of degradations, of which one is at hand to be walked back."""
    requires = case.sampler.requires
    require(
        isinstance(requires, type) and issubclass(requires, Degradation),
        f"requires = {requires!r} is no class of degradations",
    )
    require(bool(case.degradations), f"no {requires.__name__} is at hand: give some degradations")
    for degradation in case.degradations:
        require(isinstance(degradation, requires), f"{degradation!r} is no {requires.__name__}")
    require(case.sampler.usual_steps > 0, f"usual_steps = {case.sampler.usual_steps}")


def _grid_from_one_to_zero(case: Case) -> None:
    """grid(steps, degradation) has steps + 1 strictly decreasing times from exactly 1 to exactly 0."""
    for degradation in case.degradations:
        for steps in (*STEPS, case.sampler.usual_steps):
            grid = case.sampler.grid(steps, degradation)
            name = f"grid({steps}), {named(degradation)},"
            require(grid.shape == (steps + 1,), f"{name} has the shape {tuple(grid.shape)}")
            ends = float(grid[0]), float(grid[-1])
            require(ends == (1.0, 0.0), f"{name} goes from {ends[0]!r} to {ends[1]!r}")
            rising = (grid.diff() >= 0).nonzero().flatten().tolist()
            require(not rising, f"{name} does not fall after {rising[:1]}")


def _deterministic_given_state(case: Case) -> None:
    """Two trajectories with the same start, restorer and seed give the same bits."""
    for degradation in case.degradations:
        for steps in (1, 5):
            first, second = (case.start(degradation, wrong).end(steps) for _ in range(2))
            require_equal(second, first, f"two trajectories, {named(degradation)}, {steps} steps")


def _no_hidden_state(case: Case) -> None:
    """Nothing is kept in self: interleaved trajectories do not meet, and the attributes stay as they are."""
    before = _frozen(case.sampler)
    for degradation in case.degradations:
        alone = [case.start(degradation, wrong, seed=seed).end(5) for seed in (5, 11)]
        trajectories = [case.start(degradation, wrong, seed=seed) for seed in (5, 11)]
        for t, s in pairwise(case.sampler.grid(5, degradation)):
            trajectories = [trajectory.step(t, s) for trajectory in trajectories]
        for trajectory, want in zip(trajectories, alone, strict=True):
            require_equal(
                trajectory.x_t, want, f"two interleaved trajectories, {named(degradation)}"
            )
    changed = [name for name, value in _frozen(case.sampler).items() if value != before.get(name)]
    require(not changed, f"a trajectory changes the attributes {changed} of the sampler")


def _generator_decides(case: Case) -> None:
    """What makes trajectories differ that start alike is drawn from the generator that init() was given."""
    for degradation in case.degradations:
        one = case.data(torch.float64)[:1]
        x_0, t = one.expand(2, -1).clone(), one.new_ones(2)
        z = degradation.draw(one, generator=seeded(5))
        z = None if z is None else z.repeat_interleave(2, 0)
        x_1 = degradation.degrade(x_0, t, z)
        ends = [case.begin(degradation, wrong, x_1, t, z, seed).end(7) for seed in (6, 11)]
        if torch.allclose(ends[0][0], ends[0][1], rtol=0, atol=1e-6):
            continue  # nothing is drawn
        require(
            not torch.allclose(ends[0], ends[1], rtol=0, atol=1e-6),
            f"two trajectories from one state differ, but not when the seed does, {named(degradation)}",
        )


def _inputs_not_mutated(case: Case) -> None:
    """step() does not write into x_t, t or s."""
    for degradation in case.degradations:
        trajectory = case.start(degradation, wrong)
        n = len(trajectory.x_t)
        x_t, t, s = trajectory.x_t.clone(), torch.full((n,), 1.0), torch.full((n,), 0.5)
        case.sampler.step(trajectory.restorer, x_t, t, s, trajectory.state)
        require(torch.equal(x_t, trajectory.x_t), f"step() writes into x_t, {named(degradation)}")
        require(bool((t == 1.0).all()), f"step() writes into t, {named(degradation)}")
        require(bool((s == 0.5).all()), f"step() writes into s, {named(degradation)}")


def _perfect_restorer_ends_at_truth(case: Case) -> None:
    """With a restorer that knows x_0 the trajectory ends at x_0, from t = 1 and from half-way."""
    x_0 = case.data(torch.float64)
    for degradation in case.degradations:
        for steps in STEPS:
            for time in (1.0, 0.5):
                trajectory = case.start(degradation, lambda *_: x_0, time=time, dtype=torch.float64)
                example = f"{named(degradation)}, {steps} steps from t = {time}"
                require_close(trajectory.end(steps, time), x_0, 1e-4, example)


def _global_rng_untouched(case: Case) -> None:
    """All randomness comes from the generator given to init()."""
    for degradation in case.degradations:
        with global_rng_untouched(f"a trajectory, {named(degradation)},"):
            case.start(degradation, wrong).end(3)


def _finite(case: Case) -> None:
    """With a restorer that is wrong, the trajectory stays finite for any number of steps."""
    for degradation in case.degradations:
        for steps in STEPS:
            end = case.start(degradation, wrong).end(steps)
            example = f"{named(degradation)}, {steps} steps"
            require(
                bool(end.isfinite().all()), f"{example}: the trajectory ends at values not finite"
            )


def _shape_and_dtype_kept(case: Case) -> None:
    """x_s has the shape and dtype of x_t, whatever the dtype of the times."""
    for degradation in case.degradations:
        for dtype in (torch.float32, torch.float64):
            trajectory = case.start(degradation, wrong, dtype=dtype)
            for t, s in pairwise(case.sampler.grid(2, degradation)):
                trajectory = trajectory.step(t, s)
                example = f"{named(degradation)}, t = {float(t)}, s = {float(s)}"
                require(
                    trajectory.x_t.dtype == dtype, f"{trajectory.x_t.dtype} from {dtype}, {example}"
                )
                require(
                    trajectory.x_t.shape == (4, 3),
                    f"shape {tuple(trajectory.x_t.shape)} from (4, 3), {example}",
                )


def _no_float64_off_the_cpu(case: Case) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    for degradation in case.degradations:
        for steps in (1, 4):
            with require_no_float64(f"{named(degradation)}, {steps} steps") as device:
                x_0, generator = case.data().to(device), seeded(5, device)
                t = torch.ones(len(x_0)).to(device)
                z = degradation.draw(x_0, generator=generator)
                restorer, x_t = Known(degradation, wrong), degradation.degrade(x_0, t, z)
                state = case.sampler.init(restorer, x_t, t, z, generator=generator)
                times = case.sampler.grid(steps, degradation).float().to(device)
                for at, to in pairwise(times):
                    both = at.expand(len(x_t)), to.expand(len(x_t))
                    x_t, state = case.sampler.step(restorer, x_t, *both, state)


TRAJECTORIES = (
    _requires_a_degradation,
    _grid_from_one_to_zero,
    _deterministic_given_state,
    _no_hidden_state,
    _generator_decides,
    _inputs_not_mutated,
    _perfect_restorer_ends_at_truth,
    _global_rng_untouched,
    _finite,
    _shape_and_dtype_kept,
    _no_float64_off_the_cpu,
)


def _frozen(sampler: Sampler) -> dict[str, bytes]:
    def freeze(value: object) -> bytes:
        try:
            return pickle.dumps(value)
        except (pickle.PicklingError, TypeError, AttributeError):
            return repr(value).encode()

    return {name: freeze(value) for name, value in vars(sampler).items()}
