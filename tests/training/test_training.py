"""A step of training: clipping, averaging, decay, what is not finite, arithmetic, and what is logged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import AdamW, Examples, Objective, RunError, Training, fit
from genlab.training import settings_of
from genlab.training.precision import bf16_is_faster

Loss = Callable[[int, Tensor, Tensor], Tensor]
"""Takes the number of the step, what the network says, and the batch."""


class Given(Objective):
    """A loss that is a function of the step; it remembers the batches.

    Args:
        module: What is trained.
        loss: The loss.
    """

    def __init__(self, module: nn.Module, *, loss: Any) -> None:
        self.trained, self.loss = module, loss
        self.batches: list[tuple[Tensor, Tensor | None]] = []

    @property
    def module(self) -> nn.Module:
        return self.trained

    def __call__(
        self, network: Any, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        self.batches.append((x, y))
        out: Tensor = self.loss(len(self.batches), network(x), x)
        return out


class Weights(nn.Module):
    """Four weights, which are its answer to anything."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, -2.0, 3.0, 0.5]))

    def forward(self, x: Tensor) -> Tensor:
        return self.w


def training(
    loss: Loss,
    module: nn.Module | None = None,
    *,
    optimiser: Any = None,
    x: Any = None,
    **settings: Any,
) -> Training:
    """Plain gradient descent of rate 1, unless another optimiser is given."""
    given = {"steps": 5, "batch": 2, "warmup": 0.0, "decay": "none", **settings}
    return Training(
        Given(module or Weights(), loss=loss),
        Examples(torch.zeros(8, 1) if x is None else x),
        settings_of(given),
        optimiser=optimiser or (lambda weights: torch.optim.SGD(weights, lr=1.0)),
    )


SLOPE = torch.tensor([3.0, 0.0, -4.0, 0.0])


def slope(scale: float = 1.0) -> Loss:
    """A loss whose gradient is the slope, of norm 5, times the scale."""
    return lambda step, w, x: scale * (w * SLOPE).sum()


# --- clipping


@pytest.mark.parametrize(("clip", "scale"), [(1.0, 1.0), (1.0, 0.1), (20.0, 1.0), (2.5, 100.0)])
def test_the_gradient_is_clipped_to_its_norm(clip: float, scale: float) -> None:
    """Its direction stays, and a smaller one is left alone; what is told is the norm before."""
    made = training(slope(scale), clip=clip, steps=1)
    before = made.module.w.detach().clone()
    (record,) = made
    moved = before - made.module.w.detach()
    norm = min(clip, 5 * scale)
    torch.testing.assert_close(moved, SLOPE / 5 * norm, rtol=1e-5, atol=1e-6)
    assert float(record.grad_norm) == pytest.approx(5 * scale)


def test_frozen_weights_do_not_count() -> None:
    class Half(Weights):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.w * self.frozen

    made = training(slope(), Half(), steps=1)
    list(made)
    assert len(made.parameters) == 1
    assert bool((made.module.frozen == 1).all())


# --- the moving average


class Sums(nn.Module):
    """A linear layer with a buffer of numbers and one of counts, which it changes in training alone."""

    total: Tensor
    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 3)
        self.register_buffer("total", torch.zeros(2))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.total = self.total + torch.tensor([1.0, 10.0])
            self.calls += 1
        out: Tensor = self.layer(x)
        return out


def squares(step: int, out: Tensor, x: Tensor) -> Tensor:
    return (out - step).square().mean()


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_the_average_follows_its_formula(decay: float) -> None:
    """b_n = min(b, n / (9 + n)), from the first weights on; numbers are averaged, and counts copied."""
    torch.manual_seed(0)
    made = training(squares, Sums(), ema=decay, steps=30, optimiser=AdamW(lr=0.05))
    want = {k: v.double() for k, v in made.module.state_dict().items()}
    for n, _ in enumerate(made, 1):
        beta = min(decay, n / (9 + n))
        for key, value in made.module.state_dict().items():
            want[key] = beta * want[key] + (1 - beta) * value.double()
    averaged = made.averaged.state_dict()
    assert int(averaged.pop("calls")) == 30
    for key, value in averaged.items():
        torch.testing.assert_close(value.double(), want[key], rtol=1e-5, atol=1e-6)
    raw = made.module.layer.bias
    assert torch.equal(raw, made.averaged.layer.bias) == (decay == 0)
    assert not made.averaged.training
    assert not any(p.requires_grad for p in made.averaged.parameters())


def test_a_fit_leaves_averaged_weights() -> None:
    """Those of the same training, step by step; and the module at rest."""
    torch.manual_seed(0)
    settings = {"steps": 12, "batch": 2, "ema": 0.8}
    start = Sums().state_dict()
    made = training(
        squares, Sums(), optimiser=AdamW(lr=0.1), **settings, warmup=0.05, decay="cosine"
    )
    made.module.load_state_dict(start)
    made.averaged.load_state_dict(start)
    list(made)
    module = Sums()
    module.load_state_dict(start)
    fitted = fit(
        Given(module, loss=squares),
        Examples(torch.zeros(8, 1)),
        optimiser=AdamW(lr=0.1),
        **settings,
    )
    assert fitted.module is module
    assert fitted.steps == 12
    assert not module.training
    for key, value in module.state_dict().items():
        assert torch.equal(value, made.averaged.state_dict()[key])
    assert not torch.equal(module.layer.bias, made.module.layer.bias), "raw weights are others"


