"""The contract of a sampler, walked on degradations that its tags accept."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from genlab.errors import RequestError
from genlab.protocols import Degradation, DegradationTags, Sampler
from genlab.testing.check import (
    Check,
    bind,
    example_data,
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    run_checks,
    seeded,
)
from genlab.testing.reference import CosineNoise, Fade

__all__ = ["check_sampler", "sampler_checks"]


def check_sampler(instance: Sampler, *, degradations: Sequence[Degradation] | None = None) -> None:
    """Check a sampler against its contract.

    Args:
        instance: The sampler.
        degradations: What to walk back; they must have the tags that the sampler needs and take vectors
            of 3 numbers. None: a small Gaussian one and a deterministic one, where they fit.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, sampler_checks(instance, degradations=degradations))


def sampler_checks(
    instance: Sampler, *, degradations: Sequence[Degradation] | None = None
) -> Iterator[Check]:
    """Yield the checks of a sampler.

    Args:
        instance: The sampler.
        degradations: See :func:`check_sampler`.
    """
    if degradations is None:
        degradations = [d for d in (CosineNoise(), Fade()) if _fits(instance, d)]
    yield from bind(_CHECKS, _Case(instance, tuple(degradations)))


Guess = Callable[[Tensor, Tensor], Tensor]


class _Restorer:
    """A restorer with a known answer, which insists on being called by its contract."""

    def __init__(self, degradation: Degradation, guess: Guess) -> None:
        self.degradation = degradation
        self.guess = guess

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        require(
            t.shape == (len(x_t),),
            f"the restorer is called with t of shape {tuple(t.shape)}, not ({len(x_t)},)",
        )
        return self.guess(x_t, t)


@dataclass(frozen=True)
class _Walk:
    """A walk that is advanced by hand."""

    sampler: Sampler
    restorer: _Restorer
    x_t: Tensor
    state: Any

    def step(self, t: Tensor, s: Tensor) -> _Walk:
        n = len(self.x_t)
        times = t.expand(n).clone(), s.expand(n).clone()
        x_s, state = self.sampler.step(self.restorer, self.x_t.clone(), *times, self.state)
        return _Walk(self.sampler, self.restorer, x_s, state)


@dataclass(frozen=True)
class _Case:
    sampler: Sampler
    degradations: tuple[Degradation, ...]

    def data(self, dtype: torch.dtype = torch.float32) -> Tensor:
        return example_data((3,), 4, dtype=dtype)

    def start(
        self,
        degradation: Degradation,
        guess: Guess,
        *,
        time: float = 1.0,
        seed: int = 5,
        dtype: torch.dtype = torch.float32,
    ) -> _Walk:
        x_0 = self.data(dtype)
        t = x_0.new_full((len(x_0),), time)
        z = degradation.draw(x_0, generator=seeded(seed))
        x_t = degradation.degrade(x_0, t, z)
        restorer = _Restorer(degradation, guess)
        state = self.sampler.init(restorer, x_t.clone(), t, z, generator=seeded(seed + 1))
        return _Walk(self.sampler, restorer, x_t, state)

    def end(self, walk: _Walk, steps: int, time: float = 1.0) -> Tensor:
        times = self.sampler.grid(steps, walk.restorer.degradation) * time
        for t, s in pairwise(times):
            walk = walk.step(t, s)
        return walk.x_t


_STEPS = (1, 2, 7, 50)


def _needs_are_tags(case: _Case) -> None:
    """tags.needs names tags of degradations, and there is a degradation to walk back."""
    needs, known = case.sampler.tags.needs, {f.name for f in fields(DegradationTags)} - {"data"}
    unknown = sorted(needs - known)
    require(not unknown, f"tags.needs = {sorted(needs)}: {unknown} are no tags of a degradation")
    require(bool(case.degradations), f"no degradation at hand has {sorted(needs)}: give some")
    require(case.sampler.tags.steps > 0, f"tags.steps = {case.sampler.tags.steps}")


def _grid_from_one_to_zero(case: _Case) -> None:
    """grid(steps, degradation) has steps + 1 strictly decreasing times from exactly 1 to exactly 0."""
    for degradation in case.degradations:
        for steps in (*_STEPS, case.sampler.tags.steps):
            grid = case.sampler.grid(steps, degradation)
            name = f"grid({steps}), {_named(degradation)},"
            require(grid.shape == (steps + 1,), f"{name} has the shape {tuple(grid.shape)}")
            ends = float(grid[0]), float(grid[-1])
            require(ends == (1.0, 0.0), f"{name} goes from {ends[0]!r} to {ends[1]!r}")
            rising = (grid.diff() >= 0).nonzero().flatten().tolist()
            require(not rising, f"{name} does not fall after {rising[:1]}")


def _deterministic_given_state(case: _Case) -> None:
    """Two walks with the same start, restorer and seed give the same bits."""
    for degradation in case.degradations:
        for steps in (1, 5):
            first, second = (case.end(case.start(degradation, _wrong), steps) for _ in range(2))
            require_equal(second, first, f"two walks, {_named(degradation)}, {steps} steps")


