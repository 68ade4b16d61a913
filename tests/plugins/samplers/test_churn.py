"""Churn: when noise is added, and how much."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.testing import CosineNoise
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.heun import Heun


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
