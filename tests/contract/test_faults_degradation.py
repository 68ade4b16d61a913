"""Checks of every degradation, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Advice, Degradation, DegradationTags, right_expand
from genlab.testing import CosineNoise, Fade, NoisyFade, check_degradation, degradation_checks

SHAPES = [(5,), (1, 8, 8), (2, 4, 6)]
PLAIN = DegradationTags(data=frozenset({"image", "vector"}))


class Plain(Degradation):
    """A fade without promises, so that a fault touches few clauses."""

    tags = PLAIN
    draw = Fade.draw
    degrade = Fade.degrade
    summarize = Fade.summarize
    expand = Fade.expand


class UnknownKind(Plain):
    tags = DegradationTags(data=frozenset({"image", "sound"}))  # type: ignore[arg-type]


class AdvisesNothingThere(Plain):
    def advice(self) -> Advice:
        return Advice(sampler="coldd")


class AdvisesTheWrongSampler(Plain):
    def advice(self) -> Advice:
        return Advice(sampler="ddim")


class AdvisesTheWrongPrediction(Plain):
    def advice(self) -> Advice:
        return Advice(prediction="eps")


class NotIdentity(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, t, z) + 1e-6


class NotDeterministic(Plain):
    def __init__(self) -> None:
        self.calls = 0

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        self.calls += 1
        x_t = super().degrade(x_0, t, z)
        wrong = x_t * (1 + 2e-7 * (self.calls % 2))
        several = (t != t[0]).any()  # at one time alone nothing is wrong
        return torch.where((right_expand(t, x_0) > 0) & several, wrong, x_t)


class SeesTheBatch(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        others = x_0.mean(0, keepdim=True) - x_0.mean()
        return super().degrade(x_0, t, z) + 1e-3 * right_expand(t, x_0) * others


class SeesLargeBatches(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        others = x_0.mean(0, keepdim=True) if 64 < len(x_0) < 200 else 0
        return super().degrade(x_0, t, z) + 0.1 * right_expand(t, x_0) * others


class WritesIntoTime(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        t.clamp_(min=1e-3)
        return x_t


class ReturnsItsInput(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return x_0.copy_(super().degrade(x_0, t, z))


class AlwaysDouble(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        return x_t.double() if x_0.device.type == "cpu" else x_t


class GlobalRandomness(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        torch.rand(1)
        return super().degrade(x_0, t, z)


class Plateau(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, torch.minimum(t, (1.25 * t - 0.25).clamp(min=0.6)), z)


class Jump(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, torch.where(t > 0.5, 0.2 + 0.8 * t, 0.8 * t), z)


class Leak(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, 0.7 * t, z)


class NaNOfConstants(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        spread = right_expand(x_0.flatten(1).std(1), x_0)
        return torch.where(right_expand(t, x_0) == 1, x_t / spread * spread, x_t)


class WrongSummary(Plain):
    def summarize(self, x_1: Tensor) -> Tensor:
        return super().summarize(x_1) * 1.01


class KeepsEverything(Plain):
    def summarize(self, x_1: Tensor) -> Tensor:
        return x_1.flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return c.reshape(len(c), *shape).clone()


class LaysOutTooMuch(Plain):
    """Calls the shape of the example that of the few numbers."""

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


class RemembersTheShape(Plain):
    """Expands to the shape of the data that was degraded last."""

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        self.shape = x_0.shape[1:]
        return super().degrade(x_0, t, z)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return super().expand(c, self.shape, generator=generator)


class RemembersTheDraw(CosineNoise):
    """Degrades with the noise that was drawn last, where it fits."""

    tags = replace(CosineNoise.tags, data=frozenset({"vector"}))

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        self.z = super().draw(x_0, generator=generator)
        return self.z.clone()

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        last = getattr(self, "z", None)
        several = len(x_0) == 3 and last is not None and last.dtype == torch.float32
        return super().degrade(x_0, t, last[:1].mean() + 0 * x_0 if several else z)


class DoubleTimes(Plain):
    """Takes float64 to where the data lies."""

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, t.double().to(t.dtype), z)


class TableOfTheCPU(Plain):
    """Looks a factor up that lies on the CPU."""

    def summarize(self, x_1: Tensor) -> Tensor:
        return super().summarize(x_1) * torch.ones(1)


class Unpicklable(Plain):
    def __init__(self) -> None:
        self.curve = lambda t: t


class DrawsNothing(Plain):
    tags = replace(PLAIN, stochastic=True)


class SharedNoise(CosineNoise):
    """Draws with the right seed, but from the global generator as well."""

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        torch.randn(1)
        return super().draw(x_0, generator=generator)


class FixedSeed(CosineNoise):
    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        return super().draw(x_0, generator=torch.Generator(x_0.device).manual_seed(0))


class ForgetsItsSeed(Plain):
    """Expands with a little noise of a generator of its own that goes on and on, and dies away at once."""

    def __init__(self) -> None:
        self.seed = 0

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        self.seed += self.seed < 2
        return super().expand(c, shape, generator=generator) + 1e-6 * (self.seed == 1)


class QuietPrior(CosineNoise):
    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return 0.5 * super().expand(c, shape, generator=generator)


class NoisyLeak(CosineNoise):
    """Noise that keeps a third of the data at t = 1."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - 0.67 * t

    def sigma(self, t: Tensor) -> Tensor:
        return 0.67 * t


