"""The contract of a degradation, generated from its tags."""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from genlab.protocols import (
    AdditiveDegradation,
    Degradation,
    DiagonalDegradation,
    GaussianDegradation,
)
from genlab.protocols.degradation import right_expand
from genlab.testing.check import (
    Check,
    bind,
    devices,
    example_data,
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    run_checks,
    seeded,
)

__all__ = ["check_degradation", "degradation_checks"]

Shape = tuple[int, ...]


def check_degradation(instance: Degradation, *, shapes: Sequence[Shape] | None = None) -> None:
    """Check a degradation against its contract.

    Args:
        instance: The degradation.
        shapes: Shapes of one example, smallest first. None: small, odd and non-square ones of every
            kind of data in the tags.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, degradation_checks(instance, shapes=shapes))


def degradation_checks(
    instance: Degradation, *, shapes: Sequence[Shape] | None = None
) -> Iterator[Check]:
    """Yield the checks that the tags of a degradation ask for.

    Args:
        instance: The degradation.
        shapes: See :func:`check_degradation`.
    """
    tags = instance.tags
    if shapes is None:
        shapes = [shape for kind in sorted(tags.data) for shape in _SHAPES.get(kind, ())]
    case = _Case(instance, tuple(tuple(shape) for shape in shapes))
    yield from bind(_ALWAYS, case)
    if tags.gaussian:
        yield from bind(_GAUSSIAN, case)
    if tags.diagonal:
        yield from bind([_diagonal_basis, _diagonal_mixture], case)
    if tags.additive:
        yield from bind([_noise_explains], case)
    if tags.linear:
        yield from bind([_linear_map, _adjoint], case)
    if tags.semigroup and tags.linear:
        yield from bind([_semigroup_of_maps], case)
    if tags.invertible:
        yield from bind([_inverse], case)


@dataclass(frozen=True)
class _Case:
    """A degradation that is always called with copies, so that only one check sees it write."""

    degradation: Degradation
    shapes: tuple[Shape, ...]

    def draw(self, x_0: Tensor, seed: int = 1) -> Tensor | None:
        return self.degradation.draw(x_0.clone(), generator=seeded(seed, x_0.device))

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return self.degradation.degrade(x_0.clone(), t.clone(), _copy(z))

    def at(self, x_0: Tensor, t: float, z: Tensor | None) -> Tensor:
        return self.degrade(x_0, _times(t, x_0), z)

    def summarize(self, x_1: Tensor) -> Tensor:
        return self.degradation.summarize(x_1.clone())

    def expand(self, c: Tensor, shape: Shape, seed: int = 2) -> Tensor:
        return self.degradation.expand(c.clone(), shape, generator=seeded(seed, c.device))

    def linear(self, name: str, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Call ``A`` or ``A_adjoint``, which may take z when the map depends on it."""
        method: Any = getattr(self.degradation, name)
        takes_z = len(inspect.signature(method).parameters) > 2
        result: Tensor = method(x, t, z) if takes_z else method(x, t)
        return result

    def path(self, x_0: Tensor, z: Tensor | None, times: Tensor) -> Tensor:
        """Return one example at many times, ``(len(times), *shape)``."""
        n = len(times)
        many = None if z is None else z[:1].repeat_interleave(n, 0)
        return self.degrade(x_0[:1].repeat_interleave(n, 0), times, many)


_SHAPES: dict[str, tuple[Shape, ...]] = {
    "image": ((1, 8, 8), (2, 9, 12), (3, 28, 28)),
    "vector": ((2,), (5,)),
}
_TIMES = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
_FINE = 200  # steps of the fine grid
_DTYPES = (torch.float32, torch.float64)
_EXACT = 1e-6  # float64 results of two ways to the same number
_FEW = 1e-5  # float32 results whose order of summation differs


