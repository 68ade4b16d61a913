"""The contract with unusual parameters and on extreme schedules, and what belongs to one example alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Sampler, registry
from genlab.testing import Check, sampler_checks
from genlab_plugins.degradations.gaussian import Gaussian
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
USUAL: list[Sampler] = [e.load()() for e in registry("sampler").entries() if e.package == "genlab"]
UNUSUAL: list[Sampler] = [
    Naive(grid="quadratic"),
    Cold(grid="karras"),
    ColdMomentum(noise=0.1),
    DDPM(variance="large", grid="log-snr"),
    DDIM(eta=0.5, grid="cosine"),
    Euler(**CHURN),
    Heun(**CHURN, grid="karras"),
    Heun(s_churn=40.0, grid="cosine"),
    DPMpp2M(grid="log-snr"),
    Restart(t_low=0.5, t_high=0.8, grid="karras"),
    Restart(t_low=0.0, t_high=1.0, repeats=1, inner=1),
]
RANDOM = {
    ColdMomentum(), ColdMomentum(noise=0.1), DDPM(), DDPM(variance="large", grid="log-snr"),
    DDIM(eta=0.5, grid="cosine"), Euler(**CHURN), Heun(**CHURN, grid="karras"),
    Heun(s_churn=40.0, grid="cosine"), Restart(), Restart(t_low=0.5, t_high=0.8, grid="karras"),
}  # fmt: skip
"""Those that draw before t = 0, on a Gaussian degradation."""


@pytest.mark.parametrize("sampler", UNUSUAL, ids=repr)
def test_contract(sampler: Sampler) -> None:
    run(sampler_checks(sampler))


@pytest.mark.parametrize("sampler", USUAL, ids=repr)
def test_contract_where_no_data_is_left_and_where_noise_explodes(sampler: Sampler) -> None:
    schedules = [Gaussian(schedule="flow"), Gaussian(schedule="edm")]
    run(sampler_checks(sampler, degradations=schedules))


def run(checks: Iterable[Check]) -> None:
    """Run the checks but the one that draws many points, for which test_distribution.py has its own."""
    for check in checks:
        if check.name != "variance_at_the_end":
            check.run()


@pytest.mark.parametrize("sampler", USUAL + UNUSUAL, ids=repr)
def test_randomness_is_the_generator_s(
    sampler: Sampler, vp: Any, known: Any, travel: Callable[..., Tensor]
) -> None:
    restorer = known(vp, lambda x, t: (x + t[:, None]).sin())
    z = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    x = vp.degrade(torch.zeros(8, 3), torch.full((8,), 0.9), z)
    times = 0.9 * sampler.grid(12, vp)[:8]  # stops before 0, where all noise is gone
    times = torch.cat([times, times[-1:] / 2])
    first, again, other = (travel(sampler, restorer, x, times, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (sampler not in RANDOM)


@pytest.mark.parametrize("sampler", USUAL + UNUSUAL, ids=repr)
def test_examples_may_have_times_of_their_own(sampler: Sampler, vp: Any, known: Any) -> None:
    """A batch is walked back as its examples are alone, where nothing is drawn."""
    restorer = known(vp, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t, s = torch.tensor([0.9, 0.5, 0.3]).double(), torch.tensor([0.6, 0.1, 0.25]).double()

    generator = torch.Generator().manual_seed(0)
    state = sampler.init(restorer, x, t, torch.zeros_like(x), generator=generator)
    together, _ = sampler.step(restorer, x, t, s, state)
    assert together.isfinite().all()
    if sampler not in RANDOM and not isinstance(sampler, Restart):
        for i in range(3):
            one = slice(i, i + 1)
            state = sampler.init(restorer, x[one], t[one], x[one] * 0, generator=generator)
            alone, _ = sampler.step(restorer, x[one], t[one], s[one], state)
            torch.testing.assert_close(alone, together[one])