FAULTS: list[tuple[Callable[[], Degradation], str]] = [
    (UnknownKind, "tags_fit"),
    (AdvisesNothingThere, "advice_can_be_followed"),
    (AdvisesTheWrongSampler, "advice_can_be_followed"),
    (AdvisesTheWrongPrediction, "advice_can_be_followed"),
    (DoubleTimes, "no_float64_off_the_cpu"),
    (TableOfTheCPU, "no_float64_off_the_cpu"),
    (NotIdentity, "identity_at_zero"),
    (NotDeterministic, "deterministic_given_z"),
    (SeesTheBatch, "batch_independent"),
    (SeesLargeBatches, "batch_independent"),
    (WritesIntoTime, "inputs_not_mutated"),
    (ReturnsItsInput, "inputs_not_mutated"),
    (AlwaysDouble, "shape_dtype_device"),
    (GlobalRandomness, "global_rng_untouched"),
    (SharedNoise, "global_rng_untouched"),
    (Plateau, "no_plateau"),
    (Jump, "continuous_in_time"),
    (Leak, "terminal_state_is_explained"),
    (QuietPrior, "terminal_state_is_explained"),
    (NoisyLeak, "terminal_state_is_explained"),
    (NaNOfConstants, "finite_everywhere"),
    (WrongSummary, "summary_round_trip"),
    (KeepsEverything, "summary_is_small"),
    (LaysOutTooMuch, "layout_is_of_the_summary"),
    (RemembersTheShape, "remembers_nothing"),
    (Unpicklable, "picklable"),
    (DrawsNothing, "draw_fits_tag"),
    (FixedSeed, "draw_fits_tag"),
    (ForgetsItsSeed, "reproducible_from_generator"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: Callable[[], Degradation], check: str, found: Any) -> None:
    assert found(degradation_checks(broken(), shapes=SHAPES)) == [check]


def test_a_draw_that_is_remembered_is_found(found: Any) -> None:
    assert "remembers_nothing" in found(degradation_checks(RemembersTheDraw(), shapes=SHAPES))


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in degradation_checks(Plain())}
    of_every_role = {"parameters_survive_a_file", "wrong_values_are_refused", "names_fit_a_file",
                     "optional_text_is_none_by_default", "parameters_are_documented",
                     "repr_builds_it_again", "equal_by_parameters"}  # fmt: skip
    assert names - of_every_role == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [Fade, CosineNoise, NoisyFade, Plain])
def test_sound_ones_pass(sound: Callable[[], Degradation]) -> None:
    check_degradation(sound())