def _no_hidden_state(case: _Case) -> None:
    """Nothing is kept in self: interleaved walks do not meet, and the attributes stay as they are."""
    before = _frozen(case.sampler)
    for degradation in case.degradations:
        alone = [case.end(case.start(degradation, _wrong, seed=seed), 5) for seed in (5, 11)]
        walks = [case.start(degradation, _wrong, seed=seed) for seed in (5, 11)]
        for t, s in pairwise(case.sampler.grid(5, degradation)):
            walks = [walk.step(t, s) for walk in walks]
        for walk, want in zip(walks, alone, strict=True):
            require_equal(walk.x_t, want, f"two interleaved walks, {_named(degradation)}")
    changed = [name for name, value in _frozen(case.sampler).items() if value != before.get(name)]
    require(not changed, f"a walk changes the attributes {changed} of the sampler")


def _inputs_not_mutated(case: _Case) -> None:
    """step() does not write into x_t, t or s."""
    for degradation in case.degradations:
        walk = case.start(degradation, _wrong)
        n = len(walk.x_t)
        x_t, t, s = walk.x_t.clone(), torch.full((n,), 1.0), torch.full((n,), 0.5)
        case.sampler.step(walk.restorer, x_t, t, s, walk.state)
        require(torch.equal(x_t, walk.x_t), f"step() writes into x_t, {_named(degradation)}")
        require(bool((t == 1.0).all()), f"step() writes into t, {_named(degradation)}")
        require(bool((s == 0.5).all()), f"step() writes into s, {_named(degradation)}")


def _perfect_restorer_ends_at_truth(case: _Case) -> None:
    """With a restorer that knows x_0 the walk ends at x_0, from t = 1 and from half-way."""
    x_0 = case.data(torch.float64)
    for degradation in case.degradations:
        for steps in _STEPS:
            for time in (1.0, 0.5):
                walk = case.start(degradation, lambda *_: x_0, time=time, dtype=torch.float64)
                example = f"{_named(degradation)}, {steps} steps from t = {time}"
                require_close(case.end(walk, steps, time), x_0, 1e-4, example)


def _global_rng_untouched(case: _Case) -> None:
    """All randomness comes from the generator given to init()."""
    for degradation in case.degradations:
        with global_rng_untouched(f"a walk, {_named(degradation)},"):
            case.end(case.start(degradation, _wrong), 3)


def _finite(case: _Case) -> None:
    """With a restorer that is wrong, the walk stays finite for any number of steps."""
    for degradation in case.degradations:
        for steps in _STEPS:
            end = case.end(case.start(degradation, _wrong), steps)
            example = f"{_named(degradation)}, {steps} steps"
            require(bool(end.isfinite().all()), f"{example}: the walk ends at values not finite")


def _shape_and_dtype_kept(case: _Case) -> None:
    """x_s has the shape and dtype of x_t, whatever the dtype of the times."""
    for degradation in case.degradations:
        for dtype in (torch.float32, torch.float64):
            walk = case.start(degradation, _wrong, dtype=dtype)
            for t, s in pairwise(case.sampler.grid(2, degradation)):
                walk = walk.step(t, s)
                example = f"{_named(degradation)}, t = {float(t)}, s = {float(s)}"
                require(walk.x_t.dtype == dtype, f"{walk.x_t.dtype} from {dtype}, {example}")
                require(
                    walk.x_t.shape == (4, 3),
                    f"shape {tuple(walk.x_t.shape)} from (4, 3), {example}",
                )


_CHECKS = (
    _needs_are_tags,
    _grid_from_one_to_zero,
    _deterministic_given_state,
    _no_hidden_state,
    _inputs_not_mutated,
    _perfect_restorer_ends_at_truth,
    _global_rng_untouched,
    _finite,
    _shape_and_dtype_kept,
)


def _fits(sampler: Sampler, degradation: Degradation) -> bool:
    """Whether the tags of the degradation suffice, for the grid of this instance, too."""
    if not all(getattr(degradation.tags, tag, False) for tag in sampler.tags.needs):
        return False
    try:
        sampler.grid(1, degradation)
    except RequestError:
        return False
    return True


def _wrong(x_t: Tensor, t: Tensor) -> Tensor:
    """An estimate that depends on the state and the time, so that every step leaves a trace."""
    return (x_t + t[:, None].to(x_t.dtype)).sin()


def _named(degradation: Degradation) -> str:
    return f"degradation {type(degradation).__name__}"


def _frozen(sampler: Sampler) -> dict[str, bytes]:
    def freeze(value: object) -> bytes:
        try:
            return pickle.dumps(value)
        except (pickle.PicklingError, TypeError, AttributeError):
            return repr(value).encode()

    return {name: freeze(value) for name, value in vars(sampler).items()}