# --- weight decay


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_weights_decay_with_the_rate(decay: float) -> None:
    """Without a gradient, each step leaves the share 1 - rate x decay."""
    made = training(
        lambda step, w, x: 0 * w.sum(), optimiser=AdamW(lr=0.5, weight_decay=decay),
        steps=4, decay="linear",
    )  # fmt: skip
    before = made.module.w.detach().clone()
    list(made)
    share = math.prod(1 - 0.5 * f * decay for f in (1, 0.7525, 0.505, 0.2575))
    torch.testing.assert_close(made.module.w.detach(), share * before)


# --- steps without a finite gradient


def broken(steps: Any, how: str = "loss") -> Loss:
    """A slope that is no number at some steps."""

    def loss(step: int, w: Tensor, x: Tensor) -> Tensor:
        good = (w * SLOPE).sum()
        if step not in steps:
            return good
        if how == "loss":
            return good * math.nan
        return torch.sqrt(w - w.detach()).sum() + good.detach()  # its slope at 0 is infinite

    return loss


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(how: str) -> None:
    made = training(broken({2, 3}, how), optimiser=AdamW(lr=0.1), steps=5)
    states, skipped = [], []
    for record in made:
        state = made.checkpoint().tensors
        states.append({k: v.clone() for k, v in state.items() if not k.startswith("rng")})
        skipped.append(record.skipped)
        assert math.isfinite(float(record.grad_norm)) == (record.step not in (2, 3))
    assert skipped == [0, 1, 2, 2, 2]
    for key, value in states[0].items():
        assert torch.equal(value, states[2][key]), key
    assert not torch.equal(states[2]["model.w"], states[3]["model.w"])
    assert made.checkpoint().numbers["averaged"] == 1 + 3


def test_fifty_in_a_row_end_the_training_with_the_weights_unchanged() -> None:
    made = training(broken(range(4, 999)), steps=200)
    seen = []

    def go_on() -> None:
        seen.extend((record.step, made.module.w.detach().clone()) for record in made)

    with pytest.raises(
        RunError, match=r"the last 50 steps had no finite gradient \(step 53, loss nan\)"
    ) as e:
        go_on()
    assert "optimiser.lr" in str(e.value)
    assert [step for step, _ in seen] == list(range(1, 53))
    assert torch.equal(made.module.w, seen[2][1])


def test_forty_nine_in_a_row_do_not() -> None:
    """And one that is finite begins to count anew."""
    bad = {*range(1, 50), *range(51, 100)}
    records = list(training(broken(bad), steps=101))
    assert records[-1].step == 101
    assert records[-1].skipped == 98


# --- what the objective is given


def test_an_objective_that_says_nothing_initialises_nothing() -> None:
    made = training(slope(), steps=1)
    before = made.module.w.detach().clone()
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    made.objective.initialise(torch.zeros(4, 1), generator=generator)
    assert torch.equal(made.module.w, before)
    assert torch.equal(generator.get_state(), state)


def test_batches_are_taken_in_the_order_of_their_step() -> None:
    """Every example once in an epoch, with its label, in the data convention."""
    x = torch.arange(8, dtype=torch.uint8).reshape(8, 1, 1, 1)
    made = Training(
        Given(nn.Conv2d(1, 1, 1), loss=lambda step, out, x: out.mean()),
        Examples(x, torch.arange(8)), settings_of({"epochs": 2, "batch": 4}),
    )  # fmt: skip
    list(made)
    assert isinstance(made.objective, Given)
    seen = [y.tolist() for _, y in made.objective.batches if y is not None]
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == list(range(8))
    assert seen[0] + seen[1] != seen[2] + seen[3]
    for batch, y in made.objective.batches:
        assert y is not None
        torch.testing.assert_close(batch.flatten(), y / 127.5 - 1)


@pytest.mark.parametrize(
    ("settings", "changed"),
    [({}, False), ({"flip": True}, True), ({"flip": "alternate"}, True), ({"shift": 1}, True)],
)
def test_images_are_changed_where_it_is_asked_for(settings: dict[str, Any], changed: bool) -> None:
    x = torch.linspace(-1, 1, 8 * 9).reshape(8, 1, 3, 3)
    made = training(
        lambda step, out, x: out.mean(), nn.Conv2d(1, 1, 1), x=x, steps=4, batch=8, **settings
    )
    list(made)
    assert isinstance(made.objective, Given)
    rows = {tuple(row) for row in x.flatten(1).tolist()}
    seen = [tuple(row) for batch, _ in made.objective.batches for row in batch.flatten(1).tolist()]
    assert (not set(seen) <= rows) == changed


