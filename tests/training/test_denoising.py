"""The denoising objective: times, weights, what the network sees and aims at, and which labels it is told."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab import (
    DataSpec,
    Degradation,
    Denoising,
    GaussianDegradation,
    RequestError,
    Restorer,
    build,
)
from genlab.testing import CosineNoise, Fade, NoisyFade
from genlab.testing.tiny import Perceptron

OMEGA = 0.99 * math.pi / 2
SPEC = DataSpec((2,), "vector")


class Listens(nn.Module):
    """Says what it is told to say, and remembers what it saw."""

    def __init__(self, answer: float | Tensor = 0.0) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.asked.append((x, t, y))
        return torch.zeros_like(x) + self.answer


class Unlabelled(Listens):
    """The same, for a network without labels."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, t)


def objective(
    degradation: Degradation | None = None,
    *,
    network: nn.Module | None = None,
    prediction: Any = None,
    jitter: float = 0.0,
    s: float = 0.5,
    **params: Any,
) -> Denoising:
    restorer = Restorer(
        network or Listens(),
        degradation or CosineNoise(),
        prediction=prediction,
        jitter=jitter,
        deviation=s,
    )
    return Denoising(restorer, **params)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loss_of(made: Denoising, x: Tensor, y: Tensor | None = None, seed: int = 0) -> float:
    return float(made(made.module, x, y, generator=seeded(seed)).detach())


# --- times


def moments(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std(correction=0))


def test_uniform_times_are_stratified() -> None:
    """One in each of n equal parts, all shifted by the same amount."""
    made = objective(times="uniform")
    t = made.draw_times(100, generator=seeded())
    inside = t.double() * 100 % 1
    spread = (inside - inside[0]).abs()
    assert float(torch.minimum(spread, 1 - spread).max()) < 1e-3
    assert sorted((t * 100).floor().int().tolist()) == list(range(100))
    starts = [float(made.draw_times(100, generator=seeded(seed)).min()) for seed in range(200)]
    assert float(torch.tensor(starts).mean()) == pytest.approx(0.005, abs=0.0007)
    assert max(starts) < 0.01


@pytest.mark.parametrize(
    ("given", "mean", "deviation"),
    [({}, 0.0, 1.0), ({"mean": -0.5, "deviation": 0.3}, -0.5, 0.3), ({"mean": 2.0}, 2.0, 1.0)],
)
def test_logit_normal_times(given: dict[str, float], mean: float, deviation: float) -> None:
    """Esser et al. 2024: the logit of t is normal."""
    made = objective(times="logit-normal", **given)
    t = made.draw_times(20_000, generator=seeded()).double()
    assert moments(torch.log(t / (1 - t))) == pytest.approx((mean, deviation), abs=5e-3)
    third = (torch.log(t / (1 - t)) < mean - deviation).double().mean()
    assert float(third) == pytest.approx(0.1587, abs=1e-3)


@pytest.mark.parametrize(
    ("given", "mean", "deviation"),
    [({}, -1.2, 1.2), ({"mean": 0.4, "deviation": 0.5}, 0.4, 0.5)],
)
def test_log_normal_times(given: dict[str, float], mean: float, deviation: float) -> None:
    """Karras et al. 2022: the logarithm of sigma / alpha = tan(omega t) is normal."""
    made = objective(times="log-normal", **given)
    t = made.draw_times(20_000, generator=seeded()).double()
    assert moments(torch.log(torch.tan(OMEGA * t))) == pytest.approx((mean, deviation), abs=5e-3)


def test_log_normal_times_of_the_edm_schedule_are_log_normal_sigmas() -> None:
    edm = build("degradation", "gaussian", schedule="edm")
    made = objective(edm, times="log-normal")
    sigma = edm.sigma(made.draw_times(20_000, generator=seeded()).double())
    assert moments(sigma.log()) == pytest.approx((-1.2, 1.2), abs=0.01)


@pytest.mark.parametrize(
    ("spec", "times"),
    [(DataSpec((2,), "vector"), "uniform"), (DataSpec((1, 8, 8), "image"), "logit-normal")],
)
def test_noise_advises_other_times_for_images_than_for_points(spec: DataSpec, times: str) -> None:
    network = genlab.build("backbone", "mlp", spec, width=8, depth=1)
    made = Denoising(genlab.Restorer(network, genlab.build("degradation", "gaussian")))
    assert made.times == times


