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
from genlab.protocols.degradation import right_expand
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
        return torch.where(right_expand(t, x_0) > 0, wrong, x_t)


class SeesTheBatch(Broken):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        others = x_0.mean(0, keepdim=True) - x_0.mean()
        return super().degrade(x_0, t, z) + 1e-3 * right_expand(t, x_0) * others


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
        spread = right_expand(x_0.flatten(1).std(1), x_0)
        return torch.where(right_expand(t, x_0) == 1, x_t / spread * spread, x_t)


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
        t = right_expand(t, x_0)
        return x_t + 0.1 * t * (1 - t) * (x_0.tanh() - x_0)

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


class SkewBasis(CosineNoise):
    """A basis whose vectors are of length 2."""

    def to_basis(self, x: Tensor) -> Tensor:
        return 2 * x

    def from_basis(self, c: Tensor) -> Tensor:
        return c / 2


class WrongAmplitudes(CosineNoise):
    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = super().amplitudes(t, like)
        return alpha, 1.01 * sigma


class NoiseAtZero(CosineNoise):
    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        return torch.where(right_expand(t, x_t) == 0, x_t - x_0 + 1, super().noise(x_t, x_0, t))


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
        return 0.67 * t


class HalfLogSNR(CosineNoise):
    """A log-SNR of amplitudes, not of powers."""

    def log_snr(self, t: Tensor) -> Tensor:
        return super().log_snr(t) / 2


class ImpreciseNoise(CosineNoise):
    """The noise's amplitude from 1 - alpha^2, which cancels in float32 near t = 0."""

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self.alpha(t).square()).clamp_min(0).sqrt()


class LoudNoise(CosineNoise):
    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        return 1.06 * super().draw(x_0, generator=generator)


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
    (SkewBasis, "diagonal_basis"),
    (WrongAmplitudes, "diagonal_mixture"),
    (NoiseAtZero, "noise_explains"),
    (SharedNoise, "global_rng_untouched"),
    (FixedSeed, "draw_fits_tag"),
    (ForgetsItsSeed, "reproducible_from_generator"),
    (QuietPrior, "terminal_state_is_explained"),
    (NoisyLeak, "terminal_state_is_explained"),
    (HalfLogSNR, "gaussian_log_snr"),
    (ImpreciseNoise, "gaussian_amplitudes"),
    (LoudNoise, "gaussian_mixture"),
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


# --- samplers -----------------------------------------------------------------------------------------


class Walk(Sampler):
    """A sound sampler: restore, and degrade a little less."""

    tags = SamplerTags(steps=3)

    def grid(self, steps: int, degradation: Any) -> Tensor:
        return torch.linspace(1, 0, steps + 1)

    def init(self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: Any) -> Any:
        return z

    def step(
        self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any
    ) -> tuple[Tensor, Any]:
        x_0 = restorer(x_t, t)
        z = explain(restorer.degradation, x_t, x_0, t, state)
        return restorer.degradation.degrade(x_0, s, z), state


class StopsShort(Walk):
    def grid(self, steps: int, degradation: Any) -> Tensor:
        return torch.linspace(1, 1e-6, steps + 1)


class Remembers(Walk):
    """Keeps a moving average in self, and forgets it when a walk begins."""

    def init(self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: Any) -> Any:
        self.last: Tensor | None = None
        return z

    def step(self, restorer: Any, x_t: Tensor, *rest: Any) -> tuple[Tensor, Any]:
        x_s, state = super().step(restorer, x_t, *rest)
        fresh = self.last is None or self.last.dtype != x_s.dtype
        last, self.last = (x_s if fresh else self.last), x_s
        return x_s if bool((rest[1] == 0).all()) else x_s + 0.01 * last, state


class Counts(Walk):
    def __init__(self) -> None:
        self.steps = 0

    def step(self, *args: Any) -> tuple[Tensor, Any]:
        self.steps += 1
        return super().step(*args)


