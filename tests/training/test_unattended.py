"""Steps that a CUDA device does alone; without one, what would be recorded is called in its place."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab.errors import RequestError, RunError
from genlab.training import unattended
from genlab.training.attended import Attended
from genlab.training.average import average_in_place, moving_average
from genlab.training.optimisers import AdamW, Muon
from genlab.training.recorded import Recorded
from genlab.training.settings import settings_of
from genlab.training.training import Training
from genlab.training.unattended import Unattended, mean_unattended

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
OPTIMISERS = [AdamW(lr=1e-2, weight_decay=0.1), Muon(lr=1e-2, weight_decay=0.1)]


class Fitting(genlab.MeanObjective):
    """The squared error of a line; in some steps the loss is not a number."""

    def __init__(self, bad: Sequence[int] = ()) -> None:
        self.network = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
        self.bad, self.drawn = bad, 0

    replayable = True

    @property
    def module(self) -> nn.Module:
        return self.network

    def draw(self, x: Tensor, y: Tensor | None, *, generator: torch.Generator) -> tuple[Tensor]:
        noise = torch.randn(len(x), 1, generator=generator, device=x.device)
        self.drawn += 1
        return (noise.fill_(math.nan) if self.drawn in self.bad else noise,)

    def mean_loss(self, network: Any, x: Tensor, y: Tensor | None, drawn: Sequence[Any]) -> Tensor:
        return (network(x) - x.sum(1, keepdim=True) - drawn[0]).square().mean()


def training(
    device: torch.device,
    optimiser: Any,
    graphs: str = "auto",
    bad: Sequence[int] = (),
    steps: int = 30,
) -> Training:
    torch.manual_seed(0)
    settings = settings_of({"steps": steps, "batch": 16, "graphs": graphs, "ema": 0.9})
    examples = genlab.load("moons").train
    return Training(Fitting(bad), examples, settings, optimiser=optimiser, seed=1, device=device)


def require_same(one: nn.Module, other: nn.Module, **tolerance: float) -> None:
    torch.testing.assert_close(one.state_dict(), other.state_dict(), **tolerance)


def alone(subject: Training, monkeypatch: pytest.MonkeyPatch) -> Training:
    """A training of the CPU whose steps are those of a device that is not waited for."""
    monkeypatch.setattr(unattended, "Recorded", lambda function, device: function)
    assert isinstance(subject.objective, genlab.MeanObjective)
    subject.stepping = Unattended(
        subject.objective, subject.network, subject.average, subject.module, subject.optimiser,
        subject.settings, device=subject.device,
    )  # fmt: skip
    return subject


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
@pytest.mark.parametrize("bad", [(), (1, 4, 5, 17)])
def test_an_unattended_training_is_the_same_training(
    optimiser: Any, bad: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step without a finite gradient leaves weights, averages and the optimiser's state as they are."""
    attended = training(CPU, optimiser, bad=bad)
    subject = alone(training(CPU, optimiser, bad=bad), monkeypatch)
    for expected, record in zip(attended, subject, strict=True):
        torch.testing.assert_close(record.loss, expected.loss, equal_nan=True)
        torch.testing.assert_close(record.grad_norm, expected.grad_norm, equal_nan=True)
        assert (record.step, record.lr) == (expected.step, expected.lr)
    require_same(subject.module, attended.module)
    assert subject.skipped == attended.skipped == len(bad)
    if not bad:  # those that are skipped count among the updates of the average
        require_same(subject.averaged, attended.averaged)


def test_a_training_without_a_finite_gradient_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = alone(training(CPU, AdamW(), bad=range(11, 90), steps=90), monkeypatch)
    with pytest.raises(
        RunError, match=r"the last 50 steps had no finite gradient \(step 60, loss nan\)"
    ):
        list(subject)
    assert subject.skipped == 50


def test_an_average_in_place_is_the_average() -> None:
    one, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.constant_(other.weight, 5)
    other(torch.randn(8, 2))
    average = moving_average(one, 0.9)
    average_in_place(average, other, torch.tensor(0.0))
    require_same(average.module, one)
    average_in_place(average, other, torch.tensor(0.25))
    assert average.module.weight.tolist() == [2, 2]
    assert int(average.module.num_batches_tracked) == 1
    average_in_place(average, other, torch.tensor(1.0))
    require_same(average.module, other)


