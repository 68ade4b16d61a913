"""The contract of a backbone, built for small data of every kind that its tags accept."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from genlab.components.backbone import Backbone, FittedBackbone
from genlab.components.dataset import DataSpec
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
from genlab.testing.specs import built, fitting, labelled, require_built_as_tags_say
from genlab.testing.unasked import require_no_answer

__all__ = ["BuildBackbone", "backbone_checks", "check_backbone"]

BuildBackbone = Callable[[DataSpec], Backbone]
"""What builds a backbone: its class, a partial of it, or a function."""


def check_backbone(build: BuildBackbone) -> None:
    """Check a backbone against its contract.

    Args:
        build: Takes a :class:`~genlab.DataSpec` and returns the backbone; the class itself, or
            a :func:`functools.partial` of it with parameters.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(getattr(build, "__name__", repr(build)), backbone_checks(build))


def backbone_checks(build: BuildBackbone) -> Iterator[Check]:
    """Yield the checks of a backbone.

    Args:
        build: See :func:`check_backbone`.
    """
    case = _Case(build)
    yield from bind(_CHECKS, case)
    if case.specs:
        yield from component_checks(case.any)


_SPECS = (
    DataSpec((2,), "vector"),
    DataSpec((5,), "vector", 3, ("a", "b", "c")),
    DataSpec((1, 8, 8), "image"),
    DataSpec((2, 9, 12), "image", 3, ("a", "b", "c")),
    DataSpec((3, 28, 28), "image", 3, ("a", "b", "c")),
    DataSpec((1, 16), "series"),
    DataSpec((2, 15), "series", 3, ("a", "b", "c")),
    DataSpec((1, 4, 4, 4), "volume"),
    DataSpec((2, 5, 4, 6), "volume", 3, ("a", "b", "c")),
)
_MANY = 97  # examples of a large batch
_FITTED = 30  # examples that a backbone is fitted to that needs no training


@dataclass(frozen=True)
class _Case:
    build: BuildBackbone
    opened: dict[DataSpec, Backbone] = field(default_factory=dict)

    @cached_property
    def specs(self) -> list[DataSpec]:
        """Those of the small specifications that the backbone accepts by its tags."""
        return fitting(self.build, _SPECS)

    @property
    def smallest(self) -> list[DataSpec]:
        """The smallest of each kind."""
        first: dict[str, DataSpec] = {}
        for spec in self.specs:
            first.setdefault(spec.kind, spec)
        return list(first.values())

    def any(self) -> Backbone:
        """Build it for the smallest data that fits."""
        return self.fresh(self.specs[0])

    def fresh(self, spec: DataSpec, seed: int = 0) -> Backbone:
        """Build with a seed of its own, and leave the global generator as it was; fit what is fitted."""
        backbone = built(self.build, spec, seed)
        if isinstance(backbone, FittedBackbone):
            backbone.undo(CosineNoise(), jitter=0.0)
            y = torch.arange(_FITTED) % spec.classes if spec.classes else None
            x = example_data(spec.shape, _FITTED, seed=seed)
            backbone.fit(x, y, generator=seeded(seed))
        return backbone

    def random(self, spec: DataSpec) -> Backbone:
        """Build in eval mode with no parameter at zero, so that every path of the network is open."""
        if spec not in self.opened:
            backbone, generator = self.fresh(spec), seeded(1)
            with torch.no_grad():
                for p in backbone.parameters():
                    p.add_(0.1 * torch.randn(p.shape, generator=generator))
            self.opened[spec] = backbone.eval()
        return copy.deepcopy(self.opened[spec])


def _inputs(spec: DataSpec, n: int = 4) -> tuple[Tensor, Tensor, Tensor | None]:
    y = torch.arange(n) % (spec.classes + 1) - 1 if spec.classes else None
    return example_data(spec.shape, n), torch.linspace(0, 1, n), y


def _takes_what_its_tags_say(case: _Case) -> None:
    """It can be built for the kinds of data in its tags, and raises RequestError for the others."""
    require_built_as_tags_say(case.build, _SPECS)


