"""Every seed below 2**63 works from the first weights to the last sample, and differs from all others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import genlab
from genlab.seeds import MOST

POINTS = {"name": "moons", "train": 300, "test": 100}
SETTINGS = {"sampling.count": 30, "sampling.steps": 2, "training.batch": 8}


def test_a_run_of_the_largest_seed(tmp_path: Path) -> None:
    seed = MOST
    run = genlab.run(
        dataset={**POINTS, "seed": seed}, backbone={"name": "mlp", "width": 8}, steps=2, seed=seed,
        figures=["forward"], out=tmp_path / "run", set=SETTINGS, measure=False,
    )  # fmt: skip
    assert run.seed == seed
    x = run.sample(4, seed=seed)
    assert torch.equal(run.sample(4, seed=seed), x)
    assert not torch.equal(run.sample(4, seed=seed ^ 2**40), x)
    assert len(list(run.trajectory(4, seed=seed))) == 3
    a, b = run.data.test.first(2)[0]
    assert run.interpolate(a, b, 3, seed=seed).shape == (3, 2)
    assert run.restore(a[None], t=0.5, method="cold", seed=seed).shape == (1, 2)
    assert run.evaluate("mmd", n=20, seed=seed)[0]["seed"] == seed
    again = genlab.resume(run.path, steps=4)
    assert again.seed == seed


def test_densities_of_a_large_seed(tmp_path: Path, digits: genlab.Data) -> None:
    """Scikit-learn takes no seed from 2**32 on."""
    run = genlab.run(
        density={"name": "gmm", "components": 2, "examples": 100}, dataset=POINTS, seed=MOST,
        metrics=["sliced-wasserstein"], figures=[], out=tmp_path / "run", set={"sampling.count": 30},
    )  # fmt: skip
    assert run.sample(4, seed=MOST).isfinite().all()
    prior = genlab.fit_prior(
        genlab.build("degradation", "pixelate", side=2), digits.train, seed=MOST
    )
    assert prior.density is not None


@pytest.mark.parametrize("wrong", [-1, 2**63, 0.5, True])
def test_what_is_no_seed_is_refused_wherever_one_is_given(
    circles_run: genlab.Run, wrong: float
) -> None:
    run, (a, b) = circles_run, circles_run.data.test.first(2)[0]
    calls = (
        lambda: run.sample(2, seed=wrong),  # type: ignore[arg-type]
        lambda: next(run.trajectory(2, seed=wrong)),  # type: ignore[arg-type]
        lambda: run.interpolate(a, b, seed=wrong),  # type: ignore[arg-type]
        lambda: run.restore(a[None], t=0.5, seed=wrong),
        lambda: run.evaluate("mmd", n=20, seed=wrong),  # type: ignore[arg-type]
        lambda: genlab.evaluate(torch.zeros(5, 2), run.data, "mmd", seed=wrong),  # type: ignore[arg-type]
        lambda: genlab.run(dataset="moons", steps=1, seed=wrong),  # type: ignore[arg-type]
    )
    for call in calls:
        with pytest.raises(
            genlab.RequestError, match=r"a seed is a whole number|seed = .* takes int"
        ):
            call()