def test_images_are_mirrored_by_turns() -> None:
    """In every second epoch each, half of them in the first."""
    x = torch.linspace(-1, 1, 8 * 9).reshape(8, 1, 3, 3)
    made = training(
        lambda step, out, x: out.mean(), nn.Conv2d(1, 1, 1), x=x, steps=8, batch=4, flip="alternate"
    )
    list(made)
    assert isinstance(made.objective, Given)
    mirrored: dict[int, list[bool]] = {number: [] for number in range(8)}
    for batch, _ in made.objective.batches:
        for one in batch:
            for number in range(8):
                for side, image in ((False, x[number]), (True, x[number].flip(2))):
                    if torch.equal(one, image):
                        mirrored[number].append(side)
    assert all(turns in ([True, False] * 2, [False, True] * 2) for turns in mirrored.values())
    assert 0 < sum(turns[0] for turns in mirrored.values()) < 8


def test_the_module_trains_whatever_it_does_between_two_steps() -> None:
    modes: list[bool] = []
    module = Weights()
    module.register_forward_hook(lambda m, args, out: modes.append(m.training))
    for _ in training(slope(), module, steps=3):
        module.eval()
    assert modes == [True] * 3


# --- arithmetic


@pytest.mark.parametrize(
    ("device", "shape", "tagged", "gpu", "cpu", "faster"),
    [
        ("cuda", (3, 32, 32), True, True, False, True),
        ("cuda", (3, 32, 32), True, False, True, False),
        ("cuda", (3, 32, 32), False, True, True, False),
        ("cuda", (3, 32, 15), True, True, True, False),
        ("cuda", (3, 16, 16), True, True, True, True),
        ("cuda", (2,), True, True, True, False),
        ("cuda", (1, 64), True, True, False, True),
        ("cpu", (3, 32, 32), True, False, True, True),
        ("cpu", (3, 32, 32), True, True, False, False),
        ("cpu", (1, 8, 8), True, False, True, False),
        ("mps", (3, 32, 32), True, True, True, False),
    ],
)
def test_bf16_is_used_where_the_network_the_data_and_the_hardware_gain(
    device: str,
    shape: tuple[int, ...],
    tagged: bool,
    gpu: bool,
    cpu: bool,
    faster: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: gpu)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: cpu, raising=False)
    assert bf16_is_faster(torch.device(device), shape, tagged) == faster


class Mixed(Given):
    """An objective whose module gains by bf16."""

    mixed_precision = True


@pytest.mark.parametrize(
    ("precision", "supported", "side", "inside"),
    [
        ("bf16", False, 4, torch.bfloat16),
        ("fp32", True, 16, torch.float32),
        ("auto", True, 16, torch.bfloat16),
        ("auto", False, 16, torch.float32),
        ("auto", True, 4, torch.float32),
    ],
)
def test_the_network_computes_in_the_arithmetic_that_was_asked_for(
    precision: str,
    supported: bool,
    side: int,
    inside: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the loss in float32, and the weights stay so."""
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: supported, raising=False)
    module = nn.Conv2d(1, 2, 1)
    seen: list[torch.dtype] = []
    module.register_forward_hook(lambda m, args, out: seen.append(out.dtype))

    def loss(step: int, out: Tensor, x: Tensor) -> Tensor:
        assert out.dtype == torch.float32
        return out.square().mean()

    settings = settings_of({"steps": 2, "batch": 2, "precision": precision})
    made = Training(Mixed(module, loss=loss), Examples(torch.zeros(4, 1, side, side)), settings)
    list(made)
    assert seen == [inside] * 2
    assert all(p.dtype == torch.float32 for p in module.parameters())


# --- the log


def test_lines_are_logged_now_and_then_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their speed is that of the steps since the last line; a step takes two seconds here."""
    now = [0.0]

    def clock() -> float:
        now[0] += 2
        return now[0]

    monkeypatch.setattr("time.perf_counter", clock)
    heard: list[Any] = []
    fitted = fit(
        Given(Weights(), loss=slope()), Examples(torch.zeros(8, 1)), steps=7, batch=4, log_every=3,
        warmup=0.0, decay="none", log=heard.append,
    )  # fmt: skip
    assert heard == fitted.history
    assert [line["step"] for line in heard] == [3, 6, 7]
    assert [line["elapsed_s"] for line in heard] == [6, 12, 14]
    assert [line["examples_per_s"] for line in heard] == [2.0, 2.0, 2.0]
    assert fitted.seconds == 14
    first = heard[0]
    assert set(first) == {
        "step", "progress", "loss", "lr", "grad_norm", "examples_per_s", "elapsed_s", "skipped",
    }  # fmt: skip
    assert (first["lr"], first["skipped"], first["grad_norm"]) == (1e-3, 0, 5.0)
    assert first["progress"] == pytest.approx(3 / 7)
    assert all(isinstance(value, int | float) for value in first.values())
