"""Checks of optimisers, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn

from genlab import AdamW, Muon, Optimiser
from genlab.testing import check_optimiser, component_checks, optimiser_checks


class Descent(Optimiser):
    """A sound optimiser: gradient descent with momentum.

    Args:
        lr: The learning rate.
    """

    kind: Any = torch.optim.SGD

    def __init__(self, *, lr: float = 0.02) -> None:
        self.lr = lr

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimiser: torch.optim.Optimizer = self.kind(list(parameters), lr=self.lr, momentum=0.9)
        return optimiser


class SkipsMatrices(Descent):
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return super().build([p for p in parameters if p.numel()])


class DoubleRate(Descent):
    """Counts its rate in float64, where the weights lie."""

    class kind(torch.optim.SGD):  # noqa: N801
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for p in group["params"]:
                    torch.ones((), dtype=torch.float64, device=p.device)
            return super().step(closure)


class Upwards(Descent):
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(list(parameters), lr=self.lr, maximize=True)


class LosesTheLayout(Descent):
    class kind(torch.optim.SGD):  # noqa: N801
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            for group in self.param_groups:
                for p in group["params"]:
                    p.data = p.data.contiguous()


class DecaysAll(Descent):
    # Weight decay for all weights, with a gradient or without

    class kind(torch.optim.SGD):  # noqa: N801
        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(1 - 0.01 * group["lr"])


class OwnRate(Descent):
    # Remembers its first learning rate

    class kind(torch.optim.SGD):  # noqa: N801
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                group["lr"] = group.setdefault("first", 0.02)
            super().step(closure)


class CountsOutside(Descent):
    # Its momentum is in no state that can be stored

    class kind(torch.optim.SGD):  # noqa: N801
        steps = 0

        def step(self, closure: Any = None) -> Any:
            self.steps += 1
            for group in self.param_groups:
                group["momentum"] = 0.9 / self.steps
            super().step(closure)


class Shakes(Descent):
    # Adds noise from the global generator

    class kind(torch.optim.SGD):  # noqa: N801
        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            torch.rand(1)
            super().step(closure)


FAULTS: list[tuple[type[Optimiser], str]] = [
    (DoubleRate, "no_float64_off_the_cpu"),
    (SkipsMatrices, "builds_for_any_shape"),
    (Upwards, "lowers_a_quadratic"),
    (LosesTheLayout, "lowers_a_quadratic"),
    (DecaysAll, "skips_weights_without_gradient"),
    (OwnRate, "respects_the_learning_rate"),
    (CountsOutside, "goes_on_from_its_state"),
    (Shakes, "reproducible"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: type[Optimiser], check: str, found: Any) -> None:
    assert found(optimiser_checks(broken())) == [check]


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in optimiser_checks(Descent())}
    of_every_role = {check.name for check in component_checks(Descent)}
    assert names - of_every_role == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [Descent(), AdamW(weight_decay=0.1), Muon(weight_decay=0.1)])
def test_sound_ones_pass(sound: Optimiser) -> None:
    check_optimiser(sound)