def _shape_and_dtype_kept(case: _Case) -> None:
    """The output has the shape and dtype of x, also for a batch of one and at the ends of time."""
    for spec in case.specs:
        backbone = case.random(spec)
        for n in (1, 4):
            x, t, y = _inputs(spec, n)
            out = _call(backbone, x, t, y)
            require(
                out.shape == x.shape and out.dtype == x.dtype,
                f"{tuple(out.shape)} {out.dtype} from {tuple(x.shape)} {x.dtype}",
            )
            require(bool(out.isfinite().all()), f"values not finite, {spec}")


def _deterministic_in_eval(case: _Case) -> None:
    """In eval mode the same inputs give the same bits, and no global generator is touched."""
    for spec in case.specs:
        backbone, inputs = case.random(spec), _inputs(spec)
        first = _call(backbone, *inputs)
        with global_rng_untouched("forward()"):
            require_equal(_call(backbone, *inputs), first, f"two calls, {spec}")


def _inputs_not_mutated(case: _Case) -> None:
    """forward() does not write into x, t or y."""
    for spec in case.specs:
        inputs = _inputs(spec)
        kept = [None if v is None else v.clone() for v in inputs]
        with torch.no_grad():
            case.random(spec)(*inputs)
        for name, now, then in zip("xty", inputs, kept, strict=True):
            same = now is then or (now is not None and then is not None and torch.equal(now, then))
            require(same, f"forward() writes into {name}, {spec}")


def _batch_independent(case: _Case) -> None:
    """In eval mode every example has its own t and y, and does not see the others of its batch."""
    for spec in case.specs:
        backbone, (x, t, y) = case.random(spec), _inputs(spec)
        whole = _call(backbone, x, t, y)
        for i in range(len(x)):
            one = slice(i, i + 1)
            alone = _call(backbone, x[one], t[one], None if y is None else y[one])
            example = f"example {i} of {len(x)} against it alone, t = {float(t[i]):.2g}, {spec}"
            require_close(whole[one], alone, 1e-4, example)
    for spec in case.smallest:
        backbone, (x, t, y) = case.random(spec), _inputs(spec, _MANY)
        few = _call(backbone, x[-5:], t[-5:], None if y is None else y[-5:])
        example = f"the last 5 of {_MANY} examples against them alone, {spec}"
        require_close(_call(backbone, x, t, y)[-5:], few, 1e-4, example)


def _uses_time(case: _Case) -> None:
    """The output depends on t."""
    for spec in case.specs:
        backbone, (x, _, y) = case.random(spec), _inputs(spec)
        early, late = (_call(backbone, x, torch.full((len(x),), t), y) for t in (0.2, 0.7))
        require(not torch.allclose(early, late), f"t = 0.2 and t = 0.7 give the same, {spec}")


def _uses_labels(case: _Case) -> None:
    """Built with classes, the output depends on y, and -1 is None; without classes y is not looked at."""
    for spec in case.specs:
        x, t, _ = _inputs(spec)
        for classes, data in ((3, labelled(spec)), (0, spec.unlabelled())):
            backbone, example = case.random(data), f"{classes} classes, shape {spec.shape}"
            one, two, none = (_with_label(backbone, x, t, k) for k in (1, 2, -1))
            require_close(none, _call(backbone, x, t, None), 1e-6, f"y = -1 is not None, {example}")
            if classes:
                require(not torch.allclose(one, two), f"y = 1 and y = 2 give the same, {example}")
                require(not torch.allclose(none, two), f"y = -1 and y = 2 give the same, {example}")
            else:
                require_close(one, none, 1e-6, f"y = 1 is not None, {example}")


def _class_zero_is_a_class(case: _Case) -> None:
    """Built with classes, y = 0 is neither "no label" nor another class."""
    for spec in case.smallest:
        x, t, _ = _inputs(spec)
        backbone = case.random(labelled(spec))
        zero, one, none = (_with_label(backbone, x, t, k) for k in (0, 1, -1))
        require(not torch.allclose(zero, none), f"y = 0 and y = -1 give the same, {spec}")
        require(not torch.allclose(zero, one), f"y = 0 and y = 1 give the same, {spec}")


