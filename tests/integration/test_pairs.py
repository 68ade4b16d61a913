"""Every degradation with every sampler: trained briefly and walked back, or refused with what fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import genlab
from genlab import Restorer
from genlab.runs.assembly import assemble
from genlab.training import DiffusionObjective

SAMPLERS = genlab.registry("sampler").names()

DATA = {
    "image": {
        "dataset": {"name": "digits"}, "backbone": {"name": "unet", "channels": [8, 8]},
        "training": {"batch": 32, "steps": 100, "lr": 1e-2, "ema": 0.9},
    },
    "vector": {
        "dataset": {"name": "swiss-roll", "train": 2000, "test": 500},
        "backbone": {"name": "mlp", "width": 128, "depth": 2},
        "training": {"batch": 256, "steps": 100, "lr": 5e-3, "ema": 0.9},
    },
}  # fmt: skip
"""A small run on each kind of data."""

CASES = [
    pytest.param(name, kind, id=f"{name}-{kind}")
    for name in genlab.registry("degradation").names()
    for kind in sorted(genlab.registry("degradation").get(name).tags.data)
]

LIMIT = {"image": 1.0, "vector": 6.0}
"""Largest value of a sample."""

N, STEPS = 8, 4


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are tested elsewhere, and take longer than all that is tested here."""
    monkeypatch.setattr(genlab.Run, "figures", lambda self: [])
    monkeypatch.setattr("genlab.runs.engine.write_page", lambda run: None)


@pytest.mark.parametrize(("degradation", "kind"), CASES)
def test_every_sampler_runs_or_is_refused(degradation: str, kind: str, tmp_path: Path) -> None:
    request = {**DATA[kind], "metrics": [], "sampling": {"count": N, "steps": STEPS}}
    run = genlab.run(degradation=degradation, out=tmp_path / "run", set=request)
    require_learned(run)
    true = {tag for tag, value in vars(run.degradation.tags).items() if value}
    fitting = [name for name in SAMPLERS if needs(name) <= true]
    assert {"cold", "naive"} <= set(fitting)
    for name in SAMPLERS:
        if name in fitting:
            require_walk(run, name)
        else:
            require_refusal(run, name, fitting, tmp_path / name)


def needs(name: str) -> frozenset[str]:
    needed: frozenset[str] = genlab.registry("sampler").get(name).tags.needs
    return needed


def require_learned(run: genlab.Run) -> None:
    """Some steps of training make the loss on the test data smaller."""
    untrained = assemble(run.config, run.spec).restorer
    assert untrained is not None
    before, after = (loss(run, restorer.eval()) for restorer in (untrained, run.restorer))
    print(f"{run.path.name}: loss {before:.4f} before training, {after:.4f} after")
    assert after < 0.98 * before, f"the loss went from {before:.4f} to {after:.4f}"


@torch.no_grad()
def loss(run: genlab.Run, restorer: Restorer) -> float:
    """Return what training makes small, over test data and with draws that are always the same."""
    training = run.config.training
    objective = DiffusionObjective(
        restorer, training.loss or "l2", training.terminal or 0.0, jitter=training.jitter or 0.0
    )
    x_0 = run.examples("test").take(torch.arange(256))[0]
    generator = torch.Generator().manual_seed(0)
    return float(objective(restorer.backbone, x_0, None, generator=generator))


def require_walk(run: genlab.Run, name: str) -> None:
    """Samples are finite and in range, one seed's are one another's equal, another seed's are not."""
    first, again, other = (
        run.sample(N, sampler=name, steps=STEPS, seed=seed) for seed in (0, 0, 1)
    )
    assert first.shape == (N, *run.spec.shape), f"{name}: shape {tuple(first.shape)}"
    assert first.dtype == torch.float32, f"{name}: {first.dtype}"
    assert first.isfinite().all(), f"{name}: not all samples are finite"
    largest = float(torch.stack([first, other]).abs().max())
    print(f"    {name}: up to {largest:.3f}")
    assert largest <= LIMIT[run.spec.kind], f"{name}: {largest} is out of range"
    assert torch.equal(first, again), f"{name}: one seed gives two results"
    assert apart(first, other), f"{name}: two seeds give one result"
    assert apart(first[:-1], first[1:]), f"{name}: samples of one seed are alike"


def apart(a: Tensor, b: Tensor) -> bool:
    """Whether examples differ by more than rounding."""
    return bool(((a - b).flatten(1).abs().amax(1) > 1e-3).all())


def require_refusal(run: genlab.Run, name: str, fitting: list[str], path: Path) -> None:
    """Neither a walk nor a run begins, and the message names all the samplers that fit."""
    assert run.config.degradation is not None
    asked = {"degradation": run.config.degradation.name, "dataset": run.config.dataset.name}
    with pytest.raises(genlab.RequestError) as walked:
        run.sample(N, sampler=name)
    with pytest.raises(genlab.RequestError) as begun:
        genlab.run(**asked, sampler=name, steps=1, out=path)
    assert not path.exists(), f"{name}: a run folder was made"
    for error in (walked, begun):
        message = str(error.value)
        assert f"the sampler {name!r} needs a degradation that is" in message
        assert message.endswith(f"These fit {asked['degradation']!r}: {', '.join(fitting)}")


@pytest.mark.parametrize("grid", ["karras", "log-snr"])
def test_a_grid_that_does_not_fit_is_refused(grid: str, tmp_path: Path) -> None:
    with pytest.raises(genlab.RequestError, match="These grids fit it: uniform, quadratic, cosine"):
        genlab.run(
            degradation="blur", sampler={"name": "cold", "grid": grid}, steps=1,
            out=tmp_path / "run",
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
