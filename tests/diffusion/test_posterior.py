"""Posterior sampling against the pseudoinverse, and data consistency on what the plugins do to images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Degradation, LinearDegradation, build
from genlab.diffusion import consistent
from genlab.diffusion.posterior import least_norm
from genlab.testing import CosineNoise, Fade
from genlab.testing.check import example_data


class Matrix(LinearDegradation):
    """A matrix for each example, and something that is added.

    Args:
        matrices: The matrices ``(B, D, D)``.
        offset: What is added.
    """

    def __init__(self, *, matrices: Tensor, offset: float = 0.0) -> None:
        self.matrices, self.offset = matrices, offset

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        return

    def A(self, x: Tensor, t: Tensor, z: Any) -> Tensor:
        return (self.matrices @ x[..., None])[..., 0]

    def A_adjoint(self, y: Tensor, t: Tensor, z: Any) -> Tensor:
        return (self.matrices.mT @ y[..., None])[..., 0]

    def degrade(self, x_0: Tensor, t: Tensor, z: Any) -> Tensor:
        return self.A(x_0, t, z) + self.offset

    def summarize(self, x_1: Tensor) -> Tensor:
        return x_1

    def expand(self, c: Tensor, shape: Any, *, generator: torch.Generator) -> Tensor:
        return c


def matrices(n: int, d: int, rank: int, seed: int, spread: float = 30.0) -> Tensor:
    """Matrices of a rank, with singular values from 1 to 1 / spread."""
    generator = torch.Generator().manual_seed(seed)
    U, V = torch.linalg.qr(torch.randn(2, n, d, d, generator=generator, dtype=torch.float64)).Q
    values = torch.logspace(0, -torch.log10(torch.tensor(spread)).item(), d, dtype=torch.float64)
    values = torch.where(torch.arange(d) < rank, values, 0.0)
    return (U * values) @ V.mT


TIMES = torch.full((3,), 0.5)


@pytest.mark.parametrize("rank", range(7))
@pytest.mark.parametrize("inside", [True, False])
def test_the_smallest_solution_is_that_of_the_pseudoinverse(rank: int, inside: bool) -> None:
    """Of 30 matrices; whether there is a solution or not: what is out of range is left out."""
    A = matrices(30, 6, rank, seed=rank)
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(rank), dtype=torch.float64)
    r = (A @ x[..., None])[..., 0] if inside else x
    got = least_norm(Matrix(matrices=A), r, torch.full((30,), 0.5), None)
    want = (torch.linalg.pinv(A, rtol=1e-6) @ r[..., None])[..., 0]
    # the damping 1e-6 of squared gains, of which the smallest is 1 / 900, moves a share of a thousandth
    torch.testing.assert_close(got, want, rtol=0, atol=2e-3 * float(want.norm(dim=1).max()) + 1e-9)


def test_single_precision_is_enough() -> None:
    """Of data out of range, too, such as a picture that was rounded to grey levels."""
    A = matrices(3, 6, 4, seed=0, spread=5)
    r = torch.randn(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    want = (torch.linalg.pinv(A, rtol=1e-6) @ r[..., None])[..., 0]
    got = least_norm(Matrix(matrices=A.float()), r.float(), TIMES, None)
    torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-3)


def test_each_example_is_solved_on_its_own() -> None:
    """One that is solved at once does not end the search for others, nor spoil its own answer."""
    easy, hard = torch.eye(6, dtype=torch.float64), matrices(1, 6, 6, seed=3)[0]
    A = torch.stack([easy, hard, easy])
    r = torch.randn(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    r[2] = 0
    got = least_norm(Matrix(matrices=A), r, TIMES, None)
    torch.testing.assert_close(got[0], r[0], rtol=1e-5, atol=0)
    torch.testing.assert_close(hard @ got[1], r[1], rtol=0, atol=2e-3)
    assert bool((got[2] == 0).all())


class Guess:
    """A restorer that says what it was told to say."""

    def __init__(self, x_0: Tensor, degradation: Degradation | None = None) -> None:
        self.x_0, self.degradation = x_0, degradation or CosineNoise()

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.x_0


def test_the_null_space_is_the_network_s_and_the_rest_is_known() -> None:
    """x' = A+ (y - b) + (I - A+ A) x, by the pseudoinverse."""
    A = matrices(3, 6, 3, seed=4, spread=3)
    generator = torch.Generator().manual_seed(0)
    truth, guess = torch.randn(2, 3, 6, generator=generator, dtype=torch.float64)
    operator = Matrix(matrices=A, offset=0.7)
    y = operator.degrade(truth, TIMES, None)
    restorer = Guess(guess)
    made = consistent(restorer, operator, y, 0.5, None)
    assert made.degradation is restorer.degradation
    got = made(torch.zeros(3, 6), TIMES)
    pinv = torch.linalg.pinv(A, rtol=1e-6)
    known, free = pinv @ (y - 0.7)[..., None], guess[..., None] - pinv @ A @ guess[..., None]
    torch.testing.assert_close(got, (known + free)[..., 0], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "t"),
    [
        ("blur", 0.3), ("blur", 1.0), ("pixelate", 0.5), ("pixelate", 1.0), ("mask-gaussian", 0.5),
        ("mask-box", 0.7), ("mask-dropout", 0.6), ("kaleidoscope", 1.0),
    ],
)  # fmt: skip
def test_estimates_explain_what_was_done_to_images(name: str, t: float) -> None:
    operator = build("degradation", name)
    assert isinstance(operator, LinearDegradation)
    x_0 = example_data((1, 12, 12), 2, seed=0)
    guess = example_data((1, 12, 12), 2, seed=9)
    z = operator.draw(x_0, generator=torch.Generator().manual_seed(0))
    times = torch.full((2,), t)
    y = operator.degrade(x_0, times, z)
    got = consistent(Guess(guess), operator, y, t, z)(torch.zeros_like(x_0), times)
    torch.testing.assert_close(operator.degrade(got, times, z), y, rtol=0, atol=0.01)
    assert float((operator.degrade(guess, times, z) - y).abs().max()) > 0.1, "it was not so before"
    # nothing changes in the null space, by the singular vectors of the whole matrix
    unit = torch.eye(144, dtype=torch.float64).reshape(144, 1, 12, 12)
    each = None if z is None else z[:1].expand(144, *z.shape[1:])
    A = operator.A(unit, torch.full((144,), t), each).reshape(144, 144).T
    _, values, V = torch.linalg.svd(A)
    free = V[values < 1e-5]
    change = (got - guess)[0].flatten().double()
    assert float((free @ change).norm()) < 1e-3 * float(change.norm())


def test_the_time_and_the_draw_are_those_of_the_degraded_data() -> None:
    """Not those of the trajectory: Fade at t = 1 keeps the mean alone, at any time of the walk."""
    x_0, guess = example_data((1, 4, 4), 2, seed=0), example_data((1, 4, 4), 2, seed=1)
    y = Fade().degrade(x_0, torch.ones(2), None)
    made = consistent(Guess(guess), Fade(), y, 1.0, None)
    for time in (1.0, 0.2):
        got = made(torch.zeros_like(x_0), torch.full((2,), time))
        want = guess - guess.mean((-2, -1), keepdim=True) + x_0.mean((-2, -1), keepdim=True)
        torch.testing.assert_close(got, want, rtol=0, atol=1e-4)
    half = Fade().degrade(x_0, torch.full((2,), 0.5), None)
    for time in (1.0, 0.2):
        got = consistent(Guess(guess), Fade(), half, 0.5, None)(half, torch.full((2,), time))
        torch.testing.assert_close(got, x_0, rtol=0, atol=1e-4)
