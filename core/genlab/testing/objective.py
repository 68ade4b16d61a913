"""The contract of an objective, built for a small model of what it requires."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genlab.components.dataset import DataSpec
from genlab.components.objective import Network, Objective
from genlab.diffusion.restorer import Restorer
from genlab.errors import RequestError
from genlab.testing.check import (
    Check,
    bind,
    example_data,
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    run_checks,
    seeded,
)
from genlab.testing.component import component_checks
from genlab.testing.elsewhere import require_no_float64
from genlab.testing.reference import CosineNoise
from genlab.testing.tiny import AffineFlow, Perceptron

__all__ = ["BuildObjective", "check_objective", "objective_checks", "small_things"]

BuildObjective = Callable[[Any], Objective]
"""What builds an objective from what it trains: its class, a partial of it, or a function."""


def check_objective(
    build: BuildObjective, *, model: Callable[[DataSpec], Any] | None = None
) -> None:
    """Check an objective against its contract.

    Args:
        build: Takes what is trained and returns the objective; the class itself, or a
            :func:`functools.partial` of it with parameters.
        model: Builds what it trains, for vectors of two numbers with three classes. None: a small restorer, a
            small flow or a small backbone, whichever it requires.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(getattr(build, "__name__", repr(build)), objective_checks(build, model=model))


def objective_checks(
    build: BuildObjective, *, model: Callable[[DataSpec], Any] | None = None
) -> Iterator[Check]:
    """Yield the checks of an objective.

    Args:
        build: See :func:`check_objective`.
        model: See :func:`check_objective`.
    """
    case = _Case(build, _models() if model is None else (model,))
    yield from bind(_CHECKS, case)
    yield from component_checks(case.fresh)


_SPEC = DataSpec((2,), "vector", 3, ("a", "b", "c"))


def small_things() -> Iterator[Any]:
    """Yield what components are built from: small data of several kinds, and small models."""
    yield from (_SPEC, DataSpec((1, 8, 8), "image"), DataSpec((1, 16), "series"))
    yield from (make(_SPEC) for make in _models())


def _models() -> tuple[Callable[[DataSpec], Any], ...]:
    """Return what builds small models, one of each kind that an objective may require."""
    return (lambda spec: Restorer(Perceptron(spec), CosineNoise()), AffineFlow, Perceptron)


@dataclass(frozen=True)
class _Case:
    build: BuildObjective
    models: tuple[Callable[[DataSpec], Any], ...]

    def fresh(self) -> Objective:
        """Build it for a model with random weights, the same each time."""
        target: Any = getattr(self.build, "func", self.build)
        requires = getattr(target, "requires", object)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for make in self.models:
                model = make(_SPEC)
                if not isinstance(model, requires):
                    continue
                objective = self.build(model)
                with torch.no_grad():
                    for p in objective.module.parameters():
                        p.add_(0.3 * torch.randn(p.shape))
                return objective
        raise RequestError(f"there is no small {requires.__name__} at hand: give a model")

    def loss(
        self,
        objective: Objective,
        y: Tensor | None,
        *,
        n: int = 12,
        seed: int = 5,
        network: Network | None = None,
    ) -> Tensor:
        """Return the loss of ``n`` examples."""
        y = None if y is None else y.clone()
        network = objective.module if network is None else network
        return objective(network, example_data(_SPEC.shape, n), y, generator=seeded(seed))


def _labels(n: int = 12) -> dict[str, Tensor | None]:
    return {
        "no labels": None,
        "all labels": torch.arange(n) % 3,
        "some labels unknown": torch.arange(n) % 4 - 1,
        "all labels unknown": torch.full((n,), -1),
    }


def _trains_what_it_requires(case: _Case) -> None:
    """What it requires is a class, and its module has weights that are those of the model it was given."""
    objective = case.fresh()
    require(isinstance(objective.requires, type), f"requires = {objective.requires!r} is no class")
    model = objective.built_for
    require(
        isinstance(model, objective.requires),
        f"it is built for a {type(model).__name__}, not a {objective.requires.__name__}",
    )
    known = {id(p) for p in model.parameters()} if isinstance(model, nn.Module) else set()
    own = [p for p in objective.module.parameters() if p.requires_grad]
    require(bool(own), "its module has no weights")
    require(all(id(p) in known for p in own), "its module has weights that the model does not have")


def _loss_is_finite_scalar(case: _Case) -> None:
    """The loss is a finite float32 scalar with a gradient, also of one example and with unknown labels."""
    objective = case.fresh()
    for n in (12, 1):
        for name, y in _labels(n).items():
            loss, example = case.loss(objective, y, n=n), f"{n} examples, {name}"
            value = loss.detach()
            require(loss.shape == (), f"the loss has the shape {tuple(loss.shape)}, {example}")
            require(loss.dtype == torch.float32, f"the loss is {loss.dtype}, {example}")
            require(bool(value.isfinite()), f"the loss is {float(value)}, {example}")
            require(loss.requires_grad, f"the loss has no gradient, {example}")


