"""Checks of samplers, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Degradation, DiagonalDegradation, GaussianDegradation, Restores, Sampler
from genlab.testing import check_sampler, component_checks, sampler_checks
from genlab.testing.tiny import StepDown

_SEEDS = iter(range(1_000_000))


class StopsShort(StepDown):
    def grid(self, steps: int, degradation: Degradation) -> Tensor:
        return torch.linspace(1, 1e-6, steps + 1)


class Remembers(StepDown):
    """Keeps a moving average in self, and forgets it when a trajectory begins."""

    def init(self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: Any) -> Any:
        self.last: Tensor | None = None
        return z

    def step(self, restorer: Any, x_t: Tensor, *rest: Any) -> tuple[Tensor, Any]:
        x_s, state = super().step(restorer, x_t, *rest)
        fresh = self.last is None or self.last.dtype != x_s.dtype
        last, self.last = (x_s if fresh else self.last), x_s
        return x_s if bool((rest[1] == 0).all()) else x_s + 0.01 * last, state


class Counts(StepDown):
    def __init__(self) -> None:
        self.steps = 0

    def step(self, *args: Any) -> tuple[Tensor, Any]:
        self.steps += 1
        return super().step(*args)


class DoubleTimes(StepDown):
    """Takes float64 to where the data lies."""

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        return x_s + 0 * t.double().to(x_t.dtype)[:, None], state


class GlobalNoise(StepDown):
    def step(self, *args: Any) -> tuple[Tensor, Any]:
        torch.rand(1)
        return super().step(*args)


class NotRepeatable(StepDown):
    """In a trajectory of one step a source that no seed reaches decides, unless the estimate is certain."""

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        if float(t[0]) == 1 and float(s[0]) == 0:
            generator = torch.Generator().manual_seed(next(_SEEDS))
            x_s = x_s + torch.rand(1, generator=generator).to(x_s) * (
                restorer(x_s, s) - restorer(x_t, t)
            )
        return x_s, state


class WritesIntoData(StepDown):
    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        result = super().step(restorer, x_t, t, s, state)
        x_t.zero_()
        return result


class MissesTheTruth(StepDown):
    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        return 0.99 * x_s + 0.01 * x_t, state


class Explodes(StepDown):
    """Divides by zero in float32 when its steps are short."""

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        return (x_s / (t - s > 0.03)[:, None] if x_s.dtype == torch.float32 else x_s), state


class AlwaysFloat(StepDown):
    def step(self, *args: Any) -> tuple[Tensor, Any]:
        x_s, state = super().step(*args)
        return x_s.float(), state


class RequiresNoDegradation(StepDown):
    requires = dict  # type: ignore[assignment]


class RequiresWhatIsNotThere(StepDown):
    class Unknown(Degradation):
        pass

    requires = Unknown


class Ancestral(StepDown):
    """Adds fresh noise in every step but the last."""

    def init(self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: Any) -> Any:
        return z, generator

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        z, generator = state
        x_s, _ = super().step(restorer, x_t, t, s, z)
        noise = torch.randn(x_s.shape, generator=generator, dtype=x_s.dtype, device=x_s.device)
        return x_s + 0.1 * s[:, None].to(x_s) * noise, state


class OwnGenerator(Ancestral):
    """Ignores the generator that init() is given."""

    def init(self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: Any) -> Any:
        return z, torch.Generator(x_t.device).manual_seed(0)


class DDIM(StepDown):
    """On noise, restoring and degrading a little less is DDIM."""

    requires = DiagonalDegradation


class TooFar(DDIM):
    """Every step goes 5 % too far, but the last."""

    factor = 1.05

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        inside = (s > 0)[:, None]
        return torch.where(inside, x_t + self.factor * (x_s - x_t), x_s), state


class NotFarEnough(TooFar):
    factor = 0.95


class TooMuchNoise(DDIM):
    """Keeps 5 % too much of the noise in every step."""

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        degradation = restorer.degradation
        assert isinstance(degradation, DiagonalDegradation)
        kept = degradation.A(restorer(x_t, t), s.to(x_t), None)
        return kept + 1.05 * (x_s - kept), state


class OneRateForAll(StepDown):
    """Takes the schedule of the first coordinate for that of all."""

    requires = DiagonalDegradation

    def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        degradation = restorer.degradation
        assert isinstance(degradation, DiagonalDegradation)
        (a, b), (c, d) = (degradation.amplitudes(r.to(x_t), x_t) for r in (t, s))
        a, c = a[..., :1], c[..., :1]
        x_0 = restorer(x_t, t)
        return c * x_0 + d / b * (x_t - a * x_0), state


FAULTS: list[tuple[Callable[[], Sampler], str]] = [
    (DoubleTimes, "no_float64_off_the_cpu"),
    (StopsShort, "grid_from_one_to_zero"),
    (Remembers, "no_hidden_state"),
    (Counts, "no_hidden_state"),
    (GlobalNoise, "global_rng_untouched"),
    (NotRepeatable, "deterministic_given_state"),
    (OwnGenerator, "generator_decides"),
    (WritesIntoData, "inputs_not_mutated"),
    (MissesTheTruth, "perfect_restorer_ends_at_truth"),
    (Explodes, "finite"),
    (AlwaysFloat, "shape_and_dtype_kept"),
    (RequiresNoDegradation, "requires_a_degradation"),
    (RequiresWhatIsNotThere, "requires_a_degradation"),
    (TooFar, "variance_at_the_end"),
    (NotFarEnough, "variance_at_the_end"),
    (TooMuchNoise, "variance_at_the_end"),
    (OneRateForAll, "variance_at_the_end"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: Callable[[], Sampler], check: str, found: Any) -> None:
    assert found(sampler_checks(broken())) == [check]


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in sampler_checks(DDIM())}
    of_every_role = {check.name for check in component_checks(DDIM)}
    assert names - of_every_role == {check for _, check in FAULTS}


def test_one_that_requires_too_little_shows_once(found: Any) -> None:
    """It asks for a schedule of any degradation: one error, not one for each check."""

    class AsksForAlpha(StepDown):
        def step(self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
            restorer.degradation.alpha(t)  # type: ignore[attr-defined]
            return super().step(restorer, x_t, t, s, state)

    assert len(found(sampler_checks(AsksForAlpha()))) == 1
    AsksForAlpha.requires = GaussianDegradation
    assert found(sampler_checks(AsksForAlpha())) == []


@pytest.mark.parametrize("sound", [StepDown, Ancestral, DDIM])
def test_sound_ones_pass(sound: Callable[[], Sampler]) -> None:
    check_sampler(sound())
