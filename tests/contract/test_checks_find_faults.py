"""Each check is run on a component with one planted fault, and alone finds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.errors import RequestError
from genlab.protocols import (
    Backbone,
    BackboneTags,
    Dataset,
    DataSpec,
    DegradationTags,
    Density,
    DensityTags,
    Examples,
    Flow,
    PointSet,
    Sampler,
    SamplerTags,
    Split,
    explain,
)
from genlab.testing import (
    Check,
    ContractError,
    CosineNoise,
    Fade,
    backbone_checks,
    check_backbone,
    check_dataset,
    check_degradation,
    check_density,
    check_sampler,
    checks_of,
    dataset_checks,
    degradation_checks,
    density_checks,
    parametrize_with_checks,
    sampler_checks,
)
from genlab.testing.check import failures


def found(checks: Iterable[Check]) -> list[str]:
    return [failure.check.name for failure in failures(checks)]


# --- degradations -------------------------------------------------------------------------------------

PLAIN = DegradationTags(data=frozenset({"image", "vector"}))


class Broken(Fade):
    """A fade without promises, so that a fault touches few clauses."""

    tags = PLAIN


class NotIdentity(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, t, z) + 1e-6


class NotDeterministic(Broken):
    def __init__(self) -> None:
        self.calls = 0

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        self.calls += 1
        x_t = super().degrade(x_0, t, z)
        wrong = x_t * (1 + 2e-7 * (self.calls % 2))
        return torch.where(t.reshape(-1, *[1] * (x_0.ndim - 1)) > 0, wrong, x_t)


class SeesTheBatch(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        others = x_0.mean(0, keepdim=True) - x_0.mean()
        return super().degrade(x_0, t, z) + 1e-3 * t.reshape(-1, *[1] * (x_0.ndim - 1)) * others


class WritesIntoTime(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        t.clamp_(min=1e-3)
        return x_t


class ReturnsItsInput(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return x_0.copy_(super().degrade(x_0, t, z))


class AlwaysDouble(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, t, z).double()


class GlobalRandomness(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        torch.rand(1)
        return super().degrade(x_0, t, z)


class Plateau(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, torch.minimum(t, (1.25 * t - 0.25).clamp(min=0.6)), z)


class Jump(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, torch.where(t > 0.5, 0.2 + 0.8 * t, 0.8 * t), z)


class Leak(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, 0.7 * t, z)


class NaNOfConstants(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        spread = x_0.flatten(1).std(1).reshape(-1, *[1] * (x_0.ndim - 1))
        last = t.reshape(spread.shape) == 1
        return torch.where(last, x_t / spread * spread, x_t)


class WrongSummary(Broken):
    def summarize(self, x_1: Tensor) -> Tensor:
        return super().summarize(x_1) * 1.01


class KeepsEverything(Broken):
    def summarize(self, x_1: Tensor) -> Tensor:
        return x_1.flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return c.reshape(len(c), *shape).clone()


class Unpicklable(Broken):
    def __init__(self) -> None:
        self.curve = lambda t: t


class DrawsNothing(Broken):
    tags = replace(PLAIN, stochastic=True)


class HasNoInverse(Broken):
    tags = replace(PLAIN, invertible=True)
    invert = None  # type: ignore[assignment]


class WrongAdjoint(Fade):
    def A_adjoint(self, y: Tensor, t: Tensor) -> Tensor:
        return super().A_adjoint(y, t).flip(-1)


class NotLinear(Fade):
    tags = replace(PLAIN, linear=True)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        odd = t.reshape(-1, *[1] * (x_0.ndim - 1)) * (x_0.tanh() - x_0)
        return x_t + 0.1 * (1 - t.reshape(odd.shape)) * odd

    def A(self, x: Tensor, t: Tensor) -> Tensor:
        return Fade.degrade(self, x, t, None)

    def A_adjoint(self, y: Tensor, t: Tensor) -> Tensor:
        return self.A(y, t)


class ComesBack(Fade):
    """A fade through the mean, to the other side, and back to it: what was lost half-way returns."""

    tags = replace(PLAIN, linear=True, semigroup=True)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, t * (4 * t**2 - 8 * t + 5), z)

    def A(self, x: Tensor, t: Tensor) -> Tensor:
        return self.degrade(x, t, None)

    def A_adjoint(self, y: Tensor, t: Tensor) -> Tensor:
        return self.degrade(y, t, None)


class WrongInverse(Fade):
    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().invert(x_t, 1.01 * t, z)


class WrongNoise(CosineNoise):
    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        return 1.01 * super().noise(x_t, x_0, t)


class NoiseAtZero(CosineNoise):
    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        at_zero = (t == 0).reshape(-1, *[1] * (x_t.ndim - 1))
        return torch.where(at_zero, x_t - x_0 + 1, super().noise(x_t, x_0, t))


class SharedNoise(CosineNoise):
    """Draws with the right seed, but from the global generator as well."""

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        torch.randn(1)
        return super().draw(x_0, generator=generator)


class FixedSeed(CosineNoise):
    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        return super().draw(x_0, generator=torch.Generator(x_0.device).manual_seed(0))


class ForgetsItsSeed(CosineNoise):
    """Expands with a generator of its own that goes on and on."""

    def __init__(self) -> None:
        self.seed = 0

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        self.seed += 1
        own = torch.Generator(c.device).manual_seed(self.seed)
        return super().expand(c, shape, generator=own)


class QuietPrior(CosineNoise):
    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return 0.5 * super().expand(c, shape, generator=generator)


class NoisyLeak(CosineNoise):
    """Noise that keeps a third of the data at t = 1."""

    tags = replace(CosineNoise.tags, semigroup=False)

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - 0.67 * t

    def sigma(self, t: Tensor) -> Tensor:
        return 1 - self.alpha(t)


class FlatNoise(CosineNoise):
    """An amplitude that turns back a little in a way that only its own clause sees."""

    def log_snr(self, t: Tensor) -> Tensor:
        return super().log_snr(t) / 2


class ImpreciseNoise(CosineNoise):
    """The noise's amplitude from 1 - alpha^2, which cancels in float32 near t = 0."""

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self.alpha(t).square()).clamp_min(0).sqrt()


