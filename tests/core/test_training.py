"""The pieces of the training loop, against what they should compute."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

import genlab
from genlab import DataSpec, Examples, RequestError
from genlab.config import TrainingConfig
from genlab.training import EMA, Budget, DiffusionObjective, LikelihoodObjective, Trainer
from genlab.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from genlab.training.order import Order
from genlab.training.schedule import rate_factor


def test_the_average_follows_its_formula() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ema = EMA(module, 0.9)
    expected = {k: v.clone().double() for k, v in module.state_dict().items()}
    for update in range(30):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter))
            module[1].num_batches_tracked += 1
        ema.update()
        beta = min(0.9, (1 + update) / (10 + update))
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                expected[key] = beta * expected[key] + (1 - beta) * value.double()
    for key, value in ema.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[key], rtol=1e-5, atol=1e-6)
    assert int(ema.module[1].num_batches_tracked) == 30


@pytest.mark.parametrize(("examples", "batch"), [(10, 3), (7, 7), (5, 12)])
def test_every_epoch_sees_every_example_once(examples: int, batch: int) -> None:
    order = Order(examples, batch, seed=1)
    epochs = 6
    seen = torch.cat([order.indices(step) for step in range(math.ceil(epochs * examples / batch))])
    for epoch in range(epochs):
        part = seen[epoch * examples : (epoch + 1) * examples]
        assert sorted(part.tolist()) == list(range(examples))
    assert not torch.equal(seen[:examples], seen[examples : 2 * examples]) or examples < 3


def test_the_batch_of_a_step_depends_on_step_and_seed_alone() -> None:
    forwards, backwards = Order(50, 8, 3), Order(50, 8, 3)
    ahead = [forwards.indices(step) for step in range(20)]
    behind = [backwards.indices(step) for step in reversed(range(20))]
    for one, two in zip(ahead, reversed(behind), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(Order(50, 8, 4).indices(0), ahead[0])


def test_the_rate_rises_and_falls() -> None:
    assert rate_factor(0.0, 0.1, "cosine") == 0.01
    assert rate_factor(0.05, 0.1, "cosine") == pytest.approx(0.5)
    assert rate_factor(0.1, 0.1, "cosine") == pytest.approx(1.0)
    assert rate_factor(0.55, 0.1, "cosine") == pytest.approx(0.01 + 0.99 * 0.5)
    assert rate_factor(0.55, 0.1, "linear") == pytest.approx(0.01 + 0.99 * 0.5)
    assert rate_factor(1.0, 0.1, "linear") == pytest.approx(0.01)
    assert rate_factor(1.0, 0.1, "none") == 1.0
    assert rate_factor(0.5, 0.0, "none") == 1.0


def test_budgets_count_out() -> None:
    assert Budget.of(TrainingConfig(steps=10), 100) == Budget(10, "steps")
    assert Budget.of(TrainingConfig(epochs=2.5, batch=32), 100) == Budget(8, "steps")
    assert Budget.of(TrainingConfig(minutes=2), 100) == Budget(2, "minutes")
    assert Budget(10, "steps").progress(5, 999) == 0.5
    assert Budget(2, "minutes").progress(5, 30) == 0.25
    assert Budget(2, "minutes").progress(5, 999) == 1.0


def test_times_are_stratified_and_late_where_asked() -> None:
    gaussian = genlab.build("degradation", "gaussian")
    backbone = genlab.build("backbone", "mlp", DataSpec((2,), "vector"))
    restorer = genlab.Restorer(backbone, gaussian, "v")
    generator = torch.Generator().manual_seed(0)
    t = DiffusionObjective(restorer, "l2").times(100, generator=generator).sort().values
    assert (t.diff() - 0.01).abs().max() < 1e-5
    late = DiffusionObjective(restorer, "l2", terminal=0.5).times(1000, generator=generator)
    assert 0.5 <= float((late >= 0.9).float().mean()) <= 0.6
    assert late.max() <= 1


def test_likelihood_is_per_dimension() -> None:
    normal = genlab.build("density", "normal", DataSpec((3,), "vector"))
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    normal.fit(x, generator=torch.Generator())
    loss = LikelihoodObjective(DataSpec((3,), "vector"))(
        normal, x, None, generator=torch.Generator()
    )
    covariance = torch.cov(x.T.double(), correction=0)
    exact = 0.5 * (math.log(2 * math.pi * math.e) + torch.logdet(covariance) / 3)
    assert float(loss) == pytest.approx(float(exact), abs=2e-3)


def trainer(**more: object) -> Trainer:
    torch.manual_seed(0)
    spec = DataSpec((2,), "vector")
    backbone = genlab.build("backbone", "mlp", spec, width=16, depth=1)
    restorer = genlab.Restorer(backbone, genlab.build("degradation", "gaussian"), "v")
    x = torch.randn(64, 1, generator=torch.Generator().manual_seed(1)).sign() * torch.ones(1, 2)
    config = TrainingConfig(**{"steps": 40, "batch": 16, "log_every": 10, **more})
    return Trainer(backbone, DiffusionObjective(restorer, "l2"), Examples(x), config,
                   seed=0, device=torch.device("cpu"))  # fmt: skip


def test_training_lowers_the_loss() -> None:
    lines: list[dict[str, float]] = []
    made = trainer(steps=400, lr=1e-2)
    made.run(lambda record: lines.append(dict(record)), lambda: None)
    assert [line["step"] for line in lines] == list(range(10, 401, 10))
    first, last = lines[:5], lines[-5:]
    assert sum(line["loss"] for line in last) < 0.9 * sum(line["loss"] for line in first)


def test_a_step_that_is_not_finite_changes_nothing() -> None:
    made = trainer()
    before = {k: v.clone() for k, v in made.module.state_dict().items()}
    made.train_step(torch.full((16, 2), torch.nan), None, 1e-3)
    assert made.skipped == 1
    for key, value in made.module.state_dict().items():
        assert torch.equal(value, before[key])
    made.train_step(torch.randn(16, 2), None, 1e-3)
    assert made.unspent == 0
    assert any(not torch.equal(v, before[k]) for k, v in made.module.state_dict().items())


def test_a_checkpoint_holds_everything(tmp_path: Path) -> None:
    whole, parts = trainer(), trainer()
    whole.run(lambda record: None, lambda: None)
    for _ in range(15):
        x, y = parts.examples.take(parts.order.indices(parts.step))
        parts.train_step(x, y, parts.config.lr * rate_factor(parts.progress, 0.05, "cosine"))
    write_checkpoint(tmp_path / "c.safetensors", parts.checkpoint())
    again = trainer()
    again.restore(read_checkpoint(tmp_path / "c.safetensors"))
    again.run(lambda record: None, lambda: None)
    one, two = whole.checkpoint(), again.checkpoint()
    for key, value in one.tensors.items():
        if key != "rng.global":
            assert torch.equal(value, two.tensors[key]), key


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    write_checkpoint(file, Checkpoint({"a": torch.ones(3)}, {"step": 3}))
    before = file.read_bytes()
    with pytest.raises(TypeError):
        write_checkpoint(file, Checkpoint({"a": torch.ones(3)}, {"step": object()}))
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]
    file.write_bytes(before[: len(before) // 2])
    with pytest.raises(RequestError, match=r"c\.safetensors"):
        read_checkpoint(file)
    with pytest.raises(RequestError, match="missing"):
        read_checkpoint(tmp_path / "none.safetensors")
