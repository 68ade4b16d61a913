"""Restart: where it jumps, with what noise, and whom it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import RequestError
from genlab.testing import Fade
from genlab_plugins.samplers.cold import Cold
from genlab_plugins.samplers.restart import Restart


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