def _reproducible_from_generator(case: _Case) -> None:
    """The same weights, batch and seed give the same loss."""
    objective, again = case.fresh(), case.fresh()
    for name, y in _labels().items():
        first, second = (case.loss(objective, y).detach() for _ in range(2))
        require_equal(second, first, f"two losses, {name}")
        require_equal(case.loss(again, y).detach(), first, f"two objectives, {name}")


def _global_rng_untouched(case: _Case) -> None:
    """All randomness comes from the given generator; the global ones are left alone."""
    objective = case.fresh()
    with global_rng_untouched("the loss"):
        case.loss(objective, _labels()["some labels unknown"])
    with global_rng_untouched("initialise()"):
        objective.initialise(example_data(_SPEC.shape, 50), generator=seeded(1))


def _inputs_not_mutated(case: _Case) -> None:
    """The loss leaves x, y and the weights as they are, and initialise() leaves x."""
    objective = case.fresh()
    x, y = example_data(_SPEC.shape, 12), torch.arange(12) % 4 - 1
    kept = {k: v.clone() for k, v in objective.module.state_dict().items()}
    objective(objective.module, x, y, generator=seeded(5))
    require_equal(x, example_data(_SPEC.shape, 12), "x after the loss")
    require_equal(y, torch.arange(12) % 4 - 1, "y after the loss")
    for name, value in objective.module.state_dict().items():
        require_equal(value, kept[name], f"the weight {name} after the loss")
    objective.initialise(x, generator=seeded(1))
    require_equal(x, example_data(_SPEC.shape, 12), "x after initialise()")


def _calls_the_network(case: _Case) -> None:
    """The loss is that of the network it is given, which may be a wrapped module; it calls no other."""
    objective = case.fresh()
    other = copy.deepcopy(objective.module)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.5)
    calls: list[int] = []
    hook = objective.module.register_forward_hook(lambda *_: calls.append(1))
    y = torch.arange(12) % 3
    loss = case.loss(objective, y, network=lambda *args: other(*args))
    hook.remove()
    require(not calls, "the loss calls its module, and not the network that it is given")
    own = case.loss(objective, y)
    require(not torch.allclose(loss, own), "another network has the same loss")


def _takes_bfloat16(case: _Case) -> None:
    """A network that computes in bf16 gives about the same loss, in float32."""
    objective = case.fresh()
    y, module = torch.arange(12) % 3, objective.module
    loss = case.loss(objective, y, network=lambda *args: module(*args).bfloat16())
    require(loss.dtype == torch.float32, f"the loss of bf16 outputs is {loss.dtype}")
    require_close(loss.detach(), case.loss(objective, y).detach(), 0.05, "the loss of bf16 outputs")


def _gradient_reaches_weights(case: _Case) -> None:
    """Within four steps the gradient of the loss reaches every weight of the module."""
    objective = case.fresh()
    weights = {
        k: p for k, p in objective.module.named_parameters() if p.requires_grad and p.numel()
    }
    unreached = set(weights)
    for step in range(4):
        objective.module.zero_grad()
        case.loss(objective, torch.arange(12) % 4 - 1, seed=step).backward()
        reached = {k for k, p in weights.items() if p.grad is not None and bool(p.grad.any())}
        unreached -= reached
        with torch.no_grad():
            for k in reached:
                weights[k].sub_(0.01 * torch.randn(weights[k].shape, generator=seeded(step)))
    require(not unreached, f"no gradient reaches {sorted(unreached)}")


def _class_zero_is_a_class(case: _Case) -> None:
    """Where labels matter, y = 0 is neither "unknown" nor another class."""
    objective = case.fresh()
    zero, one, two, unknown = (
        float(case.loss(objective, torch.full((12,), k)).detach()) for k in (0, 1, 2, -1)
    )
    if one == two:
        return
    require(zero != unknown, f"y = 0 and y = -1 have the same loss, {zero}")
    require(zero != one, f"y = 0 and y = 1 have the same loss, {zero}")


def _initialise_reproducible(case: _Case) -> None:
    """initialise() with the same data and seed sets the same weights."""
    states = []
    for _ in range(2):
        objective = case.fresh()
        objective.initialise(example_data(_SPEC.shape, 50), generator=seeded(1))
        states.append(objective.module.state_dict())
    for name, value in states[0].items():
        require_equal(
            states[1][name], value, f"the weight {name} of two that are initialised alike"
        )


def _no_float64_off_the_cpu(case: _Case) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    objective, y = case.fresh(), torch.arange(12) % 4 - 1
    x = example_data(_SPEC.shape, 12)
    objective.initialise(x, generator=seeded(1))
    with require_no_float64("the loss") as device:
        objective.module.to(device)
        generator = seeded(5, device)
        objective(objective.module, x.to(device), y.to(device), generator=generator).backward()


_CHECKS = (
    _trains_what_it_requires,
    _loss_is_finite_scalar,
    _reproducible_from_generator,
    _global_rng_untouched,
    _inputs_not_mutated,
    _calls_the_network,
    _takes_bfloat16,
    _gradient_reaches_weights,
    _class_zero_is_a_class,
    _initialise_reproducible,
    _no_float64_off_the_cpu,
)
