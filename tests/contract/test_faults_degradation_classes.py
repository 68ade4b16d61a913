"""Checks of linear, invertible, additive, diagonal and Gaussian degradations, each on a planted fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Degradation, InvertibleDegradation, LinearDegradation, right_expand
from genlab.testing import CosineNoise, Fade, degradation_checks

FEW = frozenset({"image", "vector"})
SHAPES = [(5,), (1, 8, 8), (2, 4, 6)]


class Line(LinearDegradation):
    """A linear fade."""

    tags = replace(Fade.tags, data=FEW)
    draw = Fade.draw
    degrade = Fade.degrade
    summarize = Fade.summarize
    expand = Fade.expand
    A = Fade.A
    A_adjoint = Fade.A_adjoint


class WrongAdjoint(Line):
    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().A_adjoint(y, t, z).flip(-1)


class NotLinear(Line):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        x_t = super().degrade(x_0, t, z)
        t = right_expand(t, x_0)
        return x_t + 0.1 * t * (1 - t) * (x_0.tanh() - x_0)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return Line.degrade(self, x, t, z)

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return self.A(y, t, z)


class Undone(InvertibleDegradation):
    """An invertible fade."""

    tags = replace(Fade.tags, data=FEW)
    draw = Fade.draw
    degrade = Fade.degrade
    summarize = Fade.summarize
    expand = Fade.expand
    invert = Fade.invert


class WrongInverse(Undone):
    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().invert(x_t, 1.01 * t, z)


class InvertsInPlace(Undone):
    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return x_t.copy_(super().invert(x_t, t, z))


class Noise(CosineNoise):
    tags = replace(CosineNoise.tags, data=FEW)


class WrongNoise(Noise):
    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        return 1.01 * super().noise(x_t, x_0, t)


class NoiseAtZero(Noise):
    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        return torch.where(right_expand(t, x_t) == 0, x_t - x_0 + 1, super().noise(x_t, x_0, t))


class SkewBasis(Noise):
    """A basis whose vectors are of length 2."""

    def to_basis(self, x: Tensor) -> Tensor:
        return 2 * x

    def from_basis(self, c: Tensor) -> Tensor:
        return c / 2


class WrongAmplitudes(Noise):
    """Those that a sampler is told; what degrades has the right ones."""

    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = super().amplitudes(t, like)
        return alpha, 1.01 * sigma

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return Noise().degrade(x_0, t, z)

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        return Noise().noise(x_t, x_0, t)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return Noise().invert(x_t, t, z)


class HalfLogSNR(Noise):
    """A log-SNR of amplitudes, not of powers."""

    def log_snr(self, t: Tensor) -> Tensor:
        return super().log_snr(t) / 2


class ImpreciseNoise(Noise):
    """The noise's amplitude from 1 - alpha^2, which cancels in float32 near t = 0."""

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self.alpha(t).square()).clamp_min(0).sqrt()


class LoudNoise(Noise):
    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        return 1.06 * super().draw(x_0, generator=generator)


class WrongMap(Noise):
    """The linear part is that of half the time."""

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().A(x, t / 2, z)


FAULTS: list[tuple[Callable[[], Degradation], str]] = [
    (WrongAdjoint, "adjoint"),
    (NotLinear, "linear_map"),
    (WrongMap, "linear_map"),
    (WrongInverse, "inverse"),
    (InvertsInPlace, "other_inputs_not_mutated"),
    (WrongNoise, "noise_explains"),
    (NoiseAtZero, "noise_explains"),
    (SkewBasis, "diagonal_basis"),
    (WrongAmplitudes, "diagonal_mixture"),
    (HalfLogSNR, "gaussian_log_snr"),
    (ImpreciseNoise, "gaussian_amplitudes"),
    (LoudNoise, "gaussian_mixture"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: Callable[[], Degradation], check: str, found: Any) -> None:
    assert found(degradation_checks(broken(), shapes=SHAPES)) == [check]


def test_every_check_has_a_fault() -> None:
    """Of those that a degradation without promises does not have."""

    class Plain(Degradation):
        tags = Line.tags
        draw = Fade.draw
        degrade = Fade.degrade
        summarize = Fade.summarize
        expand = Fade.expand

    plain = {check.name for check in degradation_checks(Plain())}
    names = {check.name for check in degradation_checks(Noise())}
    assert names - plain == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [Line, Undone, Noise])
def test_sound_ones_pass(sound: Callable[[], Degradation], found: Any) -> None:
    assert found(degradation_checks(sound(), shapes=SHAPES)) == []