def test_without_a_word_about_the_data_times_are_even() -> None:
    class Sum(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return x + t[:, None]

    made = Denoising(genlab.Restorer(Sum(), genlab.build("degradation", "gaussian")))
    assert made.times == "uniform"


def test_logit_normal_times_fit_any_degradation() -> None:
    t = objective(Fade(), times="logit-normal", terminal=0.0).draw_times(20_000, generator=seeded())
    assert moments(torch.logit(t.double())) == pytest.approx((0, 1), abs=5e-3)


@pytest.mark.parametrize(("terminal", "late"), [(0.0, 0), (0.25, 250), (0.5, 500), (1.0, 1000)])
def test_a_share_of_the_times_lies_near_the_end(terminal: float, late: int) -> None:
    """Evenly in [.9, 1]; the others are drawn so that none of them is there by chance."""
    made = objective(times="logit-normal", mean=-6.0, deviation=0.5, terminal=terminal)
    t = made.draw_times(1000, generator=seeded())
    near = t[t >= 0.9]
    assert len(near) == late
    assert float(t.max()) <= 1
    assert float(t[t < 0.9].max() if late < 1000 else 0) < 0.1
    if late:
        assert float(near.mean()) == pytest.approx(0.95, abs=0.01)
        assert float(near.std()) == pytest.approx(0.1 / math.sqrt(12), rel=0.15)
        assert not bool((t[:late] >= 0.9).all()) or late == 1000, "any of the batch"


def test_what_is_left_out_is_advised() -> None:
    assert (objective().loss, objective().terminal) == ("l2", 0.0)
    assert (objective(Fade()).loss, objective(Fade()).terminal) == ("l1", 0.25)
    assert objective(Fade(), loss="l2", terminal=0.0).terminal == 0.0
    assert objective(Fade(), loss="l2").loss == "l2"
    assert objective().label_dropout == 0.1


# --- weights


def of_estimate(weight: str, gamma: float, s: float, snr: Tensor) -> Tensor:
    """The papers' weights of the squared error of x_0, by the noise r = sigma / alpha.

    Hang et al. 2023, section 3.3: min(SNR, gamma). Karras et al. 2022, table 1: (r^2 + s^2) / (r s)^2.
    Choi et al. 2022, eq. 8: 1 / (1 + SNR)^gamma of the error of the noise, which is SNR of that of x_0.
    """
    r = snr**-0.5
    return {
        "min-snr": torch.minimum(snr, torch.tensor(gamma)),
        "edm": (r**2 + s**2) / (r * s) ** 2,
        "p2": snr / (1 + snr) ** gamma,
    }[weight]


WEIGHTS = [("min-snr", {}, 5.0), ("min-snr", {"gamma": 1.0}, 1.0), ("edm", {}, 0.0), ("p2", {}, 1.0),
           ("p2", {"gamma": 0.5}, 0.5)]  # fmt: skip


@pytest.mark.parametrize("schedule", ["cosine-noise", "edm", "flow"])
@pytest.mark.parametrize("prediction", ["x0", "eps", "v", "edm"])
@pytest.mark.parametrize(("weight", "given", "gamma"), WEIGHTS)
def test_weights_are_those_of_the_error_of_x_0(
    schedule: str, prediction: Any, weight: Any, given: dict[str, float], gamma: float
) -> None:
    """Whatever the network predicts: w(t) |F - target|^2 is the paper's weight of |x^ - x_0|^2."""
    if (schedule, prediction) == ("flow", "eps"):
        return
    noise = (
        CosineNoise()
        if schedule == "cosine-noise"
        else build("degradation", "gaussian", schedule=schedule)
    )
    assert isinstance(noise, GaussianDegradation)
    made = objective(noise, prediction=prediction, weight=weight, s=0.7, **given)
    t = torch.linspace(0.05, 0.95, 40, dtype=torch.float64)
    x_0, z, F = torch.randn(3, 40, 2, generator=seeded(), dtype=torch.float64)
    x_t = noise.degrade(x_0, t, z)
    restorer = made.restorer
    of_output = (F - restorer.target(x_0, x_t, t, z)).square().sum(1)
    of_x_0 = (restorer.estimate(x_t, t, F) - x_0).square().sum(1)
    weights = made.weights(t)
    assert weights is not None
    snr = (noise.alpha(t) / noise.sigma(t)).square()
    torch.testing.assert_close(
        weights * of_output, of_estimate(weight, gamma, 0.7, snr) * of_x_0, rtol=1e-6, atol=1e-9
    )


def test_weights_that_the_papers_have_in_closed_form() -> None:
    """min(SNR, g) / SNR for the noise and min(SNR, g) / (SNR + 1) for v; one for edm with its own weight."""
    t = torch.linspace(0.05, 0.95, 40, dtype=torch.float64)
    snr = 1 / torch.tan(OMEGA * t) ** 2
    least = snr.clamp(max=5)
    for prediction, weight, want in (
        ("x0", "min-snr", least), ("eps", "min-snr", least / snr), ("v", "min-snr", least / (snr + 1)),
        ("edm", "edm", torch.ones(40)), ("eps", "p2", 1 / (1 + snr)),
    ):  # fmt: skip
        weights = objective(prediction=prediction, weight=weight).weights(t)
        assert weights is not None
        torch.testing.assert_close(weights, want.double())


def test_weights_are_finite_at_both_ends() -> None:
    t = torch.tensor([0.0, 1e-30, 1.0])
    for schedule in ("cosine", "flow", "edm"):
        noise = build("degradation", "gaussian", schedule=schedule)
        for weight in ("min-snr", "edm", "p2"):
            weights = objective(noise, prediction="v", weight=weight).weights(t)
            assert weights is not None
            assert weights.dtype == torch.float32
            assert bool(weights.isfinite().all())
            assert bool((weights >= 0).all())


def test_each_example_counts_by_its_weight() -> None:
    """The mean over the batch of w(t) times the mean square of the error of v, which is all of v here."""
    network = Listens()
    made = objective(network=network, weight="min-snr")
    x = torch.randn(64, 2, generator=seeded(1))
    loss = loss_of(made, x)
    ((seen, t, _),) = network.asked
    t = t.double()[:, None]
    a, b = (OMEGA * t).cos(), (OMEGA * t).sin()
    v = (a * (seen.double() - a * x) / b) - b * x
    weights = ((a / b) ** 2).clamp(max=5) * b**2
    assert loss == pytest.approx(float((weights * v**2).mean()), rel=1e-4)


def test_without_weights_all_times_count_the_same() -> None:
    assert objective().weights(torch.rand(3)) is None


@pytest.mark.parametrize(
    "params", [{"times": "log-normal"}, {"weight": "edm"}, {"weight": "min-snr"}]
)
def test_what_needs_gaussian_noise_is_refused_without(params: dict[str, Any]) -> None:
    ((name, value),) = params.items()
    for other in (Fade(), NoisyFade()):
        with pytest.raises(
            RequestError, match=rf"objective\.{name} = '{value}' needs Gaussian noise, and \w+\(\)"
        ):
            objective(other, **params)


# --- the loss


@pytest.mark.parametrize(("loss", "power"), [("l1", 1), ("l2", 2)])
def test_the_loss_of_what_is_said(loss: Any, power: int) -> None:
    """Of a network that says 1 where the data fades: the mean of |1 - (x_0 - x_t)|^p."""
    network = Unlabelled(1.0)
    made = objective(Fade(), network=network, loss=loss)
    x = torch.randn(50, 1, 3, 3, generator=seeded(1))
    got = loss_of(made, x)
    ((x_t, t, _),) = network.asked
    torch.testing.assert_close(x_t, Fade().degrade(x, t, None))
    assert got == pytest.approx(float((1 - (x - x_t)).abs().pow(power).mean()))


def test_a_network_that_knows_the_answer_has_no_loss() -> None:
    """Of noise: the target of v is known from x_t where the data is known to be 0."""

    class Knows(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return x / torch.tan(OMEGA * t)[:, None]

    x = torch.zeros(2000, 2)
    assert loss_of(objective(network=Knows()), x) < 1e-6
    assert loss_of(objective(network=Unlabelled()), x) == pytest.approx(0.5, rel=0.1), (
        "the mean of cos^2"
    )


def test_the_network_sees_noise_over_degraded_data_and_aims_at_clean_data() -> None:
    """What is black stays black as it fades, so that what is left to undo is the noise."""
    network = Unlabelled()
    made = objective(Fade(), network=network, jitter=0.5, loss="l2")
    x = torch.zeros(2000, 1, 4, 4)
    assert loss_of(made, x) == pytest.approx(0.25, rel=0.03)
    assert float(network.asked[0][0].std()) == pytest.approx(0.5, rel=0.02)


def test_the_network_sees_degraded_data_in_the_size_of_the_data() -> None:
    """Of EDM: x_t of variance s^2 + sigma^2, up to 80^2, over its deviation."""
    network = Unlabelled()
    edm = build("degradation", "gaussian", schedule="edm")
    x = 0.5 * torch.randn(20_000, 2, generator=seeded(1))
    loss_of(objective(edm, network=network, prediction="edm", s=0.5), x)
    seen, t, _ = network.asked[0]
    for part in (t < 0.3, t > 0.7):
        assert float(seen[part].std()) == pytest.approx(1, abs=0.02)


def test_the_loss_is_random_by_its_generator_alone() -> None:
    x = torch.randn(20, 2, generator=seeded(1))
    made = objective(network=Perceptron(SPEC))
    state = torch.get_rng_state()
    losses = [loss_of(made, x, seed=seed) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_network_is_called_in_the_place_of_the_module() -> None:
    made, other = objective(network=Listens()), Listens()
    made(other, torch.zeros(4, 2), None, generator=seeded())
    assert len(other.asked) == 1
    assert made.module is made.restorer.backbone
    assert made.built_for is made.restorer


# --- labels


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.25])
def test_labels_are_hidden_as_often_as_asked(dropout: float) -> None:
    network = Listens()
    y = torch.arange(8000) % 7
    loss_of(objective(network=network, label_dropout=dropout), torch.randn(8000, 2), y)
    seen = network.asked[0][2]
    assert seen is not None
    hidden = seen < 0
    assert float(hidden.double().mean()) == pytest.approx(dropout, abs=4 * (dropout / 8000) ** 0.5)
    assert bool((seen[hidden] == -1).all())
    assert torch.equal(seen[~hidden], y[~hidden])
    assert sorted(seen[~hidden].unique().tolist()) == list(range(7)), "class 0 is a class"


def test_a_network_without_labels_is_told_none_and_draws_none() -> None:
    """So that labels change nothing about its training."""
    x, y = torch.randn(40, 2, generator=seeded(1)), torch.arange(40) % 2
    for network in (Unlabelled(), Perceptron(SPEC)):
        made = objective(network=network)
        one, other = seeded(), seeded()
        told = made(made.module, x, y, generator=one)
        assert torch.equal(told, made(made.module, x, None, generator=other))
        assert torch.equal(one.get_state(), other.get_state())
    labelled = objective(network=Listens())
    one, other = seeded(), seeded()
    labelled(labelled.module, x, y, generator=one)
    labelled(labelled.module, x, None, generator=other)
    assert not torch.equal(one.get_state(), other.get_state())


def test_precision_is_the_network_s_choice() -> None:
    image = DataSpec((1, 8, 8), "image")
    for name in ("unet", "mlp"):
        backbone = build("backbone", name, image)
        assert objective(network=backbone).mixed_precision == backbone.tags.mixed_precision
    assert build("backbone", "unet", image).tags.mixed_precision


# --- another strategy is one method


class Late(Denoising):
    """Draws all times at the end.

    Args:
        restorer: Knows the target.
        at: When.
    """

    def __init__(self, restorer: Restorer, *, at: float = 0.75) -> None:
        super().__init__(restorer)
        self.at = at

    def draw_times(self, n: int, *, generator: torch.Generator) -> Tensor:
        return torch.full((n,), self.at)

    def weights(self, t: Tensor) -> Tensor:
        return 3 * torch.ones_like(t)


def test_a_subclass_changes_times_and_weights_alone() -> None:
    network = Unlabelled()
    restorer = Restorer(network, CosineNoise(), prediction="x0")
    x = torch.full((500, 2), 2.0)
    late = Late(restorer, at=0.5)
    assert loss_of(late, x) == pytest.approx(3 * 4.0)
    assert bool((network.asked[0][1] == 0.5).all())
    assert repr(late) == "Late(at=0.5)"


def test_the_optimal_coupling_is_the_permutation_of_least_distance() -> None:
    """Of five points all 120 permutations are tried."""
    x = torch.randn(5, 2, generator=seeded(1))
    seen = Listens()
    made = objective(network=seen, coupling="optimal", times="uniform")
    plain = objective(network=seen, times="uniform")
    loss_of(made, x), loss_of(plain, x)
    (coupled, t, _), (drawn, t_too, _) = seen.asked
    assert torch.equal(t, t_too)
    alpha, sigma = (f(t)[:, None] for f in (CosineNoise().alpha, CosineNoise().sigma))
    z, free = (coupled - alpha * x) / sigma, (drawn - alpha * x) / sigma
    least = min(float((free[list(p)] - x).square().sum()) for p in permutations(range(5)))
    assert float((z - x).square().sum()) == pytest.approx(least, rel=1e-4)
    assert float((free - x).square().sum()) > 1.2 * least  # so that any coupling would not do


def test_noise_is_coupled_where_there_is_noise() -> None:
    with pytest.raises(RequestError, match=r"coupling = 'optimal' needs Gaussian noise"):
        objective(degradation=Fade(), coupling="optimal")
