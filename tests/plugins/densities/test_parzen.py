"""The density parzen: around each example, what its neighbours are like."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from genlab import DataSpec
from genlab_plugins.densities.parzen import Parzen


def fitted(
    x: torch.Tensor, y: torch.Tensor | None = None, classes: int = 0, **given: float
) -> Parzen:
    density = Parzen(DataSpec(tuple(x.shape[1:]), "vector", classes), **given)  # type: ignore[arg-type]
    density.fit(x, y, generator=torch.Generator().manual_seed(0))
    return density


def line(n: int) -> torch.Tensor:
    """Return points along a curve in five dimensions, under a little noise."""
    generator = torch.Generator().manual_seed(1)
    u = 3 * torch.rand(n, 1, generator=generator)
    along = torch.cat([u, u.square() / 3, u.sin(), u.cos(), -u], 1)
    return along + 0.02 * torch.randn(n, 5, generator=generator)


@pytest.mark.parametrize("neighbours", [3, 12])
def test_it_is_the_mixture_of_normal_distributions_of_neighbourhoods(neighbours: int) -> None:
    x = line(40).double()
    density = fitted(x, neighbours=neighbours, ridge=0.1).double()
    centres, covariances = [], []
    ridge = torch.diag((0.1 * x.std(0, correction=0)).square())
    for each in x:
        near = x[(x - each).norm(dim=1).argsort()[: neighbours + 1]]
        centres.append(near.mean(0))
        covariances.append(near.T.cov() + ridge)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(40)),
        MultivariateNormal(torch.stack(centres), torch.stack(covariances)),
    )
    test = line(60)[40:].double()
    assert torch.allclose(density.log_prob(test), mixture.log_prob(test), rtol=1e-5)


def test_few_numbers_have_more_neighbours() -> None:
    """And held-out examples are likelier under the default than under half as many."""
    x, test = line(1500), line(1700)[1500:]
    usual, fewer = fitted(x), fitted(x, neighbours=20)
    assert (usual.count, Parzen(DataSpec((21,), "vector")).count) == (40, 20)
    assert usual.log_prob(test).mean() > fewer.log_prob(test).mean()


def test_classes_have_neighbours_of_their_own() -> None:
    """Two classes on one spot: the first along an axis, the second along the other."""
    u = torch.linspace(-1, 1, 50)[:, None]
    x = torch.cat([torch.cat([u, 0 * u], 1), torch.cat([0 * u, u], 1)])
    y = torch.arange(100) // 50
    density = fitted(x, y, classes=2, neighbours=8)
    for k in range(2):
        drawn = density.sample(
            400, torch.full((400,), k), generator=torch.Generator().manual_seed(2)
        )
        assert drawn[:, k].std() > 0.4
        assert drawn[:, 1 - k].abs().max() < 0.1
        assert (density.classify(drawn).argmax(1) == k).float().mean() > 0.9


def test_a_class_of_few_examples_has_fewer_neighbours() -> None:
    x = torch.cat([line(30), 10 + torch.zeros(1, 5), 20 + line(3)])
    y = torch.tensor([0] * 30 + [1] + [2] * 3)
    density = fitted(x, y, classes=3, neighbours=8)
    drawn = density.sample(50, torch.full((50,), 1), generator=torch.Generator().manual_seed(2))
    assert torch.allclose(drawn.mean(0), x[30], atol=0.1)
    assert density.log_prob(x).isfinite().all()


def test_what_is_of_one_value_among_neighbours_stays_so() -> None:
    x = line(300)
    x[:, 2] = torch.where(x[:, 0] < 1.5, -1.0, 1.0)
    drawn = fitted(x, neighbours=10).sample(500, generator=torch.Generator().manual_seed(3))
    off = (drawn[:, 2].abs() - 1).abs()
    assert float((off < 0.1).float().mean()) > 0.9


def test_draws_are_no_copies_and_as_wide_as_the_data() -> None:
    x = line(1000)
    density = fitted(x[:500], neighbours=10)
    drawn = density.sample(500, generator=torch.Generator().manual_seed(4))
    nearest, usual = (torch.cdist(each, x[:500]).min(1).values for each in (drawn, x[500:]))
    assert 0.5 < float(nearest.median() / usual.median()) < 1.5
    assert torch.allclose(drawn.std(0), x.std(0), rtol=0.1)
