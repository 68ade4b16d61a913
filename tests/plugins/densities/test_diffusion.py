"""The density diffusion: a small diffusion of what a degradation leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import genlab
from genlab import DataSpec, RequestError
from genlab.diffusion import summaries
from genlab_plugins.densities.diffusion import Diffusion

WITH_CLASSES = DataSpec((1, 8, 8), "image", 10, tuple("0123456789"))


def fitted(steps: int) -> tuple[genlab.Prior, torch.Tensor, torch.Tensor]:
    """Return a prior of pixelated digits, what is left of them, and their labels."""
    data, degradation = genlab.load("digits"), genlab.build("degradation", "pixelate")
    prior = genlab.fit_prior(
        degradation, data.train, WITH_CLASSES, density="diffusion", steps=steps, batch=128,
        ema=0.95, optimiser=genlab.build("optimiser", "muon", lr=3e-3),
    )  # fmt: skip
    c, y = summaries(degradation, data.train, most=1000, generator=torch.Generator().manual_seed(1))
    assert y is not None
    return prior, c, y


def draws(prior: genlab.Prior, n: int, y: torch.Tensor | None = None) -> torch.Tensor:
    assert prior.density is not None
    return prior.density.sample(n, y, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def learned() -> tuple[genlab.Prior, torch.Tensor, torch.Tensor]:
    return fitted(150)


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the energy distance of two samples."""
    return float(2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean())


def test_it_learns_what_is_left(
    learned: tuple[genlab.Prior, torch.Tensor, torch.Tensor],
) -> None:
    prior, c, _ = learned
    after, before = (
        distance(draws(prior, 500), c[:500]),
        distance(draws(fitted(1)[0], 500), c[:500]),
    )
    assert after < 0.1 * before
    assert after < 5 * distance(c[:500], c[500:]) + 0.05


def test_it_learns_the_classes(learned: tuple[genlab.Prior, torch.Tensor, torch.Tensor]) -> None:
    prior, c, y = learned
    asked = torch.arange(10).repeat(20)
    found = draws(prior, 200, asked)
    nearest = y[torch.cdist(found, c).argmin(1)]
    assert float((nearest == asked).float().mean()) > 0.7


def test_draws_stay_in_the_range_of_the_data(
    learned: tuple[genlab.Prior, torch.Tensor, torch.Tensor],
) -> None:
    prior, c, _ = learned
    found = draws(prior, 500)
    assert found.min() >= c.min() - 1e-6
    assert found.max() <= c.max() + 1e-6


def test_cells_of_an_image_have_a_network_for_images() -> None:
    cells = Diffusion(DataSpec((50,), "vector", layout=(2, 5, 5)))
    assert type(cells.restorer.backbone).__name__ == "UNet"
    assert cells.scaled(torch.zeros(3, 50)).shape == (3, 2, 5, 5)
    for spec in (DataSpec((50,), "vector"), DataSpec((18,), "vector", layout=(2, 3, 3))):
        other = Diffusion(spec)
        assert type(other.restorer.backbone).__name__ == "MLP"
        assert other.scaled(torch.zeros(3, *spec.shape)).shape == (3, *spec.shape)


def test_a_layout_has_as_many_cells_as_there_are_numbers() -> None:
    with pytest.raises(RequestError, match="are no image of shape"):
        DataSpec((50,), "vector", layout=(1, 5, 5))


def test_a_run_has_it_as_its_prior_and_not_as_its_density(tmp_path: Path) -> None:
    run = genlab.run(
        dataset="digits", degradation="pixelate", prior="diffusion", steps=2, metrics=[], figures=[],
        set={"prior_training.steps": 3, "sampling.count": 4}, out=tmp_path / "run",
    )  # fmt: skip
    again = genlab.open_run(run.path)
    assert isinstance(again.density, Diffusion)
    assert torch.equal(again.sample(4, seed=3), run.sample(4, seed=3))
    assert again.config.flat()["prior"] == {"name": "diffusion", "sampler": "ddpm", "steps": 50}
    with pytest.raises(RequestError, match="no log density"):
        genlab.run(dataset="moons", density="diffusion", out=tmp_path / "other")
