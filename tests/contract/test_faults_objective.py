"""Checks of objectives, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import Denoising, Likelihood, Network, Objective, RequestError
from genlab.testing import check_objective, component_checks, objective_checks
from genlab.testing.tiny import AffineFlow, Perceptron


class Imitation(Objective):
    """A sound objective: a backbone learns to return its input, and half of it for class 0.

    Args:
        backbone: What is trained.
    """

    requires = Perceptron

    def __init__(self, backbone: Perceptron) -> None:
        self.backbone = backbone

    @property
    def module(self) -> nn.Module:
        return self.backbone

    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        t = torch.rand(len(x), generator=generator, device=x.device)
        return (network(x, t, y).float() - x).square().mean()


class RequiresAName(Imitation):
    requires = "Perceptron"  # type: ignore[assignment]


class TrainsSomethingElse(Imitation):
    """Its module has a layer that the model does not have."""

    @property
    def module(self) -> nn.Module:
        return self._own

    def __init__(self, backbone: Perceptron) -> None:
        super().__init__(backbone)
        self._own = _Scaled(backbone)


class _Scaled(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone, self.scale = backbone, nn.Parameter(torch.ones(1))

    def forward(self, *args: Any) -> Tensor:
        out: Tensor = self.scale * self.backbone(*args)
        return out


class PerExample(Imitation):
    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        return super().__call__(network, x, y, **rest)[None]


class FailsOnUnknown(Imitation):
    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        loss = super().__call__(network, x, y, **rest)
        return loss if y is None or bool((y >= 0).any()) else loss / 0


class DoubleError(Imitation):
    """Measures the error in float64."""

    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        loss = super().__call__(network, x, y, **rest)
        return loss.double().float()


class GlobalTimes(Imitation):
    """Draws from the global generator, and throws it away."""

    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        torch.rand(1)
        return super().__call__(network, x, y, **rest)


class Counts(Imitation):
    """The loss falls with the number of calls."""

    def __init__(self, backbone: Perceptron) -> None:
        super().__init__(backbone)
        self.calls = 0

    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        self.calls += 1
        return super().__call__(network, x, y, **rest) * (1 - 1e-6 * self.calls)


class HidesLabelsInPlace(Imitation):
    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        loss = super().__call__(network, x, y, **rest)
        if y is not None:
            y[-1:] = -1
        return loss


class CallsItsModule(Imitation):
    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        return super().__call__(self.module, x, y, **rest)


class StaysInBFloat16(Imitation):
    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        t = torch.rand(len(x), generator=generator, device=x.device)
        out = network(x, t, y)
        return (out - x.to(out.dtype)).square().mean()


class NoGradientOfLabels(Imitation):
    """Only the values of labels count, not their weights."""

    def __call__(
        self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
    ) -> Tensor:
        t = torch.rand(len(x), generator=generator, device=x.device)
        label = self.backbone.label
        assert label is not None
        with_labels = network(x, t, y).float()
        label.weight.requires_grad_(False)
        loss = (network(x, t, y).float() - x).square().mean()
        label.weight.requires_grad_(True)
        return loss + 0 * with_labels.detach().mean()


class ClassZeroIsUnknown(Imitation):
    def __call__(self, network: Network, x: Tensor, y: Tensor | None, **rest: Any) -> Tensor:
        y = None if y is None else torch.where(y > 0, y, -1)
        return super().__call__(network, x, y, **rest)


class InitialisedByChance(Imitation):
    calls = 0

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        type(self).calls += 1
        with torch.no_grad():
            self.backbone.first.bias.fill_(1e-3 * self.calls)


FAULTS: list[tuple[type[Objective], str]] = [
    (DoubleError, "no_float64_off_the_cpu"),
    (TrainsSomethingElse, "trains_what_it_requires"),
    (PerExample, "loss_is_finite_scalar"),
    (FailsOnUnknown, "loss_is_finite_scalar"),
    (Counts, "reproducible_from_generator"),
    (GlobalTimes, "global_rng_untouched"),
    (HidesLabelsInPlace, "inputs_not_mutated"),
    (CallsItsModule, "calls_the_network"),
    (StaysInBFloat16, "takes_bfloat16"),
    (NoGradientOfLabels, "gradient_reaches_weights"),
    (ClassZeroIsUnknown, "class_zero_is_a_class"),
    (InitialisedByChance, "initialise_reproducible"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: type[Objective], check: str, found: Any) -> None:
    assert found(objective_checks(broken)) == [check]


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in objective_checks(Imitation)}
    of_every_role = {check.name for check in component_checks(lambda: None)}  # type: ignore[arg-type, return-value]
    assert names - of_every_role == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [Imitation, Denoising, Likelihood])
def test_sound_ones_pass(sound: type[Objective]) -> None:
    check_objective(sound)


def test_a_model_of_its_own_may_be_given(found: Any) -> None:
    class OfMyFlow(Imitation):
        class Mine(AffineFlow):
            pass

        requires = Mine

        def __call__(
            self, network: Network, x: Tensor, y: Tensor | None, *, generator: torch.Generator
        ) -> Tensor:
            return -network(x).float().logsumexp(1).mean()

    with pytest.raises(RequestError, match="no small Mine at hand: give a model"):
        next(objective_checks(OfMyFlow)).run()
    assert found(objective_checks(OfMyFlow, model=OfMyFlow.Mine)) == []