def _gradient_reaches_parameters(case: _Case) -> None:
    """Within four steps of an optimiser every parameter gets a gradient: layers at zero open up."""
    for spec in case.specs:
        backbone = case.fresh(spec).train()
        parameters = {k: p for k, p in backbone.named_parameters() if p.requires_grad and p.numel()}
        unreached = set(parameters)
        if not parameters:
            continue
        x, t, y = _inputs(spec)
        target = example_data(spec.shape, len(x), seed=3)
        with torch.random.fork_rng(devices=[]):
            for _ in range(4):
                backbone.zero_grad()
                (backbone(x, t, y) - target).square().mean().backward()
                for name in list(unreached):
                    gradient = parameters[name].grad
                    if gradient is not None and bool((gradient != 0).any()):
                        unreached.discard(name)
                _signed_step(backbone)
        require(not unreached, f"no gradient reaches {sorted(unreached)}, {spec}")


def _state_dict_round_trip(case: _Case) -> None:
    """A freshly built backbone with the state of another one gives the same output."""
    for spec in case.specs:
        backbone, inputs = case.random(spec), _inputs(spec)
        copy = case.fresh(spec, seed=9).eval()
        state = {name: value.clone() for name, value in backbone.state_dict().items()}
        copy.load_state_dict(state)
        require_equal(_call(copy, *inputs), _call(backbone, *inputs), f"the copy, {spec}")


def _finite_in_bfloat16(case: _Case) -> None:
    """Under bf16 autocast the output is finite and near that of float32."""
    for spec in case.specs:
        backbone, inputs = case.random(spec), _inputs(spec)
        want = _call(backbone, *inputs)
        with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # operations without bf16 fall back and say so
            got = _call(backbone, *inputs).float()
        require(bool(got.isfinite().all()), f"values not finite, {spec}")
        error = float((got - want).norm() / want.norm().clamp_min(1e-6))
        require(error < 0.2, f"bf16 is off by {error:.0%}, {spec}")


def _no_float64_off_the_cpu(case: _Case) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    for spec in case.smallest:
        backbone, (x, t, y) = case.fresh(spec).train(), _inputs(spec)
        with require_no_float64(f"{spec}") as device:
            out = backbone.to(device)(
                x.to(device), t.to(device), None if y is None else y.to(device)
            )
            if out.requires_grad:
                out.square().mean().backward()


def _replayable_if_it_says_so(case: _Case) -> None:
    """Tagged replayable, its forward and backward pass in training ask for no values of tensors."""
    for spec in case.specs:
        backbone, inputs = case.fresh(spec).train(), _inputs(spec)
        if backbone.tags.replayable:
            with torch.random.fork_rng(devices=[]), require_no_answer(f"{spec}"):
                backbone(*inputs).square().mean().backward()


@torch.no_grad()
def _signed_step(backbone: Backbone) -> None:
    """Move every parameter against the sign of its gradient, as Adam does at first."""
    for p in backbone.parameters():
        if p.grad is not None:
            p.sub_(0.01 * p.grad.sign())


_CHECKS = (
    _takes_what_its_tags_say,
    _shape_and_dtype_kept,
    _deterministic_in_eval,
    _inputs_not_mutated,
    _batch_independent,
    _uses_time,
    _uses_labels,
    _class_zero_is_a_class,
    _gradient_reaches_parameters,
    _state_dict_round_trip,
    _finite_in_bfloat16,
    _no_float64_off_the_cpu,
    _replayable_if_it_says_so,
)


@torch.no_grad()
def _call(backbone: Backbone, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
    out: Tensor = backbone(x.clone(), t.clone(), None if y is None else y.clone())
    return out


def _with_label(backbone: Backbone, x: Tensor, t: Tensor, k: int) -> Tensor:
    return _call(backbone, x, t, torch.full((len(x),), k))
