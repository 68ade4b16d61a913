"""The kernel density estimate, against scikit-learn's search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from genlab import DataSpec
from genlab_plugins.densities.kde import KDE, chosen_bandwidth


def cloud(n: int, seed: int = 0) -> torch.Tensor:
    """Four narrow clouds."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randint(4, (n, 1), generator=generator).float()
    return torch.cat([centre, -centre], 1) + 0.1 * torch.randn(n, 2, generator=generator)


def test_the_bandwidth_is_near_that_of_cross_validation() -> None:
    x = cloud(1000)
    rows = (x / x.std(0, correction=0)).double().numpy()
    search = GridSearchCV(KernelDensity(), {"bandwidth": np.logspace(-2, 0.2, 34)}, cv=5)
    truth = search.fit(rows).best_params_["bandwidth"]
    found = chosen_bandwidth(x, 5000, generator=torch.Generator().manual_seed(0))
    assert found == pytest.approx(truth, rel=0.3)


def test_held_out_data_is_likelier_than_under_a_rule_of_thumb() -> None:
    x, held_out = cloud(2000), cloud(2000, seed=1)
    density = KDE(DataSpec((2,), "vector"))
    density.fit(x, generator=torch.Generator().manual_seed(0))
    scott = KernelDensity(bandwidth="scott").fit(x.numpy()).score_samples(held_out.numpy())
    assert float(density.log_prob(held_out).mean()) > scott.mean() + 0.1


def test_classes_have_their_own_bandwidths_and_shares() -> None:
    wide, narrow = torch.rand(600, 2), cloud(200)
    x, y = torch.cat([wide, narrow]), torch.arange(800).ge(600).long()
    density = KDE(DataSpec((2,), "vector", 2, ("wide", "narrow")))
    density.fit(x, y, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(density.log_w.exp(), torch.tensor([0.75, 0.25]))
    each = torch.stack([density.log_prob(x, torch.full((800,), k)) for k in range(2)], 1)
    joint = each + torch.tensor([0.75, 0.25]).log()
    torch.testing.assert_close(density.joint_log_prob(x), joint)
    torch.testing.assert_close(density.log_prob(x), joint.logsumexp(1))
    drawn = density.sample(2000, generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (2000, 2)
    share = float((density.classify(drawn).argmax(1) == 0).float().mean())
    known = float((density.classify(x).argmax(1) == 0).float().mean())
    assert share == pytest.approx(known, abs=0.05)


def test_the_bandwidth_shrinks_with_the_number_of_examples() -> None:
    """As N^(-1 / (D + 4)), with D = 2."""
    x = cloud(2000)
    few, many = (
        chosen_bandwidth(x, kept, generator=torch.Generator().manual_seed(0)) for kept in (50, 1600)
    )
    assert few / many == pytest.approx(32 ** (1 / 6))


def test_few_examples_get_a_wide_kernel() -> None:
    found = chosen_bandwidth(torch.randn(4, 2), 5000, generator=torch.Generator())
    assert found == 1.0
    assert math.isfinite(chosen_bandwidth(torch.zeros(50, 2), 50, generator=torch.Generator()))
