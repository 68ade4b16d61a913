"""Checks of backbones, each on one with a planted fault that it alone finds."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import Backbone, BackboneTags, DataSpec
from genlab.testing import backbone_checks, check_backbone, component_checks
from genlab.testing.tiny import Perceptron


class Net(Perceptron):
    """A sound network for vectors, so that a fault is soon found."""

    tags = BackboneTags(data=frozenset({"vector"}))


class TakesAnything(Net):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(DataSpec((math.prod(spec.shape),), "vector", spec.classes, spec.names))


class RaisesSomethingElse(Net):
    def __init__(self, spec: DataSpec) -> None:
        if len(spec.shape) > 1:
            raise TypeError("too many dimensions")
        super().__init__(spec)


class ExtraNumber(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        return out.double() if x.device.type == "cpu" else out


class DoubleTimes(Net):
    """Takes float64 to where the data lies."""

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t.double().to(x.dtype), y)


class AsksForAValue(Net):
    """And says that a recording can stand for it."""

    tags = BackboneTags(data=frozenset({"vector"}), replayable=True)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, y) if bool(x.isfinite().all()) else x


class AsksForAShape(AsksForAValue):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = Net.forward(self, x, t, y)
        return out.index_put((t.isnan(),), torch.zeros((), dtype=x.dtype, device=x.device))


class GlobalRandomness(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        torch.rand(1)
        return super().forward(x, t, y)


class Dropout(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        return out + 1e-6 * torch.randn(out.shape, device=out.device)


class WritesIntoX(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        x.clamp_(-0.1, 0.1)
        return out


class SeesTheBatch(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, y) + 0.1 * x.mean(0)


class SeesLargeBatches(Net):
    """Normalises by its batch where there are more than 64 examples, in eval mode, too."""

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        x = (x - x.mean(0)) / x.std(0) if len(x) > 64 else x
        return super().forward(x, t, y)


class OneTime(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t[:1].expand(len(t)), y)


class IgnoresTime(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, 0 * t, y)


class OneAndTwoAreAlike(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, None if y is None else y.clamp(max=1))


class ClassZeroIsNone(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, None if y is None else torch.where(y > 0, y, -1))


class DeadLayer(Net):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.forgotten = nn.Linear(3, 3)


class ForgetsABuffer(Net):
    """A random projection that is not in the state."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.projection = torch.randn(math.prod(spec.shape))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, t, y) + x * self.projection.to(x)


class Overflows(Net):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = super().forward(x, t, y)
        coarse = torch.is_autocast_enabled("cpu")
        return out / 0 if coarse else out


FAULTS: list[tuple[type[Backbone], str]] = [
    (DoubleTimes, "no_float64_off_the_cpu"),
    (AsksForAValue, "replayable_if_it_says_so"),
    (AsksForAShape, "replayable_if_it_says_so"),
    (TakesAnything, "takes_what_its_tags_say"),
    (RaisesSomethingElse, "takes_what_its_tags_say"),
    (ExtraNumber, "shape_and_dtype_kept"),
    (GlobalRandomness, "deterministic_in_eval"),
    (WritesIntoX, "inputs_not_mutated"),
    (SeesTheBatch, "batch_independent"),
    (SeesLargeBatches, "batch_independent"),
    (OneTime, "batch_independent"),
    (IgnoresTime, "uses_time"),
    (OneAndTwoAreAlike, "uses_labels"),
    (ClassZeroIsNone, "class_zero_is_a_class"),
    (DeadLayer, "gradient_reaches_parameters"),
    (ForgetsABuffer, "state_dict_round_trip"),
    (Overflows, "finite_in_bfloat16"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: type[Backbone], check: str, found: Any) -> None:
    assert found(backbone_checks(broken)) == [check]


def test_dropout_in_eval_mode_is_found(found: Any) -> None:
    assert "deterministic_in_eval" in found(backbone_checks(Dropout))


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in backbone_checks(Net)}
    of_every_role = {
        check.name for check in component_checks(lambda: Net(DataSpec((2,), "vector")))
    }
    assert names - of_every_role == {check for _, check in FAULTS}


def test_one_that_cannot_be_built_shows_once(found: Any) -> None:
    class Never(Net):
        def __init__(self, spec: DataSpec) -> None:
            raise AttributeError("there is no such layer")

    class Refuses(Net):
        tags = BackboneTags(data=frozenset())

    assert found(backbone_checks(Never)) == ["takes_what_its_tags_say"]
    assert found(backbone_checks(Refuses)) == ["takes_what_its_tags_say"]


def test_parameters_may_be_empty_or_absent(found: Any) -> None:
    class Empty(Net):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.nothing = nn.Parameter(torch.empty(0, 3))
            self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)

    class Weightless(Net):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            for p in self.parameters():
                p.requires_grad_(False)

    assert found(backbone_checks(Empty)) == []
    assert found(backbone_checks(Weightless)) == []


@pytest.mark.parametrize("sound", [Net, Perceptron])
def test_sound_ones_pass(sound: type[Backbone]) -> None:
    check_backbone(sound)
