"""Checkpoints: a training that stopped goes on as if it had not, and two at once do not see each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import (
    AdamW,
    Denoising,
    Examples,
    LazyImages,
    Muon,
    RequestError,
    Restorer,
    RunError,
    Training,
)
from genlab.testing import CosineNoise
from genlab.training import (
    Checkpoint,
    read_checkpoint,
    require_numbers,
    settings_of,
    write_checkpoint,
)


class Dropping(nn.Module):
    """A convolution with dropout, which draws from the global generator, and statistics of batches."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = nn.functional.dropout(self.norm(self.first(x)), 0.3, self.training)
        out: Tensor = self.last(h.tanh()) * t[:, None, None, None]
        return out


LEVELS = torch.randint(256, (20, 1, 4, 4), generator=torch.Generator().manual_seed(5)).byte()


def examples(lazy: bool) -> Examples:
    x = LazyImages(lambda index: LEVELS[index], len(LEVELS), (1, 4, 4)) if lazy else LEVELS
    return Examples(x, torch.arange(20) % 3)


class Counting(torch.optim.Optimizer):
    """Slows down with every step, which it counts in a plain number."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        super().__init__(weights, {"lr": 0.05})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            state["count"] = float(state.get("count", 0)) + 1
            p.sub_(p.grad, alpha=self.param_groups[0]["lr"] / state["count"])


OPTIMISERS: dict[str, Any] = {
    "counting": Counting,
    "adamw": AdamW(lr=0.02, weight_decay=0.1),
    "muon": Muon(lr=0.02),
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9),
}


def training(
    *, lazy: bool = False, optimiser: str = "adamw", seed: int = 0, steps: int = 12, **settings: Any
) -> Training:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        restorer = Restorer(Dropping(), CosineNoise())
    given = {"steps": steps, "batch": 7, "ema": 0.9, "flip": True, "shift": 1, **settings}
    return Training(
        Denoising(restorer),
        examples(lazy),
        settings_of(given),
        optimiser=OPTIMISERS[optimiser],
        seed=seed,
    )


def require_same(a: Checkpoint, b: Checkpoint) -> None:
    assert a.tensors.keys() == b.tensors.keys()
    for key, value in a.tensors.items():
        assert torch.equal(value, b.tensors[key]), key
    clocks = {"elapsed"}
    assert {k: v for k, v in a.numbers.items() if k not in clocks} == {
        k: v for k, v in b.numbers.items() if k not in clocks
    }


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_training_goes_on_as_if_it_had_not_stopped(
    optimiser: str, lazy: bool, tmp_path: Path
) -> None:
    """In the middle of an epoch, with dropout, through a file, and after others have drawn numbers."""
    whole = training(lazy=lazy, optimiser=optimiser)
    losses = [float(record.loss) for record in whole]
    part = training(lazy=lazy, optimiser=optimiser)
    for record in part:
        if record.step == 5:
            break
    write_checkpoint(tmp_path / "c.safetensors", part.checkpoint())
    torch.rand(1000)
    again = training(lazy=lazy, optimiser=optimiser)
    again.restore(read_checkpoint(tmp_path / "c.safetensors"))
    assert again.progress == 5 / 12
    assert [float(record.loss) for record in again] == losses[5:]
    require_same(again.checkpoint(), whole.checkpoint())


def test_seconds_and_skipped_steps_go_on() -> None:
    part = training()
    part.elapsed = 12.5
    part.stepping.begin(3)
    again = training()
    again.restore(part.checkpoint())
    assert (again.elapsed, again.skipped) == (12.5, 3)


def test_two_trainings_step_by_step_are_each_alone() -> None:
    """There is no state outside of them: of other seeds, data and optimisers."""
    kinds: list[dict[str, Any]] = [{"seed": 0}, {"seed": 1, "optimiser": "muon", "lazy": True}]
    alone = []
    for kind in kinds:
        made = training(**kind)
        list(made)
        alone.append(made.checkpoint())
    together = [training(**kind) for kind in kinds]
    for _ in zip(*together, strict=True):
        torch.rand(3)
    for made, want in zip(together, alone, strict=True):
        require_same(made.checkpoint(), want)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    list(training(steps=3))
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_is_another_training() -> None:
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed + 40)
        made = training(seed=seed, steps=3)
        found.append([float(record.loss) for record in made])
    assert found[0] == found[1] != found[2]
    states = [training(seed=seed).global_state for seed in (0, 1)]
    assert not torch.equal(*states), "what a module draws differs, too"


def test_lazy_images_train_as_those_in_memory() -> None:
    one, other = training(), training(lazy=True)
    list(one), list(other)
    require_same(one.checkpoint(), other.checkpoint())


def test_lazy_images_are_decoded_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def decode(index: Tensor) -> Tensor:
        asked.append(index.tolist())
        return LEVELS[index]

    made = training(steps=3)
    made.examples = Examples(LazyImages(decode, 20, (1, 4, 4)))
    list(made)
    wanted = [made.order.indices(step).tolist() for step in range(4)]
    assert asked in (wanted, wanted[:3]), "the last one is decoded ahead"


# --- files


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "c.safetensors"
    tensors = {"model.a": torch.eye(3).T, "model.b": torch.tensor(3), "ema.a": torch.zeros(2, 0)}
    write_checkpoint(file, Checkpoint(tensors, {"step": 3, "elapsed": 0.25}))
    read = read_checkpoint(file)
    assert read.numbers == {"step": 3, "elapsed": 0.25}
    assert read.tensors.keys() == tensors.keys()
    assert set(read.part("model")) == {"a", "b"}
    for key, value in tensors.items():
        assert torch.equal(read.tensors[key], value)
        assert read.tensors[key].dtype == value.dtype


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    write_checkpoint(file, Checkpoint({"a": torch.ones(3)}, {"step": 3}))
    before = file.read_bytes()
    with pytest.raises(TypeError):
        write_checkpoint(file, Checkpoint({"a": torch.ones(3)}, {"step": object()}))
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    with pytest.raises(
        RequestError, match=r"c\.safetensors is missing: the run has no checkpoint yet"
    ):
        read_checkpoint(file)
    write_checkpoint(file, Checkpoint({"a": torch.ones(300)}, {"step": 3}))
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(RequestError, match=r"c\.safetensors cannot be read as a checkpoint"):
        read_checkpoint(file)
    file.write_bytes(b"")
    with pytest.raises(RequestError, match="cannot be read as a checkpoint"):
        read_checkpoint(file)


def test_every_changed_byte_is_noticed_and_its_tensor_named(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    tensors = {"ema.a": torch.ones(5), "model.b": torch.zeros(2, dtype=torch.int64)}
    write_checkpoint(file, Checkpoint(tensors, {"step": 30}))
    data = file.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(RequestError, match=r"c\.safetensors") as caught:
            read_checkpoint(file)
        if at >= header:
            named = {
                name for name in tensors if f"{name} is not what was written" in str(caught.value)
            }
            assert len(named) == 1


def test_weights_that_are_no_numbers_are_named() -> None:
    weights = {"a": torch.ones(3), "b": torch.tensor([1.0, torch.nan]), "c": torch.arange(3)}
    with pytest.raises(RequestError, match="here: b holds values that are not a number"):
        require_numbers(weights, "here")
    require_numbers({"a": torch.tensor([torch.inf])}, "here")


def test_a_step_that_was_broken_off_is_no_state_to_save() -> None:
    made, whole = training(), training()
    steps, others = iter(made), iter(whole)
    for _ in range(3):
        next(steps)
        next(others)
    now = made.checkpoint()
    saved = Checkpoint({key: value.clone() for key, value in now.tensors.items()}, now.numbers)

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    update, made.average.update_parameters = made.average.update_parameters, stopped  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    assert not made.whole
    with pytest.raises(RunError, match="was broken off"):
        made.checkpoint()
    made.average.update_parameters = update  # type: ignore[method-assign]
    made.restore(saved)
    assert made.whole
    assert [float(record.loss) for record in made] == [float(record.loss) for record in others]


def test_a_file_of_others_has_no_numbers(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, tmp_path / "c.safetensors")
    assert read_checkpoint(tmp_path / "c.safetensors").numbers == {}


def test_a_checkpoint_of_another_kind_of_device_goes_on_with_fresh_random_numbers() -> None:
    """The state of a generator of CUDA is 16 bytes, and that of one of the CPU 5,056."""

    def gone_on(state: Tensor) -> dict[str, Tensor]:
        made = training(steps=4)
        for record in made:
            if record.step == 2:
                break
        found = made.checkpoint()
        tensors = dict(found.tensors) | {"rng.objective": state}
        other = training(steps=4)
        with pytest.warns(UserWarning, match="another kind of device.*fresh ones.*from step 2 on"):
            other.restore(Checkpoint(tensors, found.numbers))
        assert len(list(other)) == 2
        return dict(other.checkpoint().part("model"))

    a, b = (gone_on(torch.full((16,), i, dtype=torch.uint8)) for i in (1, 2))
    assert all(torch.equal(value, b[name]) for name, value in a.items())
