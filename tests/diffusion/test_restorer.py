"""The restorer: predictions against the papers' formulas, in float64."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import scipy.fft
import torch
from torch import Tensor, nn

import genlab
from genlab import DataSpec, Degradation, RequestError, Restorer, build
from genlab.components import Prediction
from genlab.testing import CosineNoise, Fade, NoisyFade
from genlab.testing.tiny import Perceptron

PREDICTIONS = get_args(Prediction)
SPEC = DataSpec((3,), "vector")


class Says(nn.Module):
    """A network that remembers what it saw and says what it was told to say."""

    def __init__(self, answer: Tensor | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.seen: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.seen.append((x, t, y))
        return torch.zeros_like(x) if self.answer is None else self.answer


def drawn(shape: tuple[int, ...], seed: int = 0, n: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Data, noise, and an output."""
    generator = torch.Generator().manual_seed(seed)
    x_0, z, output = torch.randn(3, n, *shape, generator=generator, dtype=torch.float64)
    return x_0, z, output


def times(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# --- the estimate of the target is the data

DEGRADATIONS: dict[str, tuple[Degradation, tuple[int, ...]]] = {
    **{name: (build("degradation", "gaussian", schedule=name), (3,))
       for name in ("linear", "cosine", "sigmoid", "edm", "flow")},
    "fade": (Fade(), (1, 3, 2)),
    "noisy-fade": (NoisyFade(), (3,)),
    "blur-noise": (build("degradation", "blur-noise"), (1, 8, 8)),
    "soft-blur": (build("degradation", "soft-blur"), (1, 8, 8)),
}  # fmt: skip


def fits(degradation: Degradation, prediction: str) -> bool:
    try:
        Restorer(Says(), degradation, prediction=prediction)  # type: ignore[arg-type]
    except RequestError:
        return False
    return True


PAIRS = [(n, p) for n, (d, _) in DEGRADATIONS.items() for p in PREDICTIONS if fits(d, p)]


def test_every_prediction_fits_gaussian_noise_and_one_fits_all() -> None:
    noisy = {(n, p) for n in DEGRADATIONS if n != "fade" for p in PREDICTIONS}
    refused = set(noisy) - set(PAIRS)
    assert set(PAIRS) - noisy == {("fade", "x0")}
    assert {p for _, p in refused} == {"eps"}
    assert {n for n, _ in refused} == {"flow"}, "nothing is left there at t = 1"


@pytest.mark.parametrize(("name", "prediction"), PAIRS)
@pytest.mark.parametrize("deviation", [0.3, 2.0])
def test_the_estimate_of_the_target_is_x_0(name: str, prediction: Any, deviation: float) -> None:
    """At 300 times; what eps makes of rounding errors grows as 1 / alpha."""
    degradation, shape = DEGRADATIONS[name]
    restorer = Restorer(Says(), degradation, prediction=prediction, deviation=deviation)
    x_0, z, _ = drawn(shape, n=300)
    t = torch.linspace(0.01, 0.8 if prediction == "eps" else 1, 300, dtype=torch.float64)
    x_t = degradation.degrade(x_0, t, z)
    target = restorer.target(x_0, x_t, t, z if degradation.tags.stochastic else None)
    torch.testing.assert_close(restorer.estimate(x_t, t, target), x_0, rtol=0, atol=1e-8)


# --- the formulas


def amplitudes(name: str, t: Tensor) -> tuple[Tensor, Tensor]:
    degradation = DEGRADATIONS[name][0]
    assert isinstance(degradation, genlab.GaussianDegradation)
    return degradation.alpha(t)[:, None], degradation.sigma(t)[:, None]


@pytest.mark.parametrize(
    ("name", "prediction"),
    [p for p in PAIRS if p[0] in ("cosine", "edm", "flow") and p[1] != "edm"],
)
def test_estimates_and_targets_in_closed_form(name: str, prediction: Any) -> None:
    x_0, z, output = drawn((3,))
    t = times(0.05, 0.3, 0.6, 0.9)
    a, s = amplitudes(name, t)
    x_t, n = a * x_0 + s * z, (a**2 + s**2).sqrt()
    network = Says(output)
    restorer = Restorer(network, DEGRADATIONS[name][0], prediction=prediction)
    estimate, target = {
        "x0": (output, x_0),
        "eps": ((x_t - s * output) / a, z),
        "v": ((a * x_t - n * s * output) / n**2, (a * z - s * x_0) / n),
    }[prediction]
    torch.testing.assert_close(restorer(x_t, t), estimate)
    torch.testing.assert_close(restorer.estimate(x_t, t, output), estimate)
    torch.testing.assert_close(restorer.target(x_0, x_t, t, z), target)
    torch.testing.assert_close(network.seen[0][0], x_t / n)
    torch.testing.assert_close(restorer.seen(x_t, t), x_t / n)
    assert torch.equal(network.seen[0][1], t)


@pytest.mark.parametrize("deviation", [0.5, 1.0, 2.0])
def test_edm_is_the_preconditioning_of_the_paper(deviation: float) -> None:
    """Karras et al. 2022, table 1, with alpha = 1: D(x; sigma) = c_skip x + c_out F(c_in x)."""
    x_0, z, output = drawn((3,))
    t = times(0.1, 0.4, 0.7, 0.99)
    sigma = amplitudes("edm", t)[1]
    x, s = x_0 + sigma * z, deviation
    c_skip = s**2 / (sigma**2 + s**2)
    c_out = sigma * s / (sigma**2 + s**2).sqrt()
    c_in = 1 / (sigma**2 + s**2).sqrt()
    network = Says(output)
    edm = Restorer(network, DEGRADATIONS["edm"][0], prediction="edm", deviation=deviation)
    torch.testing.assert_close(edm(x, t), c_skip * x + c_out * output)
    torch.testing.assert_close(network.seen[0][0], c_in * x)
    torch.testing.assert_close(edm.target(x_0, x, t, z), (x_0 - c_skip * x) / c_out)


def test_edm_of_another_schedule_is_that_of_the_scaled_data() -> None:
    """With x_t = alpha u the paper's u has the noise sigma / alpha."""
    x_0, z, output = drawn((3,))
    t = times(0.1, 0.4, 0.7, 0.95)
    a, b = amplitudes("cosine", t)
    u, r, s = x_0 + b / a * z, b / a, 0.7
    network = Says(output)
    restorer = Restorer(network, DEGRADATIONS["cosine"][0], prediction="edm", deviation=s)
    size = (r**2 + s**2).sqrt()
    torch.testing.assert_close(restorer(a * u, t), s**2 / size**2 * u + r * s / size * output)
    torch.testing.assert_close(network.seen[0][0], u / size)


def test_what_is_no_gaussian_noise_is_added_to() -> None:
    x_0, _, output = drawn((1, 3, 2))
    t = times(0.1, 0.4, 0.7, 1.0)
    network, fade = Says(output), Fade()
    restorer = Restorer(network, fade)
    x_t = fade.degrade(x_0, t, None)
    torch.testing.assert_close(restorer(x_t, t), x_t + output)
    torch.testing.assert_close(restorer.estimate(x_t, t, output), x_t + output)
    torch.testing.assert_close(restorer.target(x_0, x_t, t, None), x_0 - x_t)
    assert network.seen[0][0] is x_t
    assert restorer.seen(x_t, t) is x_t


@pytest.mark.parametrize("prediction", ["eps", "v", "edm"])
def test_another_basis_is_treated_coordinate_by_coordinate(prediction: Any) -> None:
    """NoisyFade by SciPy's cosines: alpha = cos(w t)^(1 + k), sigma = sin(w t)."""
    x_0, z, output = drawn((3,))
    t = times(0.1, 0.4, 0.6, 0.8)
    V = torch.from_numpy(
        scipy.fft.dct(torch.eye(3, dtype=torch.float64).numpy(), norm="ortho", axis=0)
    )
    angle = 0.99 * torch.pi / 2 * t[:, None]
    a, b = angle.cos() ** torch.arange(1, 4), angle.sin()
    noisy = NoisyFade()
    x_t = noisy.degrade(x_0, t, z)
    c_t, c_out = x_t @ V.T, output @ V.T
    torch.testing.assert_close(c_t, a * (x_0 @ V.T) + b * (z @ V.T))
    s = 0.5
    n = ((s * a) ** 2 + b**2).sqrt() if prediction == "edm" else (a**2 + b**2).sqrt()
    estimate = {
        "eps": (c_t - b * c_out) / a,
        "v": (a * c_t - n * b * c_out) / n**2,
        "edm": a * s**2 / n**2 * c_t + b * s / n * c_out,
    }[prediction]
    restorer = Restorer(Says(output), noisy, prediction=prediction, deviation=s)
    torch.testing.assert_close(restorer(x_t, t), estimate @ V)
    torch.testing.assert_close(restorer.seen(x_t, t), (c_t / n) @ V)


@pytest.mark.parametrize(("name", "prediction"), [p for p in PAIRS if p[1] in ("v", "edm")])
def test_the_network_sees_and_says_numbers_of_size_one(name: str, prediction: Any) -> None:
    """For data of the assumed deviation: 1 for v, and the restorer's for edm."""
    degradation, shape = DEGRADATIONS[name]
    size = 0.5 if prediction == "edm" else 1.0
    restorer = Restorer(Says(), degradation, prediction=prediction, deviation=size)
    x_0, z, _ = drawn(shape, n=6000 // len(torch.zeros(shape).flatten()) * 3)
    for time in (0.05, 0.3, 0.7, 0.95):
        t = torch.full((len(x_0),), time, dtype=torch.float64)
        x_t = degradation.degrade(size * x_0, t, z)
        assert float(restorer.seen(x_t, t).std()) == pytest.approx(1, abs=0.03)
        target = restorer.target(size * x_0, x_t, t, z)
        assert float(target.std()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("name", "prediction"),
    [p for p in PAIRS if p[0] in ("linear", "cosine", "sigmoid", "edm", "flow")],
)
def test_the_gain_is_the_derivative_of_the_estimate(name: str, prediction: Any) -> None:
    """Up to the size of x_t where variance is not preserved: |d estimate / d output|, by autograd."""
    degradation = DEGRADATIONS[name][0]
    assert isinstance(degradation, genlab.GaussianDegradation)
    restorer = Restorer(Says(), degradation, prediction=prediction, deviation=0.7)
    x_0, z, output = drawn((1,))
    t = times(0.02, 0.3, 0.6, 0.9)
    x_t = degradation.degrade(x_0, t, z)
    output.requires_grad_()
    (slope,) = torch.autograd.grad(restorer.estimate(x_t, t, output).sum(), output)
    gain = restorer.gain(t, degradation.log_snr(t))
    torch.testing.assert_close(gain, slope[:, 0].abs())


# --- what it is built from


@pytest.mark.parametrize(
    ("degradation", "prediction", "jitter"),
    [(Fade(), "x0", 0.04), (CosineNoise(), "v", 0.0), (NoisyFade(), "v", 0.0)],
)
def test_what_is_left_out_is_advised(
    degradation: Degradation, prediction: str, jitter: float
) -> None:
    restorer = Restorer(Says(), degradation)
    assert (restorer.prediction, restorer.jitter) == (prediction, jitter)
    assert Restorer(Says(), degradation, jitter=0.5, prediction="x0").jitter == 0.5
    assert Restorer(Says(), degradation, jitter=0.0).jitter == 0.0


def test_labels_reach_the_network() -> None:
    network = Says()
    y = torch.tensor([0, 2])
    for degradation in (Fade(), CosineNoise()):
        Restorer(network, degradation)(torch.zeros(2, 3), torch.full((2,), 0.5), y)
        assert network.seen[-1][2] is y


def test_any_module_will_do_and_a_backbone_stays() -> None:
    backbone = Perceptron(SPEC)
    assert Restorer(backbone, Fade()).backbone is backbone
    with pytest.raises(RequestError, match="the module Linear is no backbone"):
        Restorer(nn.Linear(2, 2), Fade())


@pytest.mark.parametrize("prediction", ["eps", "v", "edm"])
def test_predictions_that_need_gaussian_noise_are_refused(prediction: Any) -> None:
    with pytest.raises(
        RequestError, match=rf"prediction = '{prediction}' needs Gaussian.*Fade fits 'x0'"
    ):
        Restorer(Says(), Fade(), prediction=prediction)


def test_the_noise_is_not_predicted_where_no_data_is_left() -> None:
    with pytest.raises(RequestError, match=r"leaves none: 'v', 'edm' and 'x0' fit"):
        Restorer(Says(), build("degradation", "gaussian", schedule="flow"), prediction="eps")


@pytest.mark.parametrize("degradation", [CosineNoise(), Fade()])
def test_estimates_in_bf16_are_float32_and_near(degradation: Degradation) -> None:
    """The products are of 8 binary digits, and what is added to them keeps all 24."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 64), nn.Linear(64, 8))
    kinds = []
    network[0].register_forward_hook(lambda module, x, y: kinds.append(y.dtype))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return self.inner(x)

    x, t = torch.randn(16, 8), torch.full((16,), 0.5)
    exact, rough = (Restorer(Network(), degradation, bf16=bf16)(x, t) for bf16 in (False, True))
    assert kinds == [torch.float32, torch.bfloat16]
    assert rough.dtype == torch.float32
    error = float((rough - exact).detach().square().mean().sqrt())
    assert 1e-5 < error < 1e-2
