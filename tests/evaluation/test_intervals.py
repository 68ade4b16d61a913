"""Intervals against SciPy's own, and against how often they hold what they are of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from genlab.evaluation import (
    bootstrap_counts,
    bootstrap_interval,
    mean_interval,
    seeds_interval,
    wilson_interval,
)


@given(st.data(), st.integers(1, 20_000))
def test_wilsons_is_scipys(data: st.DataObject, n: int) -> None:
    count = data.draw(st.integers(0, n))
    want = stats.binomtest(count, n).proportion_ci(0.95, "wilson")
    found = wilson_interval(count, n)
    assert found == pytest.approx((want.low, want.high), abs=1e-12)
    assert 0 <= found[0] <= count / n <= found[1] <= 1


def test_wilsons_holds_the_share_in_19_of_20() -> None:
    """The exact coverage of 40 draws, averaged over shares; Wald's would be .90."""
    n, covered = 40, []
    ends = [wilson_interval(k, n) for k in range(n + 1)]
    for p in np.linspace(0.05, 0.95, 91):
        weights = stats.binom.pmf(np.arange(n + 1), n, p)
        covered.append(sum(w for w, (a, b) in zip(weights, ends, strict=True) if a <= p <= b))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.005)
    assert min(covered) > 0.9


@pytest.mark.parametrize(("count", "n"), [(0, 0), (-1, 5), (6, 5), (math.nan, 5)])
def test_what_is_no_share_is_refused(count: float, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(count, n)


def test_that_of_a_mean_is_scipys() -> None:
    x = torch.randn(500, generator=torch.Generator().manual_seed(0)).exp()
    want = stats.norm.interval(0.95, loc=float(x.double().mean()), scale=stats.sem(x.double()))
    assert mean_interval(x) == pytest.approx(want)
    assert mean_interval(x[:1]) is None
    assert mean_interval(torch.tensor([1.0, torch.inf])) is None
    assert mean_interval(torch.full((9,), 0.25)) == (0.25, 0.25)


@pytest.mark.parametrize("values", [[1.0, 1.5], [0.34, 0.31, 0.4], [2.0, -1.0, 4.0, 4.5, 3.0]])
def test_that_of_seeds_is_scipys(values: list[float]) -> None:
    want = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert seeds_interval(values) == pytest.approx(want)


def test_one_seed_has_none() -> None:
    assert seeds_interval([1.0]) is None
    assert seeds_interval([1.0, math.nan]) is None


def test_resamples_are_drawn_with_replacement() -> None:
    counts = bootstrap_counts(50, 2000, generator=torch.Generator().manual_seed(0))
    assert (counts.sum(1) == 50).all()
    assert torch.equal(counts, counts.round())
    # of a multinomial distribution: variance 1 - 1/n, covariance -1/n
    assert float(counts.var(0).mean()) == pytest.approx(1 - 1 / 50, rel=0.02)
    assert float(torch.cov(counts.T)[0, 1:].mean()) == pytest.approx(-1 / 50, abs=0.004)
    again = bootstrap_counts(50, 2000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(counts, again)


def test_the_bootstrap_of_a_mean_is_its_interval() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, generator=generator, dtype=torch.float64).exp()
    replicates = bootstrap_counts(400, 3000, generator=generator) @ x / 400
    found, want = bootstrap_interval(float(x.mean()), replicates), mean_interval(x)
    assert found == pytest.approx(want, abs=0.06 * (want[1] - want[0]) if want else 0)


def test_it_is_around_the_number_though_its_replicates_are_biased() -> None:
    replicates = torch.tensor([7.0, 8.0, 9.0])
    assert bootstrap_interval(1.0, replicates) == pytest.approx((1 - 1.96, 1 + 1.96), abs=1e-3)
    assert bootstrap_interval(1.0, replicates, least=0.0) == pytest.approx((0.0, 2.96), abs=1e-3)
    assert bootstrap_interval(1.0, replicates[:1]) is None
    assert bootstrap_interval(1.0, torch.tensor([1.0, torch.nan])) is None
