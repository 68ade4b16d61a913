"""Every sampler keeps the contract, and what it promises beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import RequestError, Sampler
from genlab.testing import check_sampler
from genlab.testing.reference import CosineNoise, Fade
from genlab_plugins.degradations.blur_noise import BlurNoise
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.degradations.mix import Mix
from genlab_plugins.degradations.soft_blur import SoftBlur
from genlab_plugins.samplers.cold import Cold
from genlab_plugins.samplers.cold_momentum import ColdMomentum
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.ddpm import DDPM
from genlab_plugins.samplers.dpmpp_2m import DPMpp2M
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.heun import Heun
from genlab_plugins.samplers.naive import Naive
from genlab_plugins.samplers.restart import Restart

CHURN: dict[str, Any] = {"s_churn": 10.0, "s_tmin": 0.05, "s_tmax": 50.0, "s_noise": 1.003}
SAMPLERS: dict[str, Sampler] = {
    "naive": Naive(),
    "cold": Cold(),
    "cold-quadratic": Cold(grid="quadratic"),
    "cold-momentum": ColdMomentum(),
    "cold-momentum-noise": ColdMomentum(noise=0.1),
    "ddpm": DDPM(),
    "ddpm-large": DDPM(variance="large"),
    "ddim": DDIM(),
    "ddim-half": DDIM(eta=0.5, grid="cosine"),
    "euler": Euler(),
    "euler-churn": Euler(**CHURN),
    "heun": Heun(),
    "heun-churn": Heun(**CHURN),
    "heun-churn-unbounded": Heun(s_churn=40.0, grid="cosine"),
    "dpmpp-2m": DPMpp2M(),
    "dpmpp-2m-cosine": DPMpp2M(grid="cosine"),
    "ddim-log-snr": DDIM(grid="log-snr"),
    "ddpm-karras": DDPM(grid="karras"),
    "cold-karras": Cold(grid="karras"),
    "heun-karras": Heun(grid="karras"),
    "euler-churn-log-snr": Euler(**CHURN, grid="log-snr"),
    "dpmpp-2m-log-snr": DPMpp2M(grid="log-snr"),
    "restart": Restart(),
    "restart-karras": Restart(t_low=0.5, t_high=0.8, grid="karras"),
    "restart-wide": Restart(t_low=0.0, t_high=1.0, repeats=1, inner=1),
}
RANDOM = {
    "cold-momentum", "cold-momentum-noise", "ddpm", "ddpm-large", "ddim-half", "euler-churn",
    "heun-churn", "heun-churn-unbounded", "restart", "ddpm-karras", "euler-churn-log-snr",
    "restart-karras",
}  # fmt: skip
"""Those that draw before t = 0, on a Gaussian degradation."""


@pytest.fixture(params=list(SAMPLERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sampler(name: str) -> Sampler:
    return SAMPLERS[name]


def test_contract(sampler: Sampler) -> None:
    check_sampler(sampler)


def test_contract_for_every_gaussian_family(sampler: Sampler, degradation: Any) -> None:
    check_sampler(sampler, degradations=[degradation])


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid", "edm", "flow"])
def test_contract_for_every_schedule(sampler: Sampler, schedule: Any) -> None:
    check_sampler(sampler, degradations=[Gaussian(schedule=schedule)])


def test_randomness_is_the_generator_s(
    name: str, sampler: Sampler, degradation: Any, known: Any, travel: Callable[..., Tensor]
) -> None:
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    z = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    x = degradation.degrade(torch.zeros(8, 3), torch.full((8,), 0.9), z)
    times = 0.9 * sampler.grid(12, degradation)[:8]  # stops before 0, where all noise is gone
    times = torch.cat([times, times[-1:] / 2])
    first, again, other = (travel(sampler, restorer, x, times, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name not in RANDOM)


def test_examples_may_have_times_of_their_own(
    name: str, sampler: Sampler, vp: Any, known: Any
) -> None:
    """A batch walks like its examples do alone, where nothing is drawn."""
    restorer = known(vp, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t, s = torch.tensor([0.9, 0.5, 0.3]).double(), torch.tensor([0.6, 0.1, 0.25]).double()

    generator = torch.Generator().manual_seed(0)
    state = sampler.init(restorer, x, t, torch.zeros_like(x), generator=generator)
    together, _ = sampler.step(restorer, x, t, s, state)
    assert together.isfinite().all()
    if name not in RANDOM and not isinstance(sampler, Restart):
        for i in range(3):
            one = slice(i, i + 1)
            state = sampler.init(restorer, x[one], t[one], x[one] * 0, generator=generator)
            alone, _ = sampler.step(restorer, x[one], t[one], s[one], state)
            torch.testing.assert_close(alone, together[one])


def test_eta_one_is_ddpm(degradation: Any, known: Any, travel: Callable[..., Tensor]) -> None:
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = DDPM().grid(20, degradation)
    want = travel(DDPM(), restorer, x, times)
    torch.testing.assert_close(travel(DDIM(eta=1.0), restorer, x, times), want)


@pytest.mark.parametrize("other", [Cold(), Euler()], ids=["cold", "euler"])
def test_eta_zero_has_other_names(
    other: Sampler, degradation: Any, known: Any, travel: Callable[..., Tensor]
) -> None:
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = DDIM().grid(20, degradation)
    torch.testing.assert_close(
        travel(other, restorer, x, times), travel(DDIM(), restorer, x, times)
    )


def test_momentum_is_ancestral_where_variance_explodes(
    known: Any, travel: Callable[..., Tensor]
) -> None:
    degradation = Gaussian(schedule="edm")
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    x = 80 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = DDPM().grid(20, degradation)
    want = travel(DDPM(), restorer, x, times)
    torch.testing.assert_close(travel(ColdMomentum(), restorer, x, times), want)


@pytest.mark.parametrize("kind", [SoftBlur, BlurNoise])
def test_momentum_is_algorithm_2_of_soft_diffusion(kind: Any, known: Any) -> None:
    """With the noise of the posterior, for degradations that blur and add noise."""
    degradation = kind()
    restorer = known(degradation, lambda x, t: (x + t[:, None, None, None]).sin())
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(3, 1, 8, 8, generator=generator, dtype=torch.float64)
    t, s = torch.tensor([0.9, 0.5, 0.3]).double(), torch.tensor([0.6, 0.49, 0.0]).double()
    state = ColdMomentum().init(restorer, x_t, t, None, generator=generator.manual_seed(1))
    x_s, _ = ColdMomentum().step(restorer, x_t, t, s, state)

    w = torch.randn(x_t.shape, generator=generator.manual_seed(1), dtype=torch.float64)
    amplitude = degradation.s if kind is SoftBlur else degradation.sigma
    sigma_t, sigma_s = (amplitude(at)[:, None, None, None] for at in (t, s))
    x_0, rest = restorer(x_t, t), 1 - (sigma_s / sigma_t) ** 2
    y_t, y_s = degradation.A(x_0, t), degradation.A(x_0, s)
    want = x_t - rest * (x_t - y_t) + sigma_s * rest.sqrt() * w - y_t + y_s
    torch.testing.assert_close(x_s, want)


def test_momentum_takes_another_example_for_no_noise(known: Any) -> None:
    """What mixing draws comes from the data: without noise of its own the step is the cold one."""
    restorer = known(Mix(), lambda x, t: (x + t[:, None]).sin())
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    t, s = torch.full((8,), 0.8).double(), torch.full((8,), 0.6).double()
    state = ColdMomentum().init(restorer, x_t, t, None, generator=generator)
    x_s, _ = ColdMomentum().step(restorer, x_t, t, s, state)
    torch.testing.assert_close(x_s, Cold().step(restorer, x_t, t, s, None)[0])


def test_momentum_lies_between_naive_and_cold(known: Any, travel: Callable[..., Tensor]) -> None:
    restorer = known(Fade(), lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = torch.tensor([0.8, 0.6], dtype=torch.float64)
    naive, cold, momentum = (
        travel(sampler, restorer, x, times) for sampler in (Naive(), Cold(), ColdMomentum())
    )
    torch.testing.assert_close(momentum, naive + (0.6 / 0.8) ** 2 * (cold - naive))


def test_momentum_keeps_the_noise_at_its_level(known: Any, travel: Callable[..., Tensor]) -> None:
    """Steps of any length leave noise of deviation sigma_s around the degraded truth."""
    x_0 = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64).expand(20_000, 3)
    restorer = known(Fade(), lambda x, t: x_0)
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(x_0.shape, generator=generator, dtype=torch.float64)
    times = torch.tensor([1.0, 0.7, 0.6, 0.2], dtype=torch.float64)
    x = Fade().degrade(x_0, times[:1].expand(20_000), None) + 0.5 * w
    x = travel(ColdMomentum(noise=0.5), restorer, x, times, seed=7)
    rest = x - Fade().degrade(x_0, times[-1:].expand(20_000), None)
    assert float(rest.std()) == pytest.approx(0.5 * 0.2, rel=0.02)
    assert float(rest.mean()) == pytest.approx(0, abs=5 * 0.1 / 60_000**0.5)


def test_restart_repeats_the_interval(vp: Any, known: Any, travel: Callable[..., Tensor]) -> None:
    asked: list[float] = []

    def answer(x: Tensor, t: Tensor) -> Tensor:
        asked.append(round(float(t[0]), 4))
        return x.tanh()

    sampler = Restart(t_low=0.3, t_high=0.7, repeats=2, inner=2)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    travel(sampler, known(vp, answer), x, torch.tensor([1.0, 0.5, 0.25, 0.0]))
    assert asked == [1.0, 0.5, 0.7, 0.475, 0.7, 0.475, 0.25]
    asked.clear()
    travel(sampler, known(vp, answer), x, torch.tensor([0.5, 0.25, 0.0]))  # never above its start
    assert asked == [0.5, 0.5, 0.375, 0.5, 0.375, 0.25]
    asked.clear()
    travel(sampler, known(vp, answer), x, torch.tensor([0.28, 0.25, 0.0]))  # begins below
    assert asked == [0.28, 0.25]


def test_restart_jumps_by_the_forward_process(degradation: Any, known: Any) -> None:
    """Noise of level sigma_s becomes noise of level sigma_h."""
    seen: dict[float, Tensor] = {}

    def answer(x: Tensor, t: Tensor) -> Tensor:
        seen[round(float(t[0]), 4)] = x
        return torch.zeros_like(x)

    sampler = Restart(t_low=0.5, t_high=0.6, repeats=1, inner=1)
    x_0, one = torch.zeros(40_000, 1, dtype=torch.float64), torch.ones(40_000).double()
    generator = torch.Generator().manual_seed(0)
    x = degradation.degrade(x_0, 0.7 * one, degradation.draw(x_0, generator=generator))
    state = sampler.init(known(degradation, answer), x, 0.7 * one, None, generator=generator)
    sampler.step(known(degradation, answer), x, 0.7 * one, 0.5 * one, state)
    want = float(degradation.sigma(torch.tensor([0.6]).double()))
    assert float(seen[0.6].std()) == pytest.approx(want, rel=0.02)


@pytest.mark.parametrize("kind", ["vp", "fade"])
def test_restart_leaves_the_others_of_a_batch_alone(kind: str, vp: Any, known: Any) -> None:
    restorer = known(vp if kind == "vp" else Fade(), lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t, s = torch.tensor([0.99, 0.5, 0.3]).double(), torch.tensor([0.9, 0.2, 0.25]).double()
    sampler, generator = Restart(t_low=0.4, t_high=0.7), torch.Generator().manual_seed(0)
    state = sampler.init(restorer, x, t, None, generator=generator)
    x_s, _ = sampler.step(restorer, x, t, s, state)
    plain, _ = Cold().step(restorer, x, t, s, None)
    assert x_s.isfinite().all()
    assert (x_s == plain).all(1).tolist() == [True, False, True]


def test_restart_asks_nothing_of_clean_data(known: Any, travel: Callable[..., Tensor]) -> None:
    """What arrives at t = 0 is clean already, and is what is degraded again."""

    def answer(x: Tensor, t: Tensor) -> Tensor:
        return torch.where(t[:, None] > 0, torch.ones_like(x), torch.inf)

    x = torch.ones(4, 3, dtype=torch.float64)
    end = travel(Restart(), known(Fade(), answer), x, torch.tensor([1.0, 0.0]))
    assert torch.equal(end, torch.ones_like(x))


def test_restart_takes_the_fresh_draw_along(known: Any) -> None:
    """A degradation that draws is walked down with the draw of the jump."""

    class Shift(Fade):
        """Mix a drawn number in, without saying that it can be explained."""

        def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Any:
            return torch.randn(len(x_0), 1, generator=generator, dtype=x_0.dtype)

        def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
            assert z is not None
            return x_0 + t[:, None] * z

    x_0 = torch.zeros(5, 3, dtype=torch.float64)
    restorer, sampler = known(Shift(), lambda x, t: x_0), Restart(t_low=0.3, t_high=0.7)
    t, s = torch.full((5,), 0.5).double(), torch.full((5,), 0.25).double()
    z = Shift().draw(x_0, generator=torch.Generator().manual_seed(0))
    x = Shift().degrade(x_0, t, z)
    state = sampler.init(restorer, x, t, z, generator=torch.Generator().manual_seed(1))
    x_s, state = sampler.step(restorer, x, t, s, state)
    assert not torch.equal(state.z, z)
    torch.testing.assert_close(x_s, Shift().degrade(x_0, s, state.z))


def test_restart_refuses_an_empty_interval() -> None:
    with pytest.raises(RequestError, match=r"t_high = 0\.2 must be larger than t_low = 0\.4"):
        Restart(t_low=0.4, t_high=0.2)


@pytest.mark.parametrize("kind", [Euler, Heun])
def test_churn_needs_the_ratio_in_its_interval(kind: Any, vp: Any, known: Any, travel: Any) -> None:
    restorer = known(vp, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = torch.tensor([0.5, 0.4], dtype=torch.float64)  # a ratio of 0.98
    plain = travel(kind(), restorer, x, times)
    for outside in ({"s_tmin": 1.0}, {"s_tmax": 0.9}):
        assert torch.equal(travel(kind(s_churn=4.0, **outside), restorer, x, times), plain)
    inside = travel(kind(s_churn=4.0, s_tmin=0.9, s_tmax=1.0), restorer, x, times)
    assert not torch.allclose(inside, plain)


def test_churn_raises_the_ratio_as_asked(known: Any) -> None:
    """gamma = s_churn (t - s), and the noise that is added makes up the difference."""
    degradation, asked = CosineNoise(), []

    def answer(x: Tensor, t: Tensor) -> Tensor:
        asked.append((x, t))
        return torch.zeros_like(x)

    n = 40_000
    t, s = torch.full((n,), 0.5).double(), torch.full((n,), 0.4).double()
    x = torch.zeros(n, 1, dtype=torch.float64)
    Euler(s_churn=2.0).step(known(degradation, answer), x, t, s, torch.Generator().manual_seed(0))
    x_hat, t_hat = asked[0]
    ratio, raised = ((-degradation.log_snr(at[:1]) / 2).exp().item() for at in (t, t_hat))
    assert raised == pytest.approx(1.2 * ratio)
    added = degradation.alpha(t_hat[:1]).item() * (raised**2 - ratio**2) ** 0.5
    assert float(x_hat.std()) == pytest.approx(added, rel=0.02)