def _tags_fit(case: _Case) -> None:
    """The tags are consistent with each other, with the base class and with the methods."""
    degradation, tags = case.degradation, case.degradation.tags
    require(bool(tags.data), "tags.data is empty")
    require(tags.data <= _SHAPES.keys(), f"tags.data = {sorted(tags.data)}: unknown kinds")
    require(
        not tags.gaussian or (tags.additive and tags.stochastic),
        "tags.gaussian is true, but tags.additive and tags.stochastic are not both true",
    )
    require(
        not tags.diagonal or (tags.additive and tags.stochastic),
        "tags.diagonal is true, but tags.additive and tags.stochastic are not both true",
    )
    bases = {
        "gaussian": GaussianDegradation,
        "diagonal": DiagonalDegradation,
        "additive": AdditiveDegradation,
    }
    for tag, base in bases.items():
        require(
            not getattr(tags, tag) or isinstance(degradation, base),
            f"tags.{tag} is true, but the class is no {base.__name__}",
        )
    for tag, methods in (("linear", ("A", "A_adjoint")), ("invertible", ("invert",))):
        for method in methods:
            require(
                not getattr(tags, tag) or callable(getattr(degradation, method, None)),
                f"tags.{tag} is true, but there is no method {method}",
            )


def _draw_fits_tag(case: _Case) -> None:
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
        require(not _same(z, other), f"seeds 1 and 7 draw the same z for shape {shape}")


def _reproducible_from_generator(case: _Case) -> None:
    """draw() and expand() give the same values for the same seed of their generator."""
    for shape in case.shapes:
        x_0 = example_data(shape, 3)
        z = case.draw(x_0)
        require(_same(z, case.draw(x_0)), f"draw() differs between two runs, shape {shape}")
        c = case.summarize(case.at(x_0, 1.0, z))
        require_equal(
            case.expand(c, shape), case.expand(c, shape), f"two runs of expand(), shape {shape}"
        )


def _global_rng_untouched(case: _Case) -> None:
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


def _deterministic_given_z(case: _Case) -> None:
    """degrade() gives the same bits for the same x_0, t and z."""
    for shape in case.shapes:
        x_0 = example_data(shape, len(_TIMES))
        t, z = torch.tensor(_TIMES), case.draw(x_0)
        first = case.degrade(x_0, t, z)
        require_equal(
            case.degrade(x_0, t, z), first, f"two calls of degrade(), times {_TIMES}, shape {shape}"
        )


def _identity_at_zero(case: _Case) -> None:
    """D(x, 0; z) is x to the last bit, also for the examples at t = 0 of a mixed batch."""
    for shape in case.shapes:
        for dtype in _DTYPES:
            x_0 = example_data(shape, 4, dtype=dtype)
            z = case.draw(x_0)
            require_equal(case.at(x_0, 0.0, z), x_0, f"t = 0, shape {shape}, {dtype}")
            t = torch.tensor([0.0, 0.5, 0.0, 1.0], dtype=dtype)
            mixed = case.degrade(x_0, t, z)[t == 0]
            require_equal(mixed, x_0[t == 0], f"t = 0 beside other times, shape {shape}, {dtype}")


def _inputs_not_mutated(case: _Case) -> None:
    """No method writes into its arguments."""
    degradation = case.degradation
    for shape in case.shapes:
        x_0 = example_data(shape, len(_TIMES))
        kept = x_0.clone()
        z = degradation.draw(x_0, generator=seeded(1))
        require(_same(x_0, kept), f"draw() writes into x_0, shape {shape}")
        t = torch.tensor(_TIMES)
        kept_t, kept_z = t.clone(), _copy(z)
        x_t = degradation.degrade(x_0, t, z)
        for name, now, then in (("x_0", x_0, kept), ("t", t, kept_t), ("z", z, kept_z)):
            require(_same(now, then), f"degrade() writes into {name}, shape {shape}")
        x_t.add_(1)
        require(_same(x_0, kept), f"degrade() returns memory of x_0, shape {shape}")
        x_1 = case.at(x_0, 1.0, z)
        kept = x_1.clone()
        c = degradation.summarize(x_1)
        require(_same(x_1, kept), f"summarize() writes into x_1, shape {shape}")
        kept = c.clone()
        degradation.expand(c, shape, generator=seeded(2))
        require(_same(c, kept), f"expand() writes into c, shape {shape}")


