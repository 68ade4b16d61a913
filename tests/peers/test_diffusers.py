"""Whole trajectories against the schedulers of diffusers, with the same network and the same noise.

Time k/T here is the timestep k - 1 there, and s = 0 is what lies before timestep 0.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import Restorer, Sampler
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.ddpm import DDPM
from genlab_plugins.samplers.dpmpp_2m import DPMpp2M

diffusers = pytest.importorskip("diffusers")

T = 1000
SCHEDULES = {
    "linear": {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
}
PREDICTIONS = {"x0": "sample", "eps": "epsilon", "v": "v_prediction"}


class Network(nn.Module):
    """A smooth function of the data and the time, of order 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(3)) / 2

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return (x @ self.weight + t[:, None].float()).sin()


@pytest.fixture
def network() -> Network:
    return Network()


def ours(
    sampler: Sampler, schedule: Any, prediction: Any, network: Any, times: Tensor
) -> list[Tensor]:
    """Return every state of our trajectory, along float64 times."""
    restorer = Restorer(network, Gaussian(schedule=schedule), prediction=prediction)
    x, n = start(), 16
    generator = torch.Generator().manual_seed(1)
    state = sampler.init(restorer, x, times[0].expand(n), None, generator=generator)
    states = [x]
    for t, s in pairwise(times):
        x, state = sampler.step(restorer, x, t.expand(n), s.expand(n), state)
        states.append(x)
    return states


def theirs(scheduler: Any, network: Any, **step: Any) -> list[Tensor]:
    """Return every state of their trajectory."""
    x = start()
    states = [x]
    for k in scheduler.timesteps:
        output = network(x, ((k.double() + 1) / T).expand(len(x)))
        x = scheduler.step(output, k, x, **step).prev_sample
        states.append(x)
    return states


def start() -> Tensor:
    return torch.randn(16, 6, generator=torch.Generator().manual_seed(0))


def times_of(scheduler: Any) -> Tensor:
    """Return our times of their trajectory."""
    return torch.cat([(scheduler.timesteps.double() + 1) / T, torch.zeros(1, dtype=torch.float64)])


def error(got: list[Tensor], want: list[Tensor]) -> float:
    """Return the largest error of a state, relative to the largest value in it."""
    assert len(got) == len(want) == 51
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(got, want, strict=True))


@pytest.fixture(params=["linear", "cosine"])
def schedule(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["x0", "v", "eps"])
def prediction(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm(schedule: str, prediction: str, variance: Any, network: Network) -> None:
    scheduler = diffusers.DDPMScheduler(
        num_train_timesteps=T, clip_sample=False, variance_type=f"fixed_{variance}",
        prediction_type=PREDICTIONS[prediction], **SCHEDULES[schedule],
    )  # fmt: skip
    scheduler.set_timesteps(50)
    times = times_of(scheduler)
    assert float(times[0]) == 0.981  # their default spacing ends at timestep 0, which adds no noise
    want = theirs(scheduler, network, generator=torch.Generator().manual_seed(1))
    got = ours(DDPM(variance=variance), schedule, prediction, network, times)
    print(f"relative error {error(got, want):.1e}")
    assert error(got, want) <= 1e-4


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(schedule: str, prediction: str, eta: float, network: Network) -> None:
    scheduler = diffusers.DDIMScheduler(
        num_train_timesteps=T, clip_sample=False, set_alpha_to_one=True,
        timestep_spacing="trailing", prediction_type=PREDICTIONS[prediction],
        **SCHEDULES[schedule],
    )  # fmt: skip
    scheduler.set_timesteps(50)
    times = times_of(scheduler)
    torch.testing.assert_close(times.float(), DDIM().grid(50, Gaussian()))  # from 1 to 0
    want = theirs(scheduler, network, eta=eta, generator=torch.Generator().manual_seed(1))
    got = ours(DDIM(eta=eta), schedule, prediction, network, times)
    print(f"relative error {error(got, want):.1e}")
    assert error(got, want) <= 1e-4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # theirs
def test_dpmpp_2m(schedule: str, prediction: str, network: Network) -> None:
    scheduler = diffusers.DPMSolverMultistepScheduler(
        num_train_timesteps=T, algorithm_type="dpmsolver++", solver_order=2,
        timestep_spacing="trailing", prediction_type=PREDICTIONS[prediction],
        **SCHEDULES[schedule],
    )  # fmt: skip
    scheduler.set_timesteps(50)
    times = times_of(scheduler)
    torch.testing.assert_close(times.float(), DPMpp2M().grid(50, Gaussian()))
    want = theirs(scheduler, network)
    got = ours(DPMpp2M(), schedule, prediction, network, times)
    print(f"relative error {error(got, want):.1e}")
    assert error(got, want) <= 1e-4
