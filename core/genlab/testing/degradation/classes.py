"""What more the classes of degradations promise: linear, invertible, additive, diagonal, Gaussian."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genlab.components.degradation import (
    AdditiveDegradation,
    Degradation,
    DiagonalDegradation,
    GaussianDegradation,
    InvertibleDegradation,
    LinearDegradation,
    right_expand,
)
from genlab.testing.check import example_data, require, require_close, require_equal
from genlab.testing.degradation.case import (
    DTYPES,
    EXACT,
    FINE,
    TIMES,
    Case,
    at_time,
    copied,
    same,
)

__all__ = ["ADDITIVE", "DIAGONAL", "GAUSSIAN", "INVERTIBLE", "LINEAR", "OTHERS"]


def _gaussian_amplitudes(degradation: GaussianDegradation, case: Case) -> None:
    """Over time alpha falls from 1 and sigma rises from 0, in the shape and dtype of t, and precisely."""
    for name, start, sign in (("alpha", 1.0, -1), ("sigma", 0.0, 1)):
        amplitude = getattr(degradation, name)
        for dtype in DTYPES:
            t = torch.linspace(0, 1, FINE + 1, dtype=dtype)
            a = amplitude(t)
            require(a.shape == t.shape, f"{name}(t) has the shape {tuple(a.shape)}, not (B,)")
            require(a.dtype == dtype, f"{name}(t) is {a.dtype} for t {dtype}")
            require(float(a[0]) == start, f"{name}(0) = {float(a[0])!r}, not {start}")
            back = (sign * a.diff() < 0).nonzero().flatten().tolist()
            require(not back, f"{name} turns back at t = {back[0] / FINE if back else 0:g}")
        single = torch.tensor([1e-6, 1e-3, 0.1, 0.5, 0.9])
        require_close(
            (amplitude(single).double() / amplitude(single.double())).log(),
            torch.zeros(5),
            1e-4,
            f"log of {name} in float32 against float64 at t = {single.tolist()}",
        )


def _gaussian_log_snr(degradation: GaussianDegradation, case: Case) -> None:
    """The log-SNR is log(alpha^2 / sigma^2) and falls strictly, so that every step adds noise."""
    t = torch.linspace(0, 1, FINE + 1, dtype=torch.float64)[1:-1]  # infinite at the ends
    want = 2 * (degradation.alpha(t).log() - degradation.sigma(t).log())
    require_close(degradation.log_snr(t), want, EXACT, f"{FINE - 1} times in (0, 1)")
    flat = (degradation.log_snr(t).diff() >= 0).nonzero().flatten().tolist()
    require(not flat, f"log_snr does not fall at t = {(flat[0] + 1) / FINE if flat else 0:g}")


def _gaussian_mixture(degradation: GaussianDegradation, case: Case) -> None:
    """x_t = alpha(t) x_0 + sigma(t) z with z of mean 0 and variance 1."""
    for shape in case.shapes:
        x_0 = example_data(shape, len(TIMES), dtype=torch.float64)
        t = torch.tensor(TIMES, dtype=torch.float64)
        z = case.drawn(x_0)
        alpha, sigma = (right_expand(a(t), x_0) for a in (degradation.alpha, degradation.sigma))
        example = f"times {TIMES}, shape {shape}"
        require_close(case.degrade(x_0, t, z), alpha * x_0 + sigma * z, EXACT, example)
    shape = case.shapes[0]
    many = case.drawn(torch.zeros(20_000 // math.prod(shape) + 1, *shape))
    chance = 5 * math.sqrt(2 / many.numel())
    moments = float(many.mean()), float(many.var())
    require(
        abs(moments[0]) <= chance and abs(moments[1] - 1) <= chance,
        f"z has mean {moments[0]:.3f} and variance {moments[1]:.3f}, shape {shape}",
    )


def _diagonal_basis(degradation: DiagonalDegradation, case: Case) -> None:
    """to_basis() keeps lengths and angles, and from_basis() goes back."""
    for shape in case.shapes:
        a = example_data(shape, 3, dtype=torch.float64)
        b = example_data(shape, 3, dtype=torch.float64, seed=3)
        c, d = degradation.to_basis(a.clone()), degradation.to_basis(b.clone())
        require_close(degradation.from_basis(c.clone()), a, EXACT, f"back, shape {shape}")
        angles = (c * d).flatten(1).sum(1), (a * b).flatten(1).sum(1)
        require_close(
            *angles, EXACT, f"products of coordinates against those of data, shape {shape}"
        )


def _diagonal_mixture(degradation: DiagonalDegradation, case: Case) -> None:
    """x_t = from_basis(alpha to_basis(x_0)) + sigma z with the amplitudes; they are 1 and 0 at t = 0."""
    for shape in case.shapes:
        x_0 = example_data(shape, len(TIMES), dtype=torch.float64)
        t = torch.tensor(TIMES, dtype=torch.float64)
        z = case.drawn(x_0)
        alpha, sigma = degradation.amplitudes(t.clone(), x_0.clone())
        example = f"times {TIMES}, shape {shape}"
        want = degradation.from_basis(alpha * degradation.to_basis(x_0)) + sigma * z
        require_close(case.degrade(x_0, t, z), want, EXACT, example)
        kept, mixed = (a.expand(x_0.shape)[0] for a in (alpha, sigma))
        require_close(kept, torch.ones_like(kept), EXACT, f"alpha at t = 0, shape {shape}")
        require_equal(mixed, torch.zeros_like(mixed), f"sigma at t = 0, shape {shape}")


def _noise_explains(degradation: AdditiveDegradation, case: Case) -> None:
    """degrade(x, t, noise(x_t, x, t)) is x_t for any x, noise() recovers z, and it is 0 at t = 0."""
    for shape in case.shapes:
        x_0 = example_data(shape, 4, dtype=torch.float64)
        guess = example_data(shape, 4, dtype=torch.float64, seed=3)
        z = case.drawn(x_0)
        for t in (0.05, 0.3, 0.5, 0.8):
            x_t = case.at(x_0, t, z)
            for name, x in (("the true x_0", x_0), ("an estimate of x_0", guess)):
                explained = case.at(x, t, _noise(degradation, x_t, x, t))
                require_close(explained, x_t, EXACT, f"{name}, t = {t}, shape {shape}")
            require_close(
                _noise(degradation, x_t, x_0, t), z, EXACT,
                f"noise() against the z that was drawn, t = {t}, shape {shape}",
            )  # fmt: skip
        for x in (x_0, guess):
            none = _noise(degradation, x_0, x, 0.0)
            require_equal(none, torch.zeros_like(none), f"noise() at t = 0, shape {shape}")


def _linear_map(degradation: LinearDegradation, case: Case) -> None:
    """degrade() is A plus something that does not depend on x_0, and A is linear."""
    for shape in case.shapes:
        x, y = (example_data(shape, 3, dtype=torch.float64, seed=seed) for seed in (0, 3))
        z = case.draw(x)
        for t in TIMES:
            a_x, a_y = (_linear(degradation.A, v, t, z) for v in (x, y))
            example = f"t = {t}, shape {shape}"
            mixed = _linear(degradation.A, 2 * x - 3 * y, t, z)
            require_close(mixed, 2 * a_x - 3 * a_y, EXACT, f"A(2x - 3y), {example}")
            shift = case.at(torch.zeros_like(x), t, z)
            require_close(case.at(x, t, z) - shift, a_x, EXACT, f"D(x) - D(0), {example}")


def _adjoint(degradation: LinearDegradation, case: Case) -> None:
    """<A x, y> is <x, A_adjoint y>."""
    for shape in case.shapes:
        x, y = (example_data(shape, 3, dtype=torch.float64, seed=seed) for seed in (0, 3))
        z = case.draw(x)
        for t in TIMES:
            left = (_linear(degradation.A, x, t, z) * y).flatten(1).sum(1)
            right = (x * _linear(degradation.A_adjoint, y, t, z)).flatten(1).sum(1)
            require_close(right, left, EXACT, f"t = {t}, shape {shape}")


def _inverse(degradation: InvertibleDegradation, case: Case) -> None:
    """invert(degrade(x)) is x at moderate times, in float64."""
    for shape in case.shapes:
        x_0 = example_data(shape, 3, dtype=torch.float64)
        z = case.draw(x_0)
        for t in (0.0, 0.1, 0.2, 0.3):
            again = degradation.invert(case.at(x_0, t, z), at_time(t, x_0), copied(z))
            require_close(again, x_0, EXACT, f"t = {t}, shape {shape}")


def _other_inputs_not_mutated(degradation: Degradation, case: Case) -> None:
    """The other methods do not write into their arguments either."""
    shape = case.shapes[0]
    x, other = example_data(shape, 3), example_data(shape, 3, seed=3)
    t, z = at_time(0.3, x), case.draw(x)
    for base, name, arguments in (
        (LinearDegradation, "A", (x, t, z)), (LinearDegradation, "A_adjoint", (x, t, z)),
        (InvertibleDegradation, "invert", (x, t, z)), (AdditiveDegradation, "noise", (x, other, t)),
        (DiagonalDegradation, "to_basis", (x,)), (DiagonalDegradation, "from_basis", (x,)),
        (DiagonalDegradation, "amplitudes", (t, x)), (GaussianDegradation, "alpha", (t,)),
        (GaussianDegradation, "sigma", (t,)), (GaussianDegradation, "log_snr", (t,)),
    ):  # fmt: skip
        if not isinstance(degradation, base):
            continue
        given = [copied(a) for a in arguments]
        getattr(degradation, name)(*given)
        for i, (now, then) in enumerate(zip(given, arguments, strict=True)):
            require(same(now, then), f"{name}() writes into its argument {i + 1}, shape {shape}")


OTHERS = (_other_inputs_not_mutated,)
LINEAR = (_linear_map, _adjoint)
INVERTIBLE = (_inverse,)
ADDITIVE = (_noise_explains,)
DIAGONAL = (_diagonal_basis, _diagonal_mixture)
GAUSSIAN = (_gaussian_amplitudes, _gaussian_log_snr, _gaussian_mixture)


def _linear(method: Callable[..., Tensor], x: Tensor, t: float, z: Tensor | None) -> Tensor:
    return method(x.clone(), at_time(t, x), copied(z))


def _noise(degradation: AdditiveDegradation, x_t: Tensor, x_0: Tensor, t: float) -> Tensor:
    return degradation.noise(x_t.clone(), x_0.clone(), at_time(t, x_t))