def _shape_dtype_device(case: _Case) -> None:
    """x_t has the shape, dtype and device of x_0; so have c and expand(c), which is (B, K) floats."""
    for shape in case.shapes:
        for device in devices():
            for dtype in _DTYPES:
                x_0 = example_data(shape, 3, dtype=dtype, device=device)
                z = case.draw(x_0)
                for t_dtype in _DTYPES:
                    t = torch.tensor([0.0, 0.5, 1.0], dtype=t_dtype, device=device)
                    what = f"degrade(), x_0 {dtype} on {device}, t {t_dtype}"
                    _require_like(case.degrade(x_0, t, z), x_0, what)
                x_1 = case.at(x_0, 1.0, z)
                c = case.summarize(x_1)
                where = f"{dtype} on {device}, shape {shape}"
                require(c.ndim == 2 and len(c) == 3, f"c has the shape {tuple(c.shape)}, {where}")
                require(c.dtype == dtype, f"summarize() returns {c.dtype} for x_1 {where}")
                _require_like(case.expand(c, shape), x_0, f"expand(), c {where}")


def _batch_independent(case: _Case) -> None:
    """Degrading a batch with a time per example is degrading its examples one at a time."""
    for shape in case.shapes:
        x_0 = example_data(shape, len(_TIMES))
        t, z = torch.tensor(_TIMES), case.draw(x_0)
        whole = case.degrade(x_0, t, z)
        for i in range(len(t)):
            one = slice(i, i + 1)
            alone = case.degrade(x_0[one], t[one], None if z is None else z[one])
            example = f"example {i} of {len(t)} against it alone, t = {_TIMES[i]}, shape {shape}"
            require_close(whole[one], alone, _FEW, example)


def _finite_everywhere(case: _Case) -> None:
    """x_t is finite at the extremes of time, for constant images and for a batch of one."""
    for shape in case.shapes:
        for dtype in _DTYPES:
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


def _no_plateau(case: _Case) -> None:
    """Every step of a grid of 200 changes generic data: no time is spent on nothing."""
    for shape in case.shapes:
        # float64: rounding in float32 would pass for a change, or swallow one
        x_0 = example_data(shape, 1, dtype=torch.float64)
        times = torch.linspace(0, 1, _FINE + 1, dtype=torch.float64)
        path = case.path(x_0, case.draw(x_0), times)
        change = path.diff(dim=0).flatten(1).norm(dim=1)
        total = float((path[-1] - path[0]).norm())
        still = (change <= 1e-9 * total).nonzero().flatten().tolist()
        require(
            not still,
            f"from t = {still[0] / _FINE if still else 0:g} to {(still[0] + 1) / _FINE if still else 0:g} "
            f"nothing changes ({len(still)} of {_FINE} steps), shape {shape}",
        )


def _continuous_in_time(case: _Case) -> None:
    """x_t has no jumps in t: the largest step shrinks when the grid is refined around it."""
    for shape in case.shapes:
        x_0 = example_data(shape, 1, dtype=torch.float64)
        z = case.draw(x_0)
        ends = case.path(x_0, z, torch.tensor([0.0, 1.0], dtype=torch.float64))
        total = float((ends[1] - ends[0]).norm())
        low, high, jump = 0.0, 1.0, math.inf
        for points in (_FINE, 64, 64):
            times = torch.linspace(low, high, points + 1, dtype=torch.float64)
            change = case.path(x_0, z, times).diff(dim=0).flatten(1).norm(dim=1)
            i = int(change.argmax())
            low, high, jump = float(times[i]), float(times[i + 1]), float(change[i])
        require(
            jump <= 0.01 * total,
            f"x_t jumps by {jump / total:.1%} of |x_1 - x_0| between t = {low:.7g} and {high:.7g}, "
            f"shape {shape}",
        )


def _summary_is_small(case: _Case) -> None:
    """summarize() returns fewer numbers than an example has."""
    for shape in case.shapes:
        x_0 = example_data(shape, 2)
        k = case.summarize(case.at(x_0, 1.0, case.draw(x_0))).shape[-1]
        n = math.prod(shape)
        require(k < n, f"{k} numbers are left of an example with {n}, shape {shape}")


def _summary_round_trip(case: _Case) -> None:
    """summarize(expand(c)) is c, for the c of data and for the c half-way between two examples."""
    for shape in case.shapes:
        x_0 = example_data(shape, 6)
        c = case.summarize(case.at(x_0, 1.0, case.draw(x_0)))
        for name, given in (("of data", c), ("half-way", (c + c.flip(0)) / 2)):
            again = case.summarize(case.expand(given, shape))
            require_close(again, given, 1e-4, f"c {name}, shape {shape}")