class BiasedNoise(CosineNoise):
    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        return super().draw(x_0, generator=generator) + 0.05


class LosesNoise(CosineNoise):
    """Sigma falls faster than the data's amplitude can explain."""

    def alpha(self, t: Tensor) -> Tensor:
        return (-4.0 * t).exp()

    def sigma(self, t: Tensor) -> Tensor:
        return 1 - (-40 * t).exp() + 1e-3 * t - (t > 0.2) * 0.01 * (t - 0.2) * 0

    tags = CosineNoise.tags


DEGRADATIONS: list[tuple[Callable[[], Any], str]] = [
    (NotIdentity, "identity_at_zero"),
    (NotDeterministic, "deterministic_given_z"),
    (SeesTheBatch, "batch_independent"),
    (WritesIntoTime, "inputs_not_mutated"),
    (ReturnsItsInput, "inputs_not_mutated"),
    (AlwaysDouble, "shape_dtype_device"),
    (GlobalRandomness, "global_rng_untouched"),
    (Plateau, "no_plateau"),
    (Jump, "continuous_in_time"),
    (Leak, "terminal_state_is_explained"),
    (NaNOfConstants, "finite_everywhere"),
    (WrongSummary, "summary_round_trip"),
    (KeepsEverything, "summary_is_small"),
    (Unpicklable, "picklable"),
    (DrawsNothing, "draw_fits_tag"),
    (WrongAdjoint, "adjoint"),
    (NotLinear, "linear_map"),
    (ComesBack, "semigroup_of_maps"),
    (WrongInverse, "inverse"),
    (WrongNoise, "noise_explains"),
    (NoiseAtZero, "noise_explains"),
    (SharedNoise, "global_rng_untouched"),
    (FixedSeed, "draw_fits_tag"),
    (ForgetsItsSeed, "reproducible_from_generator"),
    (QuietPrior, "terminal_state_is_explained"),
    (NoisyLeak, "terminal_state_is_explained"),
    (FlatNoise, "gaussian_log_snr"),
    (ImpreciseNoise, "gaussian_amplitudes"),
    (BiasedNoise, "gaussian_mixture"),
]


@pytest.mark.parametrize(("broken", "check"), DEGRADATIONS)
def test_degradation(broken: Callable[[], Any], check: str) -> None:
    assert found(degradation_checks(broken())) == [check]


def test_a_missing_method_is_named() -> None:
    with pytest.raises(ContractError, match=r"tags\.invertible is true.*no method invert"):
        check_degradation(HasNoInverse())


@pytest.mark.parametrize("sound", [Fade, CosineNoise, Broken])
def test_sound_degradations_pass(sound: Callable[[], Any]) -> None:
    check_degradation(sound())
