"""The map of a degradation: what is drawn, and how data is degraded over time."""

from __future__ import annotations

import math
import pickle

import torch
from torch import Tensor, nn

from genlab.components.dataset import KINDS
from genlab.components.degradation import AdditiveDegradation
from genlab.components.registry import registry
from genlab.diffusion.restorer import Restorer
from genlab.testing.check import (
    devices,
    example_data,
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    seeded,
)
from genlab.testing.degradation.case import (
    DTYPES,
    FEW,
    FINE,
    TIMES,
    Case,
    copied,
    require_like,
    same,
)

__all__ = ["CONTINUOUS", "MAPS"]

_MANY = 97  # examples of a large batch


def _tags_fit(case: Case) -> None:
    """The tags name kinds of data that exist, and agree with the class."""
    tags = case.degradation.tags
    require(bool(tags.data), "tags.data is empty")
    require(tags.data <= set(KINDS), f"tags.data = {sorted(tags.data)}: unknown kinds")
    require(
        tags.stochastic or not isinstance(case.degradation, AdditiveDegradation),
        "it is an AdditiveDegradation, but tags.stochastic is false",
    )


class _Nothing(nn.Module):
    """A network that answers with what it is given."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x


def _advice_can_be_followed(case: Case) -> None:
    """The density and the sampler that advice() names exist, and fit as its prediction does."""
    advice = case.degradation.advice()
    require(0 <= advice.terminal <= 1, f"advice().terminal = {advice.terminal} is no share")
    require(advice.jitter >= 0, f"advice().jitter = {advice.jitter} is no deviation")
    registry("density").entry(advice.prior)
    sampler = registry("sampler").get(advice.sampler)
    require(
        isinstance(case.degradation, sampler.requires),
        f"the sampler {advice.sampler!r} needs a {sampler.requires.__name__}",
    )
    Restorer(_Nothing(), case.degradation)  # raises where the prediction does not fit


def _draw_fits_tag(case: Case) -> None:
    """draw() returns None exactly where tags.stochastic is false; otherwise a z for each example."""
    stochastic = case.degradation.tags.stochastic
    for shape in case.shapes:
        x_0 = example_data(shape, 3)
        z = case.draw(x_0)
        require(
            (z is not None) == stochastic,
            f"tags.stochastic is {stochastic}, but draw() returns "
            f"{'None' if z is None else 'a tensor'} for shape {shape}",
        )
        if z is None:
            continue
        require(len(z) == 3, f"z has the shape {tuple(z.shape)} for a batch of 3")
        other = case.draw(x_0, seed=7)
        require(not same(z, other), f"seeds 1 and 7 draw the same z for shape {shape}")


def _reproducible_from_generator(case: Case) -> None:
    """draw() and expand() give the same values for the same seed of their generator."""
    for shape in case.shapes:
        x_0 = example_data(shape, 3)
        z = case.draw(x_0)
        require(same(z, case.draw(x_0)), f"draw() differs between two runs, shape {shape}")
        c = case.summarize(case.at(x_0, 1.0, z))
        require_equal(
            case.expand(c, shape), case.expand(c, shape), f"two runs of expand(), shape {shape}"
        )


def _global_rng_untouched(case: Case) -> None:
    """All randomness comes from the given generator; the global ones are left alone."""
    for shape in case.shapes:
        x_0 = example_data(shape, 3)
        with global_rng_untouched("draw()"):
            z = case.draw(x_0)
        with global_rng_untouched("degrade()"):
            x_1 = case.at(x_0, 1.0, z)
        with global_rng_untouched("summarize()"):
            c = case.summarize(x_1)
        with global_rng_untouched("expand()"):
            case.expand(c, shape)


def _deterministic_given_z(case: Case) -> None:
    """degrade() gives the same bits for the same x_0, t and z."""
    for shape in case.shapes:
        x_0 = example_data(shape, len(TIMES))
        t, z = torch.tensor(TIMES), case.draw(x_0)
        first = case.degrade(x_0, t, z)
        require_equal(
            case.degrade(x_0, t, z), first, f"two calls of degrade(), times {TIMES}, shape {shape}"
        )


def _identity_at_zero(case: Case) -> None:
    """D(x, 0; z) is x to the last bit, also for the examples at t = 0 of a mixed batch."""
    for shape in case.shapes:
        for dtype in DTYPES:
            x_0 = example_data(shape, 4, dtype=dtype)
            z = case.draw(x_0)
            require_equal(case.at(x_0, 0.0, z), x_0, f"t = 0, shape {shape}, {dtype}")
            t = torch.tensor([0.0, 0.5, 0.0, 1.0], dtype=dtype)
            mixed = case.degrade(x_0, t, z)[t == 0]
            require_equal(mixed, x_0[t == 0], f"t = 0 beside other times, shape {shape}, {dtype}")


def _inputs_not_mutated(case: Case) -> None:
    """No method writes into its arguments."""
    degradation = case.degradation
    for shape in case.shapes:
        x_0 = example_data(shape, len(TIMES))
        kept = x_0.clone()
        z = degradation.draw(x_0, generator=seeded(1))
        require(same(x_0, kept), f"draw() writes into x_0, shape {shape}")
        t = torch.tensor(TIMES)
        kept_t, kept_z = t.clone(), copied(z)
        x_t = degradation.degrade(x_0, t, z)
        for name, now, then in (("x_0", x_0, kept), ("t", t, kept_t), ("z", z, kept_z)):
            require(same(now, then), f"degrade() writes into {name}, shape {shape}")
        x_t.add_(1)
        require(same(x_0, kept), f"degrade() returns memory of x_0, shape {shape}")
        x_1 = case.at(x_0, 1.0, z)
        kept = x_1.clone()
        c = degradation.summarize(x_1)
        require(same(x_1, kept), f"summarize() writes into x_1, shape {shape}")
        kept = c.clone()
        degradation.expand(c, shape, generator=seeded(2))
        require(same(c, kept), f"expand() writes into c, shape {shape}")


def _shape_dtype_device(case: Case) -> None:
    """x_t has the shape, dtype and device of x_0; so have c and expand(c), which is (B, K) floats."""
    for shape in case.shapes:
        for device in devices():
            for dtype in DTYPES:
                x_0 = example_data(shape, 3, dtype=dtype, device=device)
                z = case.draw(x_0)
                for t_dtype in DTYPES:
                    t = torch.tensor([0.0, 0.5, 1.0], dtype=t_dtype, device=device)
                    what = f"degrade(), x_0 {dtype} on {device}, t {t_dtype}"
                    require_like(case.degrade(x_0, t, z), x_0, what)
                x_1 = case.at(x_0, 1.0, z)
                c = case.summarize(x_1)
                where = f"{dtype} on {device}, shape {shape}"
                require(c.ndim == 2 and len(c) == 3, f"c has the shape {tuple(c.shape)}, {where}")
                require(c.dtype == dtype, f"summarize() returns {c.dtype} for x_1 {where}")
                require_like(case.expand(c, shape), x_0, f"expand(), c {where}")


def _batch_independent(case: Case) -> None:
    """Degrading a batch with a time per example is degrading its examples one at a time."""
    for shape in case.shapes:
        x_0 = example_data(shape, len(TIMES))
        t, z = torch.tensor(TIMES), case.draw(x_0)
        whole = case.degrade(x_0, t, z)
        for i in range(len(t)):
            one = slice(i, i + 1)
            alone = case.degrade(x_0[one], t[one], None if z is None else z[one])
            example = f"example {i} of {len(t)} against it alone, t = {TIMES[i]}, shape {shape}"
            require_close(whole[one], alone, FEW, example)
    shape = min(case.shapes, key=math.prod)
    x_0, t = example_data(shape, _MANY), torch.linspace(0, 1, _MANY)
    z = case.draw(x_0)
    few = case.degrade(x_0[-5:], t[-5:], None if z is None else z[-5:])
    example = f"the last 5 of {_MANY} examples against them alone, shape {shape}"
    require_close(case.degrade(x_0, t, z)[-5:], few, FEW, example)


def _finite_everywhere(case: Case) -> None:
    """x_t is finite at the extremes of time, for constant images and for a batch of one."""
    for shape in case.shapes:
        for dtype in DTYPES:
            eps = torch.finfo(dtype).eps
            for t in (0.0, torch.finfo(dtype).tiny / 8, eps, 1 - eps, 1.0):
                for value in (0.0, 1.0, -1.0, None):
                    constant = torch.full((1, *shape), value or 0.0, dtype=dtype)
                    x_0 = example_data(shape, 1, dtype=dtype) if value is None else constant
                    x_t = case.at(x_0, t, case.draw(x_0))
                    kind = "generic data" if value is None else f"data constant at {value}"
                    require(
                        bool(x_t.isfinite().all()), f"t = {t!r}, {kind}, shape {shape}, {dtype}"
                    )


def _remembers_nothing(case: Case) -> None:
    """A call needs its arguments alone: data of another shape and another draw in between change nothing."""
    for shape, other in zip(case.shapes, (*case.shapes[1:], case.shapes[0]), strict=True):
        x_0, between = example_data(shape, 3), example_data(other, 2, seed=3)
        z = case.draw(x_0)
        x_t, c = case.at(x_0, 0.5, z), case.summarize(case.at(x_0, 1.0, z))
        x_1 = case.expand(c, shape)
        last = case.at(between, 1.0, case.draw(between, seed=7))
        example = f"shape {shape}, before and after data of the shape {other}"
        require_equal(case.expand(c, shape), x_1, f"expand(), {example}")
        case.expand(case.summarize(last), other)
        require_equal(case.at(x_0, 0.5, z), x_t, f"degrade(), {example}")


def _picklable(case: Case) -> None:
    """A pickled copy degrades alike."""
    copy = Case(pickle.loads(pickle.dumps(case.degradation)), case.shapes)
    for shape in case.shapes:
        x_0 = example_data(shape, len(TIMES))
        t, z = torch.tensor(TIMES), case.draw(x_0)
        example = f"the pickled copy, times {TIMES}, shape {shape}"
        require_close(copy.degrade(x_0, t, z), case.degrade(x_0, t, z), FEW, example)


def _no_plateau(case: Case) -> None:
    """Every step of a grid of 200 changes generic data: no time is spent on nothing."""
    for shape in case.shapes:
        # float64: rounding in float32 would pass for a change, or swallow one
        x_0 = example_data(shape, 1, dtype=torch.float64)
        times = torch.linspace(0, 1, FINE + 1, dtype=torch.float64)
        path = case.path(x_0, case.draw(x_0), times)
        change = path.diff(dim=0).flatten(1).norm(dim=1)
        total = float((path[-1] - path[0]).norm())
        still = (change <= 1e-9 * total).nonzero().flatten().tolist()
        require(
            not still,
            f"from t = {still[0] / FINE if still else 0:g} to {(still[0] + 1) / FINE if still else 0:g} "
            f"nothing changes ({len(still)} of {FINE} steps), shape {shape}",
        )


def _continuous_in_time(case: Case) -> None:
    """x_t has no jumps in t: the largest step shrinks when the grid is refined around it."""
    for shape in case.shapes:
        x_0 = example_data(shape, 1, dtype=torch.float64)
        z = case.draw(x_0)
        ends = case.path(x_0, z, torch.tensor([0.0, 1.0], dtype=torch.float64))
        total = float((ends[1] - ends[0]).norm())
        low, high, jump = 0.0, 1.0, math.inf
        for points in (FINE, 64, 64):
            times = torch.linspace(low, high, points + 1, dtype=torch.float64)
            change = case.path(x_0, z, times).diff(dim=0).flatten(1).norm(dim=1)
            i = int(change.argmax())
            low, high, jump = float(times[i]), float(times[i + 1]), float(change[i])
        require(
            jump <= 0.01 * total,
            f"x_t jumps by {jump / total:.1%} of |x_1 - x_0| between t = {low:.7g} and {high:.7g}, "
            f"shape {shape}",
        )


MAPS = (
    _tags_fit,
    _advice_can_be_followed,
    _draw_fits_tag,
    _reproducible_from_generator,
    _global_rng_untouched,
    _deterministic_given_z,
    _identity_at_zero,
    _inputs_not_mutated,
    _shape_dtype_device,
    _batch_independent,
    _finite_everywhere,
    _remembers_nothing,
    _picklable,
)
"""Checks of every degradation."""
CONTINUOUS = (_no_plateau, _continuous_in_time)
"""Checks of those whose time does not count in steps."""
