"""The contract of an optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genlab.components.optimiser import Optimiser
from genlab.testing.check import (
    Check,
    bind,
    global_rng_untouched,
    require,
    require_equal,
    run_checks,
    seeded,
)
from genlab.testing.component import component_checks
from genlab.testing.elsewhere import require_no_float64
from genlab.training.checkpoint import optimiser_from_tensors, optimiser_to_tensors

__all__ = ["check_optimiser", "optimiser_checks"]


def check_optimiser(instance: Optimiser) -> None:
    """Check an optimiser against its contract.

    Args:
        instance: The optimiser.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, optimiser_checks(instance))


def optimiser_checks(instance: Optimiser) -> Iterator[Check]:
    """Yield the checks of an optimiser.

    Args:
        instance: The optimiser.
    """
    yield from bind(_CHECKS, _Case(instance))
    yield from component_checks(lambda: instance)


_SHAPES: Sequence[tuple[int, ...]] = (
    (), (5,), (1, 4), (4, 1), (3, 4), (4, 3), (2, 3, 4), (6, 2, 3, 3), (2, 2, 1, 3, 2),
)  # fmt: skip
_STEPS = 30


@dataclass(frozen=True)
class _Training:
    """Weights of many shapes, at 0 at first, and the optimiser that moves them."""

    weights: list[nn.Parameter]
    optimiser: torch.optim.Optimizer

    def step(self, seed: int, without: int | None = None) -> None:
        """Do one step along the gradient of the distance to a noisy target."""
        generator = seeded(seed)
        for i, p in enumerate(self.weights):
            noise = 0.1 * torch.randn(p.shape, generator=generator)
            p.grad = None if i == without else (p.detach() - _target(p) + noise).clone()
        self.optimiser.step()

    def losses(self) -> list[float]:
        """Return the distance of each weight to its target."""
        return [float((p.detach() - _target(p)).square().sum()) for p in self.weights]


@dataclass(frozen=True)
class _Case:
    instance: Optimiser

    def start(self, copies: Sequence[Tensor] | None = None) -> _Training:
        """Build it for weights that are copies of others, or 0."""
        weights = []
        for i, shape in enumerate((*_SHAPES, (0, 3))):
            value = torch.zeros(shape) if copies is None else copies[i].detach().clone()
            if value.ndim == 4:
                value = value.to(memory_format=torch.channels_last)
            weights.append(nn.Parameter(value))
        return _Training(weights, self.instance.build(iter(weights)))


def _target(p: Tensor) -> Tensor:
    """Return where the weights should go: away from 0, where no decay leads."""
    return torch.linspace(1, 2, max(p.numel(), 1))[: p.numel()].reshape(p.shape)


def _builds_for_any_shape(case: _Case) -> None:
    """build() returns an optimiser of PyTorch that has every weight in one group with a learning rate."""
    training = case.start()
    optimiser = training.optimiser
    require(
        isinstance(optimiser, torch.optim.Optimizer),
        f"build() returns {type(optimiser).__name__}, no torch.optim.Optimizer",
    )
    held = sorted(id(p) for group in optimiser.param_groups for p in group["params"])
    shapes = [tuple(p.shape) for p in training.weights]
    require(
        held == sorted(map(id, training.weights)),
        f"its groups hold {len(held)} weights, not each of the shapes {shapes} once",
    )
    for group in optimiser.param_groups:
        require(float(group["lr"]) > 0, f"a group has the learning rate {group.get('lr')}")


def _lowers_a_quadratic(case: _Case) -> None:
    """It moves every weight towards the minimum of a quadratic function, and leaves its layout as it is."""
    training = case.start()
    layout = [p.stride() for p in training.weights]
    before = training.losses()
    for seed in range(_STEPS):
        training.step(seed)
    for p, was, now in zip(training.weights, before, training.losses(), strict=True):
        require(bool(p.isfinite().all()), f"weights of the shape {tuple(p.shape)} are not finite")
        require(
            now < was or not p.numel(),
            f"the distance of weights of the shape {tuple(p.shape)} went from {was:.4g} to {now:.4g}",
        )
    require(layout == [p.stride() for p in training.weights], "the layout of a weight has changed")


def _skips_weights_without_gradient(case: _Case) -> None:
    """A weight without a gradient stays as it is."""
    for i, shape in enumerate(_SHAPES):
        training = case.start([torch.ones(s) for s in (*_SHAPES, (0, 3))])
        training.step(0)
        before = training.weights[i].detach().clone()
        training.step(1, without=i)
        require_equal(training.weights[i].detach(), before, f"a weight of the shape {shape}")


def _respects_the_learning_rate(case: _Case) -> None:
    """A learning rate of 0 leaves weights as they are, and half a rate moves them by less."""
    moved = []
    for factor in (0.0, 0.5, 1.0):
        training = case.start([torch.ones(s) for s in (*_SHAPES, (0, 3))])
        for group in training.optimiser.param_groups:
            group["lr"] = group["lr"] * factor
        training.step(0)
        moved.append([float((p.detach() - 1).abs().sum()) for p in training.weights])
    for shape, none, half, whole in zip(_SHAPES, *moved, strict=False):
        require(none == 0, f"a weight of the shape {shape} moves by {none:.3g} at the rate 0")
        require(
            0 < half < 0.9 * whole,
            f"a weight of the shape {shape} moves by {half:.3g} at half the rate, and by {whole:.3g} at "
            f"the whole",
        )


def _goes_on_from_its_state(case: _Case) -> None:
    """A new optimiser with the state of another, as tensors, moves the same weights in the same way."""
    first = case.start()
    for seed in range(3):
        first.step(seed)
    state = {k: v.clone() for k, v in optimiser_to_tensors(first.optimiser).items()}
    second = case.start(first.weights)
    optimiser_from_tensors(second.optimiser, state)
    for seed in range(3, 6):
        first.step(seed)
        second.step(seed)
    for p, q in zip(first.weights, second.weights, strict=True):
        require_equal(q.detach(), p.detach(), f"a weight of the shape {tuple(p.shape)}")


def _reproducible(case: _Case) -> None:
    """The same gradients move the weights in the same way, and no global generator is touched."""
    ends = []
    for _ in range(2):
        with global_rng_untouched("the optimiser"):
            training = case.start()
            for seed in range(3):
                training.step(seed)
        ends.append(training.weights)
    for p, q in zip(*ends, strict=True):
        require_equal(q.detach(), p.detach(), f"a weight of the shape {tuple(p.shape)}")


def _no_float64_off_the_cpu(case: _Case) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    with require_no_float64("two steps") as device:
        weights = [nn.Parameter(torch.zeros(shape).to(device)) for shape in _SHAPES]
        optimiser = case.instance.build(iter(weights))
        for _ in range(2):
            for p in weights:
                p.grad = torch.ones_like(p)
            optimiser.step()


_CHECKS = (
    _builds_for_any_shape,
    _lowers_a_quadratic,
    _skips_weights_without_gradient,
    _respects_the_learning_rate,
    _goes_on_from_its_state,
    _reproducible,
    _no_float64_off_the_cpu,
)