class GlobalNoise(Walk):
    def step(self, *args: Any) -> tuple[Tensor, Any]:
        torch.rand(1)
        return super().step(*args)


class NotRepeatable(Walk):
    """Draws from a source that no seed reaches."""

    def step(self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        own = torch.Generator().manual_seed(next(_SEEDS))
        noise = torch.randn(x_s.shape, generator=own, dtype=x_s.dtype)
        return torch.where(s[:, None] > 0, x_s + 0.1 * noise, x_s), state


_SEEDS = iter(range(1_000_000))


class WritesIntoState(Walk):
    def step(self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        result = super().step(restorer, x_t, t, s, state)
        x_t.zero_()
        return result


class MissesTheTruth(Walk):
    def step(self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        return 0.99 * x_s + 0.01 * x_t, state


class Explodes(Walk):
    """Divides by zero when its steps are short."""

    def step(self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any) -> Any:
        x_s, state = super().step(restorer, x_t, t, s, state)
        return x_s / (t - s > 0.03)[:, None], state


class AlwaysFloat(Walk):
    def step(self, *args: Any) -> tuple[Tensor, Any]:
        x_s, state = super().step(*args)
        return x_s.float(), state


class NeedsNonsense(Walk):
    tags = SamplerTags(needs=frozenset({"noisy"}))


SAMPLERS: list[tuple[Callable[[], Sampler], str]] = [
    (StopsShort, "grid_from_one_to_zero"),
    (Remembers, "no_hidden_state"),
    (Counts, "no_hidden_state"),
    (GlobalNoise, "global_rng_untouched"),
    (WritesIntoState, "inputs_not_mutated"),
    (MissesTheTruth, "perfect_restorer_ends_at_truth"),
    (AlwaysFloat, "shape_and_dtype_kept"),
    (NeedsNonsense, "needs_are_tags"),
]


@pytest.mark.parametrize(("broken", "check"), SAMPLERS)
def test_sampler(broken: Callable[[], Sampler], check: str) -> None:
    assert found(sampler_checks(broken())) == [check]


def test_a_walk_that_no_seed_repeats_is_found() -> None:
    names = found(sampler_checks(NotRepeatable()))
    assert names == ["deterministic_given_state", "no_hidden_state"]


def test_a_walk_that_explodes_is_found() -> None:
    assert "finite" in found(sampler_checks(Explodes()))


def test_a_sound_sampler_passes() -> None:
    check_sampler(Walk())


# --- backbones ----------------------------------------------------------------------------------------


class Net(Backbone):
    """A sound network for vectors and images."""

    tags = BackboneTags(data=frozenset({"vector"}))

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if spec.kind not in self.tags.data:
            raise RequestError("this network fits vectors")
        n = math.prod(spec.shape)
        self.label = nn.Embedding(spec.classes + 1, 16) if spec.classes else None
        self.first, self.last = nn.Linear(n + 1, 16), nn.Linear(16, n)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        h = self.first(torch.cat([x, t[:, None]], 1))
        if self.label is not None:
            none = torch.full((len(x),), self.label.num_embeddings - 1)
            h = h + self.label(none if y is None else torch.where(y < 0, none, y))
        out: Tensor = self.last(h.tanh())
        return out


class TakesAnything(Net):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(DataSpec((math.prod(spec.shape),), "vector", spec.classes, spec.names))


class ExtraNumber(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, y).double()


class Dropout(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        return out + 1e-6 * torch.randn(out.shape)


class WritesIntoX(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        x.clamp_(-0.1, 0.1)
        return out


class BatchNorm(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, y) + 0.1 * x.mean(0)


class OneTime(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t[:1].expand(len(t)), y)


class IgnoresTime(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, 0 * t, y)


class IgnoresLabels(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, None)


class DeadLayer(Net):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.forgotten = nn.Linear(3, 3)


class ForgetsABuffer(Net):
    """A random projection that is not in the state."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.projection = torch.randn(math.prod(spec.shape))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, y) + x * self.projection


class Overflows(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        coarse = torch.is_autocast_enabled("cpu")
        return out / 0 if coarse else out


BACKBONES: list[tuple[type[Backbone], str]] = [
    (TakesAnything, "takes_what_its_tags_say"),
    (ExtraNumber, "shape_and_dtype_kept"),
    (Dropout, "deterministic_in_eval"),
    (WritesIntoX, "inputs_not_mutated"),
    (BatchNorm, "batch_independent"),
    (OneTime, "batch_independent"),
    (IgnoresTime, "uses_time"),
    (IgnoresLabels, "uses_labels"),
    (DeadLayer, "gradient_reaches_parameters"),
    (ForgetsABuffer, "state_dict_round_trip"),
    (Overflows, "finite_in_bfloat16"),
]


@pytest.mark.parametrize(("broken", "check"), BACKBONES)
def test_backbone(broken: type[Backbone], check: str) -> None:
    also = {"Dropout": {"state_dict_round_trip", "uses_labels"}}.get(broken.__name__, set())
    assert set(found(backbone_checks(broken))) - also == {check}


def test_a_sound_backbone_passes() -> None:
    check_backbone(Net)


# --- densities ----------------------------------------------------------------------------------------


class Affine(Flow):
    """A sound flow: scale, shift and turn a standard normal, which has a centre for each class."""

    tags = DensityTags(flow=True, conditional=True)

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        n = spec.shape[0]
        self.log_scale, self.shift = nn.Parameter(torch.zeros(n)), nn.Parameter(torch.zeros(n))
        self.lower = nn.Parameter(torch.zeros(n, n))
        self.centres = nn.Parameter(torch.randn(spec.classes, n)) if spec.classes else None

    @property
    def matrix(self) -> Tensor:
        return self.lower.tril(-1) + torch.diag(self.log_scale.exp())

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - self.shift) @ self.matrix.T, self.log_scale.sum().expand(len(x))

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.linalg.solve_triangular(self.matrix, z.T, upper=False).T + self.shift
        return x, -self.log_scale.sum().expand(len(z))

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        with torch.no_grad():
            self.shift.copy_(x.mean(0))

    def joint_log_prob(self, x: Tensor) -> Tensor:
        z, ladj = self.encode(x)
        centres = z.new_zeros(1, z.shape[1]) if self.centres is None else self.centres
        square = (z[:, None] - centres).square()
        each = -0.5 * (square + math.log(2 * math.pi)).sum(2) - math.log(len(centres))
        return each + ladj[:, None]

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        joint = self.joint_log_prob(x)
        if y is None:
            return joint.logsumexp(1)
        return joint.gather(1, y[:, None])[:, 0] + math.log(joint.shape[1])

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, len(self.shift), generator=generator, dtype=self.shift.dtype)
        if self.centres is not None:
            if y is None:
                y = torch.randint(len(self.centres), (n,), generator=generator)
            z = z + self.centres[y]
        return self.decode(z)[0]


class WrongLadj(Affine):
    """The log-determinant is off by the shift, in encode, decode and the density alike."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z, ladj = super().encode(x)
        return z, 2 * ladj


class WrongNormalisation(Affine):
    def joint_log_prob(self, x: Tensor) -> Tensor:
        return super().joint_log_prob(x) + 0.1


class WrongDecode(Affine):
    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x, ladj = super().decode(z)
        return x + 0.001, ladj


class SeesBatch(Affine):
    def joint_log_prob(self, x: Tensor) -> Tensor:
        joint = super().joint_log_prob(x)
        return joint + (1e-3 * (x.mean(0) - x).sum(1, True) if 1 < len(x) < 30 else 0)


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
    """A scale outside the state, which moves samples and density alike."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.extra = 0.1 * torch.randn(spec.shape[0])

    @property
    def matrix(self) -> Tensor:
        return super().matrix + torch.diag(self.extra.to(self.shift), -1)[1:, 1:].tril(-1)

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


DENSITIES: list[tuple[type[Density], str]] = [
    (WrongNormalisation, "integrates_to_one"),
    (WrongDecode, "flow_inverts"),
    (SeesBatch, "batch_independent"),
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
]


@pytest.mark.parametrize(("broken", "check"), DENSITIES)
def test_density(broken: type[Density], check: str) -> None:
    assert found(density_checks(broken)) == [check]


def test_a_wrong_log_determinant_shows_twice() -> None:
    names = found(density_checks(WrongLadj))
    assert names == ["integrates_to_one", "flow_ladj_is_jacobian"]


def test_a_sound_density_passes() -> None:
    check_density(Affine)


# --- data sets ----------------------------------------------------------------------------------------


class Noise(PointSet):
    """A sound set: two normal distributions, side by side, one per class."""

    has_log_prob = True
    offset, width = 0.6, 0.8  # offset^2 + width^2 = 1

    def __init__(self) -> None:
        self.spec = DataSpec((2,), "vector", 2, ("left", "right"))

    def load(self, split: Split, root: Path | None = None) -> Examples:
        seed = {"train": 1, "test": 2}[split]
        return self.draw(500, generator=torch.Generator().manual_seed(seed))

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        y = torch.randint(2, (n,), generator=generator)
        x = torch.randn(n, 2, generator=generator)
        x[:, 0] = self.width * x[:, 0] + self.offset * (2 * y - 1)
        return Examples(x, y)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is not None:
            u = (x[:, 0] - self.offset * (2 * y - 1)) / self.width
            squares = u.square() + x[:, 1].square()
            return -0.5 * squares - math.log(2 * math.pi * self.width)
        each = [self.log_prob(x, torch.full((len(x),), k)) for k in (0, 1)]
        return torch.stack(each).logsumexp(0) - math.log(2)

    @property
    def entropy(self) -> float | None:
        return None


class LabelsTooLarge(Noise):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        return Examples(examples.x, None if examples.y is None else examples.y + 1)


class WrongNames(Noise):
    def __init__(self) -> None:
        self.spec = DataSpec((2,), "vector", 2, ("left",))


class LoadsDouble(Noise):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        assert isinstance(examples.x, Tensor)
        return Examples(examples.x[:, :1].expand(-1, 3).clone(), examples.y)


class HasNaN(Noise):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        assert isinstance(examples.x, Tensor)
        return Examples(examples.x / 0, examples.y)


class NeverTheSame(Noise):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        return self.draw(500, generator=torch.Generator().manual_seed(next(_SEEDS)))


class SplitsAlike(Noise):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        return super().load("train", root)


class Reseeds(Noise):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        torch.manual_seed(0)
        return super().load(split, root)


class OneDraw(Noise):
    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        seed = generator.initial_seed()
        own = torch.Generator().manual_seed(seed if seed else next(_SEEDS) + 10)
        return super().draw(n, generator=own)


class NotCentred(Noise):
    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        examples = super().draw(n, generator=generator)
        assert isinstance(examples.x, Tensor)
        return Examples(examples.x + 0.1, examples.y)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return Noise.log_prob(Noise(), x - 0.1, y)


class TooLikely(Noise):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return Noise.log_prob(Noise(), x, y) + 0.05


class WrongEntropy(Noise):
    @property
    def entropy(self) -> float | None:
        return 1.0


class FarIsNaN(Noise):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        log_prob = Noise.log_prob(Noise(), x, y)
        return torch.where(x.norm(dim=1) > 30, torch.nan, log_prob)


class Shifted(Noise):
    """The density of every class is that of points a little further up."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return Noise.log_prob(Noise(), x - torch.tensor([0.0, 0.2]), y)


class NoMixture(Noise):
    """A marginal with ripples that its classes do not have, too fine to move its integrals."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        ripples = 0.0 if y is not None else 0.1 * torch.sin(9 * x[:, 1])
        return Noise.log_prob(Noise(), x, y) + ripples


class Secret(Noise):
    has_log_prob = False


DATASETS: list[tuple[Callable[[], Dataset], str]] = [
    (LabelsTooLarge, "labels_fit_spec"),
    (WrongNames, "spec_is_sound"),
    (LoadsDouble, "examples_fit_spec"),
    (HasNaN, "values_in_range"),
    (NeverTheSame, "loads_alike_twice"),
    (SplitsAlike, "splits_differ"),
    (Reseeds, "global_rng_untouched"),
    (OneDraw, "draw_reproducible"),
    (NotCentred, "standardised"),
    (TooLikely, "integrates_to_one"),
    (WrongEntropy, "entropy_is_mean_log_prob"),
    (FarIsNaN, "log_prob_shape"),
    (Shifted, "samples_follow_log_prob"),
    (NoMixture, "marginal_mixes_classes"),
    (Secret, "unknown_density_says_so"),
]


@pytest.mark.parametrize(("broken", "check"), DATASETS)
def test_dataset(broken: Callable[[], Dataset], check: str) -> None:
    also = {"HasNaN": {"loads_alike_twice", "splits_differ"}}.get(
        getattr(broken, "__name__", ""), set()
    )
    assert set(found(dataset_checks(broken()))) - also == {check}


def test_a_sound_data_set_passes() -> None:
    check_dataset(Noise())


# --- the error and the entry for pytest ---------------------------------------------------------------


class Two(NotIdentity):
    def summarize(self, x_1: Tensor) -> Tensor:
        return super().summarize(x_1) * 1.01


def test_the_error_lists_every_broken_clause_with_its_example() -> None:
    with pytest.raises(ContractError) as caught:
        check_degradation(Two())
    names = [failure.check.name for failure in caught.value.failures]
    assert names == ["identity_at_zero", "summary_round_trip"]
    message = str(caught.value)
    assert "Two breaks 2 clauses of its contract" in message
    assert "t = 0, shape (1, 8, 8), torch.float32: the values differ by" in message


def test_a_check_that_raises_anything_is_a_failure() -> None:
    class Raises(Broken):
        def summarize(self, x_1: Tensor) -> Tensor:
            raise KeyError("nothing here")

    with pytest.raises(ContractError, match="KeyError: 'nothing here'"):
        check_degradation(Raises())


def test_the_smallest_shape_is_named_first() -> None:
    class OddSides(Broken):
        def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
            return super().degrade(x_0, t, z) + (x_0.shape[-1] != x_0.shape[-2])

    with pytest.raises(ContractError, match=r"shape \(2, 9, 12\)"):
        check_degradation(OddSides(), shapes=[(1, 8, 8), (2, 9, 12), (1, 5, 6)])


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Fade(), "identity_at_zero"),
        (Walk(), "grid_from_one_to_zero"),
        (Noise(), "spec_is_sound"),
        (Net, "uses_time"),
        (Affine, "flow_inverts"),
        (partial(Net), "uses_time"),
        (lambda spec: Affine(spec), "flow_inverts"),
    ],
)
def test_the_role_follows_from_the_component(component: Any, name: str) -> None:
    checks = list(checks_of(component))
    assert name in {check.name for check in checks}
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.meaning.endswith(".") for check in checks)


def test_what_has_no_role_is_refused() -> None:
    with pytest.raises(TypeError, match="neither a component nor"):
        checks_of(3)


def test_an_expected_failure_must_name_a_check() -> None:
    with pytest.raises(RequestError, match=r"unknown check 'inverses'.*'inverse'"):
        parametrize_with_checks([Fade()], {"inverses": "a slip of the pen"})


@parametrize_with_checks(
    [Fade(), WrongInverse()],
    lambda d: {"inverse": "planted above"} if isinstance(d, WrongInverse) else {},
)
def test_expected_failures_are_strict(check: Check) -> None:
    check.run()


@parametrize_with_checks([WrongNoise()], {"noise_explains": "planted above"})
def test_expected_failures_may_be_a_mapping(check: Check) -> None:
    check.run()