@pytest.mark.parametrize(
    ("asked", "device", "optimiser", "replayable", "whole", "expected"),
    [
        ("auto", "cuda", "capturable", True, True, True),
        ("auto", "cuda", "capturable", False, True, False),
        ("auto", "cuda", "capturable", True, False, False),
        ("auto", "cuda", "plain", True, True, False),
        ("auto", "cpu", "capturable", True, True, False),
        ("on", "cuda", "capturable", False, True, True),
        ("off", "cuda", "capturable", True, True, False),
        ("on", "cpu", "capturable", True, True, r"'on' needs a CUDA device, and this is cpu$"),
        (
            "on",
            "cuda",
            "capturable",
            True,
            False,
            r"'on' needs one process that computes a batch at once",
        ),
        (
            "on",
            "cuda",
            "plain",
            True,
            True,
            r"'on' needs an optimiser that is capturable, .* SGD is none$",
        ),
    ],
)
def test_steps_are_recorded_where_it_is_asked_for_or_known_to_go(
    asked: Any, device: str, optimiser: str, replayable: bool, whole: bool, expected: bool | str
) -> None:
    objective = Fitting()
    objective.replayable = replayable
    weights = list(objective.module.parameters())
    made: torch.optim.Optimizer = torch.optim.SGD(weights, 0.1)
    if optimiser == "capturable":
        made = torch.optim.AdamW(weights, capturable=True, fused=True)

    def found() -> bool:
        mean = mean_unattended(asked, objective, made, torch.device(device), whole=whole)
        assert mean in (None, objective)
        return mean is not None

    if isinstance(expected, bool):
        assert found() is expected
    else:
        with pytest.raises(RequestError, match=expected):
            found()


def test_a_loss_that_is_no_mean_is_not_recorded() -> None:
    class Whole(Fitting):
        def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
            return super().__call__(*args, **kwargs)

    made = torch.optim.AdamW(Whole().module.parameters(), capturable=True, fused=True)
    assert mean_unattended("auto", Whole(), made, CUDA, whole=True) is None
    with pytest.raises(RequestError, match=r"needs a genlab\.MeanObjective, and Whole is none$"):
        mean_unattended("on", Whole(), made, CUDA, whole=True)


def test_the_built_in_losses_are_replayable_where_the_network_is() -> None:
    data = genlab.load("digits")
    network = genlab.build("backbone", "unet", data.spec, channels=(8,))
    restorer = genlab.Restorer(network, genlab.build("degradation", "gaussian"))
    flow = genlab.build("density", "realnvp", data.spec, couplings=2, width=8, scales=1)

    class Own(genlab.Denoising):
        def weights(self, t: Tensor) -> Tensor | None:
            return super().weights(t)

    assert genlab.Denoising(restorer).replayable
    assert genlab.Likelihood(flow).replayable
    assert not Own(restorer).replayable
    network.tags = genlab.BackboneTags(data=network.tags.data)
    assert not genlab.Denoising(restorer).replayable


@needs_cuda
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
@pytest.mark.parametrize("bad", [(), (2, 9, 17)])
def test_a_recorded_training_is_the_same_training(optimiser: Any, bad: Sequence[int]) -> None:
    recorded, plain = (training(CUDA, optimiser, graphs, bad) for graphs in ("on", "off"))
    assert isinstance(recorded.stepping, Unattended)
    assert isinstance(plain.stepping, Attended)
    for one, other in zip(recorded, plain, strict=True):
        torch.testing.assert_close(one.loss, other.loss, equal_nan=True, rtol=1e-3, atol=1e-3)
    require_same(recorded.module, plain.module, rtol=1e-2, atol=1e-2)
    assert recorded.skipped == plain.skipped == len(bad)


@needs_cuda
def test_a_recorded_training_goes_on_where_it_was_stopped() -> None:
    whole = training(CUDA, Muon())
    list(whole)
    first = training(CUDA, Muon())
    steps = iter(first)
    for _ in range(11):
        next(steps)
    second = training(CUDA, Muon())
    second.restore(first.checkpoint())
    assert [record.step for record in second] == list(range(12, 31))
    require_same(second.module, whole.module, rtol=1e-4, atol=1e-4)
    assert second.checkpoint().numbers["averaged"] == whole.checkpoint().numbers["averaged"]


@needs_cuda
def test_a_recorded_step_does_not_wait_for_the_device() -> None:
    subject = training(CUDA, Muon(), steps=15)
    steps = iter(subject)
    for _ in range(6):
        next(steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch says that the mode is a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(8):
            next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
def test_a_function_is_computed_anew_where_its_recording_does_not_fit() -> None:
    calls = []

    def doubled(x: Tensor, y: Tensor | None) -> tuple[Tensor, ...]:
        calls.append(len(x))
        return (2 * x if y is None else x + y,)

    subject = Recorded(doubled, CUDA)
    found = [subject(torch.full((3,), float(i), device=CUDA), None)[0] for i in range(7)]
    assert [x.tolist() for x in found] == [[2.0 * i] * 3 for i in range(7)]
    assert calls == [3] * 4
    assert subject(torch.ones(5, device=CUDA), None)[0].tolist() == [2] * 5
    assert subject(torch.ones(3, device=CUDA), torch.ones(3, device=CUDA))[0].tolist() == [2] * 3
    assert calls == [3] * 4 + [5, 3]


@needs_cuda
def test_a_function_that_cannot_be_recorded_is_computed() -> None:
    def shifted(x: Tensor) -> tuple[Tensor]:
        return (x + float(x.sum()),)

    subject = Recorded(shifted, CUDA)
    with pytest.warns(UserWarning, match=r"training goes on without CUDA graphs: "):
        found = [subject(torch.full((2,), float(i), device=CUDA))[0].tolist() for i in range(6)]
    assert found == [[3.0 * i] * 2 for i in range(6)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(training(CUDA, AdamW(), "on").stepping, Unattended)
        list(training(CUDA, AdamW(), "on"))
