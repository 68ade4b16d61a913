"""Checks of densities, each on one with a planted fault that it alone finds."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import (
    DataSpec,
    Density,
    DensityTags,
    FittedDensity,
    ImplicitDensity,
    Network,
    Objective,
    RequestError,
)
from genlab.testing import check_density, component_checks, density_checks
from genlab.testing.tiny import AffineFlow


class Affine(AffineFlow):
    """A sound flow for vectors, so that a fault is soon found."""

    tags = DensityTags(conditional=True)


class Warm(Affine):
    """A sound one that takes a temperature."""

    tags = DensityTags(conditional=True, temperature=True)


class AlwaysAsWarm(Warm):
    """Takes a temperature and takes no notice of it."""

    def sample(self, n: int, y: Tensor | None = None, **more: Any) -> Tensor:
        return super().sample(n, y, generator=more["generator"])


class RaisesSomethingElse(Affine):
    def __init__(self, spec: DataSpec) -> None:
        if len(spec.shape) > 1:
            raise TypeError("too many dimensions")
        super().__init__(spec)


class DoublePrecision(Affine):
    """Takes float64 to where the data lies."""

    def joint_log_prob(self, x: Tensor) -> Tensor:
        return super().joint_log_prob(x).double().to(x.dtype)


class AsksForAValue(Affine):
    """And says that a recording can stand for it."""

    tags = DensityTags(conditional=True, replayable=True)

    def joint_log_prob(self, x: Tensor) -> Tensor:
        return super().joint_log_prob(x) if float(x.abs().amax()) < 1e9 else x[:, :1]


class WrongLadj(Affine):
    """The log-determinant is twice what it should be, in encode and in the density alike."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z, ladj = super().encode(x)
        return z, 2 * ladj


class WrongLadjOfDecode(Affine):
    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x, ladj = super().decode(z)
        return x, 2 * ladj


class WrongNormalisation(Affine):
    def joint_log_prob(self, x: Tensor) -> Tensor:
        return super().joint_log_prob(x) + 0.1


class WrongDecode(Affine):
    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x, ladj = super().decode(z)
        return x + 0.001, ladj


class SeesTheBatch(Affine):
    def joint_log_prob(self, x: Tensor) -> Tensor:
        joint = super().joint_log_prob(x)
        return joint + (1e-3 * (x.mean(0) - x).sum(1, True) if 1 < len(x) < 30 else 0)


class SeesLargeBatches(Affine):
    def joint_log_prob(self, x: Tensor) -> Tensor:
        joint = super().joint_log_prob(x)
        return joint + (1e-2 * (x.mean(0) - x).sum(1, True) if 64 < len(x) < 200 else 0)


class ForwardIsLoss(Affine):
    def forward(self, x: Tensor) -> Tensor:
        return -self.joint_log_prob(x)


class WritesIntoData(Affine):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        log_prob = super().log_prob(x, y)
        with torch.no_grad():
            x.clamp_(-0.1, 0.1)
        return log_prob


class DropsTheBatch(Affine):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        x = super().sample(n, y, generator=generator)
        return x[0] if n == 1 else x


class OneSeed(Affine):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        return super().sample(n, y, generator=torch.Generator().manual_seed(3))


class GlobalSamples(Affine):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        torch.rand(1)
        return super().sample(n, y, generator=generator)


class ForgetsItsScale(Affine):
    """A shift outside the state, which moves samples and density alike."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.extra = 0.1 * torch.randn(spec.shape[0])

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().encode(x - self.extra.to(x))

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x, ladj = super().decode(z)
        return x + self.extra.to(x), ladj


class WideSamples(Affine):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        return super().sample(n, y, generator=generator) + 0.3


class DeadParameter(Affine):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.forgotten = nn.Parameter(torch.zeros(3))


class WrongMarginal(Affine):
    """The marginal forgets to divide by the number of classes."""

    def joint_log_prob(self, x: Tensor) -> Tensor:
        joint = super().joint_log_prob(x)
        return joint + math.log(joint.shape[1])

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        log_prob = super().log_prob(x, y)
        return log_prob if y is None or self.centres is None else log_prob - math.log(3)


class WrongPosterior(Affine):
    """The marginal is right, and the classes' shares in it are not what joint_log_prob says."""

    def joint_log_prob(self, x: Tensor) -> Tensor:
        joint = super().joint_log_prob(x)
        shares = torch.tensor([0.6, 0.3, 0.1]) if joint.shape[1] == 3 else torch.ones(1)
        return joint.logsumexp(1, True) + shares.to(joint).log()

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            return super().log_prob(x)
        joint = Affine.joint_log_prob(self, x)
        return joint.gather(1, y[:, None])[:, 0] + math.log(joint.shape[1])