def _terminal_state_is_explained(case: _Case) -> None:
    """x_1 holds nothing of x_0 that c does not: it is expand(c), or its noise ignores x_0."""
    for shape in case.shapes:
        n = max(500, 40_000 // math.prod(shape)) if case.degradation.tags.stochastic else 8
        x_0 = example_data(shape, n)
        x_1 = case.at(x_0, 1.0, case.draw(x_0))
        built = case.expand(case.summarize(x_1), shape)
        rest = x_1 - built
        share = float(rest.norm() / x_0.norm())
        if share <= 0.05:
            continue
        require(
            case.degradation.tags.stochastic,
            f"|x_1 - expand(c)| is {share:.1%} of |x_0|, shape {shape}",
        )
        chance = 0.05 + 5 / math.sqrt(n)
        spread = float(x_1.std())
        offset = abs(float(x_1.mean() - built.mean())) / spread
        require(offset <= chance, f"mean of x_1 is off expand(c) by {offset:.2f} sd, shape {shape}")
        ratio = float(built.std()) / spread
        require(
            abs(ratio - 1) <= chance,
            f"deviation of expand(c) is {ratio:.2f} of that of x_1, shape {shape}",
        )
        both = torch.stack([rest.flatten(), x_0.flatten()])
        correlation = abs(float(torch.corrcoef(both)[0, 1]))
        require(
            correlation <= 0.05 + 5 / math.sqrt(x_0.numel()),
            f"x_1 given c correlates with x_0 by {correlation:.2f}, shape {shape}",
        )


def _picklable(case: _Case) -> None:
    """A pickled copy degrades alike."""
    copy = _Case(pickle.loads(pickle.dumps(case.degradation)), case.shapes)
    for shape in case.shapes:
        x_0 = example_data(shape, len(_TIMES))
        t, z = torch.tensor(_TIMES), case.draw(x_0)
        example = f"the pickled copy, times {_TIMES}, shape {shape}"
        require_close(copy.degrade(x_0, t, z), case.degrade(x_0, t, z), _FEW, example)


def _gaussian_amplitudes(case: _Case) -> None:
    """Over time alpha falls from 1 and sigma rises from 0, in the shape and dtype of t, and precisely."""
    degradation = cast(GaussianDegradation, case.degradation)
    for name, start, sign in (("alpha", 1.0, -1), ("sigma", 0.0, 1)):
        amplitude = getattr(degradation, name)
        for dtype in _DTYPES:
            t = torch.linspace(0, 1, _FINE + 1, dtype=dtype)
            a = amplitude(t)
            require(a.shape == t.shape, f"{name}(t) has the shape {tuple(a.shape)}, not (B,)")
            require(a.dtype == dtype, f"{name}(t) is {a.dtype} for t {dtype}")
            require(float(a[0]) == start, f"{name}(0) = {float(a[0])!r}, not {start}")
            back = (sign * a.diff() < 0).nonzero().flatten().tolist()
            require(not back, f"{name} turns back at t = {back[0] / _FINE if back else 0:g}")
        single = torch.tensor([1e-6, 1e-3, 0.1, 0.5, 0.9])
        require_close(
            (amplitude(single).double() / amplitude(single.double())).log(),
            torch.zeros(5),
            1e-4,
            f"log of {name} in float32 against float64 at t = {single.tolist()}",
        )


def _gaussian_log_snr(case: _Case) -> None:
    """The log-SNR is log(alpha^2 / sigma^2) and falls strictly, so that every step adds noise."""
    degradation = cast(GaussianDegradation, case.degradation)
    t = torch.linspace(0, 1, _FINE + 1, dtype=torch.float64)[1:-1]  # infinite at the ends
    want = 2 * (degradation.alpha(t).log() - degradation.sigma(t).log())
    require_close(degradation.log_snr(t), want, _EXACT, f"{_FINE - 1} times in (0, 1)")
    flat = (degradation.log_snr(t).diff() >= 0).nonzero().flatten().tolist()
    require(not flat, f"log_snr does not fall at t = {(flat[0] + 1) / _FINE if flat else 0:g}")


def _gaussian_mixture(case: _Case) -> None:
    """x_t = alpha(t) x_0 + sigma(t) z with z of mean 0 and variance 1."""
    degradation = cast(GaussianDegradation, case.degradation)
    for shape in case.shapes:
        x_0 = example_data(shape, len(_TIMES), dtype=torch.float64)
        t = torch.tensor(_TIMES, dtype=torch.float64)
        z = cast(Tensor, case.draw(x_0))
        alpha, sigma = (right_expand(a(t), x_0) for a in (degradation.alpha, degradation.sigma))
        example = f"times {_TIMES}, shape {shape}"
        require_close(case.degrade(x_0, t, z), alpha * x_0 + sigma * z, _EXACT, example)
    shape = case.shapes[0]
    many = cast(Tensor, case.draw(torch.zeros(20_000 // math.prod(shape) + 1, *shape)))
    chance = 5 * math.sqrt(2 / many.numel())
    moments = float(many.mean()), float(many.var())
    require(
        abs(moments[0]) <= chance and abs(moments[1] - 1) <= chance,
        f"z has mean {moments[0]:.3f} and variance {moments[1]:.3f}, shape {shape}",
    )


def _diagonal_basis(case: _Case) -> None:
    """to_basis() keeps lengths and angles, and from_basis() goes back."""
    degradation = cast(DiagonalDegradation, case.degradation)
    for shape in case.shapes:
        a = example_data(shape, 3, dtype=torch.float64)
        b = example_data(shape, 3, dtype=torch.float64, seed=3)
        c, d = degradation.to_basis(a.clone()), degradation.to_basis(b.clone())
        require_close(degradation.from_basis(c.clone()), a, _EXACT, f"back, shape {shape}")
        angles = (c * d).flatten(1).sum(1), (a * b).flatten(1).sum(1)
        require_close(
            *angles, _EXACT, f"products of coordinates against those of data, shape {shape}"
        )


def _diagonal_mixture(case: _Case) -> None:
    """x_t = from_basis(alpha to_basis(x_0)) + sigma z with the amplitudes; they are 1 and 0 at t = 0."""
    degradation = cast(DiagonalDegradation, case.degradation)
    for shape in case.shapes:
        x_0 = example_data(shape, len(_TIMES), dtype=torch.float64)
        t = torch.tensor(_TIMES, dtype=torch.float64)
        z = cast(Tensor, case.draw(x_0))
        alpha, sigma = degradation.amplitudes(t.clone(), x_0.clone())
        example = f"times {_TIMES}, shape {shape}"
        want = degradation.from_basis(alpha * degradation.to_basis(x_0)) + sigma * z
        require_close(case.degrade(x_0, t, z), want, _EXACT, example)
        kept, mixed = (a.expand(x_0.shape)[0] for a in (alpha, sigma))
        require_close(kept, torch.ones_like(kept), _EXACT, f"alpha at t = 0, shape {shape}")
        require_equal(mixed, torch.zeros_like(mixed), f"sigma at t = 0, shape {shape}")


def _noise_explains(case: _Case) -> None:
    """degrade(x, t, noise(x_t, x, t)) is x_t for any x, noise() recovers z, and it is 0 at t = 0."""
    degradation = cast(AdditiveDegradation, case.degradation)
    for shape in case.shapes:
        x_0 = example_data(shape, 4, dtype=torch.float64)
        guess = example_data(shape, 4, dtype=torch.float64, seed=3)
        z = case.draw(x_0)
        for t in (0.05, 0.3, 0.5, 0.8):
            times, x_t = _times(t, x_0), case.at(x_0, t, z)
            for name, x in (("the true x_0", x_0), ("an estimate of x_0", guess)):
                explained = case.degrade(x, times, degradation.noise(x_t, x, times))
                require_close(explained, x_t, _EXACT, f"{name}, t = {t}, shape {shape}")
            require_close(
                degradation.noise(x_t, x_0, times), cast(Tensor, z), _EXACT,
                f"noise() against the z that was drawn, t = {t}, shape {shape}",
            )  # fmt: skip
        for x in (x_0, guess):
            none = degradation.noise(x_0, x, _times(0.0, x_0))
            require_equal(none, torch.zeros_like(none), f"noise() at t = 0, shape {shape}")


def _linear_map(case: _Case) -> None:
    """degrade() is A plus something that does not depend on x_0, and A is linear."""
    for shape in case.shapes:
        x, y = (example_data(shape, 3, dtype=torch.float64, seed=seed) for seed in (0, 3))
        z = case.draw(x)
        for t in _TIMES:
            times = _times(t, x)
            a_x, a_y = (case.linear("A", v, times, z) for v in (x, y))
            example = f"t = {t}, shape {shape}"
            mixed = case.linear("A", 2 * x - 3 * y, times, z)
            require_close(mixed, 2 * a_x - 3 * a_y, _EXACT, f"A(2x - 3y), {example}")
            shift = case.at(torch.zeros_like(x), t, z)
            require_close(case.at(x, t, z) - shift, a_x, _EXACT, f"D(x) - D(0), {example}")


def _adjoint(case: _Case) -> None:
    """<A x, y> is <x, A_adjoint y>."""
    for shape in case.shapes:
        x, y = (example_data(shape, 3, dtype=torch.float64, seed=seed) for seed in (0, 3))
        z = case.draw(x)
        for t in _TIMES:
            times = _times(t, x)
            left = (case.linear("A", x, times, z) * y).flatten(1).sum(1)
            right = (x * case.linear("A_adjoint", y, times, z)).flatten(1).sum(1)
            require_close(right, left, _EXACT, f"t = {t}, shape {shape}")


def _semigroup_of_maps(case: _Case) -> None:
    """What A(., s) destroys, A(., t) destroys for every later t: its null space only grows."""
    shape = min(case.shapes, key=math.prod)
    n = math.prod(shape)
    basis = torch.eye(n, dtype=torch.float64).reshape(n, *shape)
    z = case.draw(basis[:1])
    many = None if z is None else z.repeat_interleave(n, 0)
    grid = [i / 8 for i in range(9)]
    maps = [case.linear("A", basis, _times(t, basis), many).flatten(1).T for t in grid]
    for i, a_s in enumerate(maps):
        lost = torch.eye(n, dtype=torch.float64) - torch.linalg.pinv(a_s, rtol=1e-9) @ a_s
        for j in range(i + 1, len(maps)):
            example = f"s = {grid[i]}, t = {grid[j]}, shape {shape}"
            revived = maps[j] @ lost
            require_close(revived, torch.zeros_like(revived), _EXACT, example)


def _inverse(case: _Case) -> None:
    """invert(degrade(x)) is x at moderate times, in float64."""
    degradation: Any = case.degradation
    for shape in case.shapes:
        x_0 = example_data(shape, 3, dtype=torch.float64)
        z = case.draw(x_0)
        for t in (0.0, 0.1, 0.2, 0.3):
            again = degradation.invert(case.at(x_0, t, z), _times(t, x_0), _copy(z))
            require_close(again, x_0, _EXACT, f"t = {t}, shape {shape}")


_ALWAYS = (
    _tags_fit,
    _draw_fits_tag,
    _reproducible_from_generator,
    _global_rng_untouched,
    _deterministic_given_z,
    _identity_at_zero,
    _inputs_not_mutated,
    _shape_dtype_device,
    _batch_independent,
    _finite_everywhere,
    _no_plateau,
    _continuous_in_time,
    _summary_is_small,
    _summary_round_trip,
    _terminal_state_is_explained,
    _picklable,
)
_GAUSSIAN = (_gaussian_amplitudes, _gaussian_log_snr, _gaussian_mixture)


def _times(t: float, like: Tensor) -> Tensor:
    return like.new_full((len(like),), t)


def _copy(z: Tensor | None) -> Tensor | None:
    return None if z is None else z.clone()


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool((a == b).all())


def _require_like(got: Tensor, want: Tensor, what: str) -> None:
    for name in ("shape", "dtype", "device"):
        g, w = getattr(got, name), getattr(want, name)
        same = g.type == w.type if name == "device" else g == w
        shown = (tuple(g), tuple(w)) if name == "shape" else (g, w)
        require(same, f"{what}: {name} {shown[0]}, not {shown[1]}")