class ClassZeroIsNone(Affine):
    """The density of class 0 is that of all."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            return super().log_prob(x)
        return torch.where(y == 0, super().log_prob(x), super().log_prob(x, y))


class RandomStart(Affine):
    """The first step sets out from another state every time."""

    calls = 0

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        type(self).calls += 1
        with torch.no_grad():
            self.shift.fill_(1e-3 * self.calls)


class MixedUpClasses(Affine):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        return super().sample(n, None if y is None else 2 - y, generator=generator)


class Normals(FittedDensity):
    """A sound density that is fitted at once: a normal distribution for each class."""

    tags = DensityTags(conditional=True)

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if spec.kind != "vector":
            raise RequestError("normal distributions of vectors")
        self.classes, n = max(spec.classes, 1), spec.shape[0]
        for name, value in (("mean", 0.0), ("spread", 1.0)):
            self.register_buffer(name, torch.full((self.classes, n), value))
        self.register_buffer("shares", torch.full((self.classes,), 1 / self.classes))

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        y = torch.zeros(len(x), dtype=torch.int64) if y is None else y
        for k in range(self.classes):
            own = x[y == k]
            self.mean[k] = own.mean(0)
            self.spread[k] = (own.std(0, correction=0).square() + 1e-4).sqrt()
            self.shares[k] = (y == k).sum() / (y >= 0).sum()

    def joint_log_prob(self, x: Tensor) -> Tensor:
        z = (x[:, None] - self.mean) / self.spread
        each = -0.5 * (z.square() + math.log(2 * math.pi)) - self.spread.log()
        return each.sum(2) + self.shares.log()

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        joint = self.joint_log_prob(x)
        return (
            joint.logsumexp(1)
            if y is None
            else (joint - self.shares.log()).gather(1, y[:, None])[:, 0]
        )

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        y = torch.multinomial(self.shares, n, True, generator=generator) if y is None else y
        like = self.mean
        z = torch.randn(n, like.shape[1], generator=generator, dtype=like.dtype, device=like.device)
        return self.mean[y] + self.spread[y] * z


class FitsByChance(Normals):
    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        super().fit(x, y, generator=generator)
        self.mean += 1e-3 * torch.rand(1, generator=torch.Generator().manual_seed(id(self) % 9973))


class WritesIntoItsData(Normals):
    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        super().fit(x, y, generator=generator)
        x.clamp_(-3, 3)


class DividesByTheSpread(Normals):
    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        super().fit(x, y, generator=generator)
        self.spread /= x.std(0) > 0


class EvenShares(Normals):
    """Takes every class for as likely as the others."""

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        super().fit(x, y, generator=generator)
        self.shares.fill_(1 / self.classes)


class CountsTheUnknown(Normals):
    """Takes examples whose class is unknown for those of a class that nobody asks for."""

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        super().fit(x, y, generator=generator)
        self.lost = 0.0 if y is None else float((y < 0).float().mean())

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        log_prob = super().log_prob(x, y)
        return log_prob if y is not None else log_prob + math.log1p(getattr(self, "lost", 0.0))


class Sampled(ImplicitDensity):
    """A sound density without a log density: noise around the centre of each class, which it learns."""

    tags = DensityTags(conditional=True)
    shift: Tensor
    scale: Tensor

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if spec.kind != "vector":
            raise RequestError("noise around centres of vectors")
        self.centres = nn.Parameter(torch.randn(max(spec.classes, 1), spec.shape[0]))
        self.register_buffer("shift", torch.zeros(spec.shape))
        self.register_buffer("scale", torch.ones(spec.shape))

    def objective(self) -> Objective:
        return SquaredDistance(self)

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        y = torch.zeros(n, dtype=torch.int64, device=self.scale.device) if y is None else y
        w = torch.randn(n, len(self.scale), generator=generator, device=self.scale.device)
        with torch.no_grad():
            return self.shift + self.scale * (w + self.centres[y])


class SquaredDistance(Objective):
    def __init__(self, density: Sampled) -> None:
        self.density = density

    @property
    def module(self) -> nn.Module:
        return self.density

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        self.density.shift.copy_(x.mean(0))
        self.density.scale.copy_(x.std(0))

    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        scaled = (x - self.density.shift) / self.density.scale
        centres = self.density.centres
        near = centres if y is None else centres[y]
        return (scaled[:, None] - near).square().mean()


class HasALogDensity(Sampled):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return x.new_zeros(len(x))


class HasADeadParameter(Sampled):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.dead = nn.Parameter(torch.ones(1))


class StaysWhereItIs(Sampled):
    def objective(self) -> Objective:
        class Unmeasured(SquaredDistance):
            def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
                return

        return Unmeasured(self)


class DrawsFromAll(Sampled):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        torch.rand(1)
        return super().sample(n, y, generator=generator)


class ForgetsItsCentre(Sampled):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.extra = torch.randn(spec.shape[0])

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        x = super().sample(n, y, generator=generator)
        return x + self.extra.to(x)


class DrawsInDoublePrecision(Sampled):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        x = super().sample(n, y, generator=generator)
        return x.double().to(x.dtype)


class HearsNoLabel(Sampled):
    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        return super().sample(n, None, generator=generator)


FAULTS_WITHOUT_LOG_DENSITY: list[tuple[type[Density], str]] = [
    (HasALogDensity, "refuses_log_prob"),
    (HasADeadParameter, "gradient_reaches_parameters"),
    (StaysWhereItIs, "follows_the_data"),
    (DrawsFromAll, "global_rng_untouched"),
    (ForgetsItsCentre, "state_dict_round_trip"),
    (DrawsInDoublePrecision, "no_float64_off_the_cpu"),
    (HearsNoLabel, "labels_matter"),
]

FAULTS: list[tuple[type[Density], str]] = [
    (RaisesSomethingElse, "takes_what_its_tags_say"),
    (DoublePrecision, "no_float64_off_the_cpu"),
    (AsksForAValue, "replayable_if_it_says_so"),
    (WrongNormalisation, "integrates_to_one"),
    (WrongDecode, "flow_inverts"),
    (WrongLadjOfDecode, "flow_ladj_is_jacobian"),
    (AlwaysAsWarm, "temperature_narrows"),
    (SeesTheBatch, "batch_independent"),
    (SeesLargeBatches, "batch_independent"),
    (ForwardIsLoss, "log_prob_shape"),
    (WritesIntoData, "inputs_not_mutated"),
    (DropsTheBatch, "sample_shape"),
    (OneSeed, "sample_reproducible"),
    (GlobalSamples, "global_rng_untouched"),
    (ForgetsItsScale, "state_dict_round_trip"),
    (WideSamples, "samples_follow_log_prob"),
    (DeadParameter, "gradient_reaches_parameters"),
    (WrongMarginal, "marginal_mixes_classes"),
    (MixedUpClasses, "samples_of_a_class"),
    (WrongPosterior, "classify_is_bayes"),
    (RandomStart, "initialise_reproducible"),
    (WritesIntoItsData, "fit_reproducible"),
    (DividesByTheSpread, "fit_survives_poor_data"),
    (EvenShares, "prior_is_frequency"),
    (CountsTheUnknown, "unknown_labels_are_no_class"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS + FAULTS_WITHOUT_LOG_DENSITY)
def test_alone_found(broken: type[Density], check: str, found: Any) -> None:
    assert found(density_checks(broken)) == [check]


@pytest.mark.parametrize(
    ("broken", "checks"),
    [
        (WrongLadj, ["integrates_to_one", "flow_ladj_is_jacobian"]),
        (ClassZeroIsNone, ["marginal_mixes_classes", "classify_is_bayes"]),
        (FitsByChance, ["fit_reproducible"]),
    ],
)
def test_found_by_several(broken: type[Density], checks: list[str], found: Any) -> None:
    assert set(checks) <= set(found(density_checks(broken)))


def test_every_check_has_a_fault() -> None:
    names = {check.name for built in (Warm, Normals) for check in density_checks(built)}
    of_every_role = {
        check.name for check in component_checks(lambda: Affine(DataSpec((2,), "vector")))
    }
    assert names - of_every_role == {check for _, check in FAULTS}
    drawn = {"takes_what_its_tags_say", "sample_shape", "sample_reproducible"}
    found = {check.name for check in density_checks(Sampled)} - of_every_role - drawn
    assert found == {check for _, check in FAULTS_WITHOUT_LOG_DENSITY}


def test_one_that_cannot_be_built_shows_once(found: Any) -> None:
    class Never(Affine):
        def __init__(self, spec: DataSpec) -> None:
            raise AttributeError("there is no such layer")

    assert found(density_checks(Never)) == ["takes_what_its_tags_say"]


def test_parameters_may_be_empty(found: Any) -> None:
    class Empty(Affine):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.nothing = nn.Parameter(torch.empty(0, 3))
            self.neither = nn.Parameter(torch.empty(3, 0))

    assert found(density_checks(Empty)) == []


@pytest.mark.parametrize("sound", [Affine, AffineFlow, Normals, Sampled])
def test_sound_ones_pass(sound: type[Density]) -> None:
    check_density(sound)
