r"""Restart: walk back, degrade again, walk back again."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from genlab import DiagonalDegradation, RequestError, Restores, cast_like
from genlab_plugins.samplers.bases import GridSampler
from genlab_plugins.samplers.cold import Cold
from genlab_plugins.samplers.gaussian_posterior import amplitudes, fresh_noise
from genlab_plugins.samplers.grids import Grid, uniform

__all__ = ["Restart"]

_COLD = Cold()


class _State(NamedTuple):
    """The draw of each trajectory, the time at which it began, and the source of fresh draws."""

    z: Tensor | None
    start: Tensor
    generator: torch.Generator


class Restart(GridSampler):
    r"""Restart sampling, for any degradation.

    It walks back by the cold sampler, which is DDIM for a Gaussian degradation. The step that reaches
    :math:`t_{low}` goes on from its end s: ``repeats`` times it jumps back up to
    :math:`h = \min(t_{high}, \text{start of the trajectory})` and walks down to s again in ``inner`` uniform
    steps. The jump is the forward process with fresh noise, where it has a closed form, and degrades the
    estimate otherwise:

    .. math:: x_h = \frac{\alpha_h}{\alpha_s} x_s + \sigma_{h|s} w \quad \text{(diagonal)}, \qquad
        x_h = D(\hat x_0, h; z'), \quad z' \text{ fresh} \quad \text{(others)}.

    Walking down errs; the fresh draw forgets a share of the errors that were made above, at the cost of
    ``repeats * inner`` estimates (and ``repeats`` more for degradations that are not Gaussian).

    Source: Xu et al. 2023 (arXiv:2306.14878), algorithm 1, for a Gaussian degradation.

    Args:
        t_low: The time on the way down at which it restarts.
        t_high: The time to which it jumps.
        repeats: How often.
        inner: Number of steps from there down again.
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"`` or, on a Gaussian
            degradation, ``"karras"`` or ``"log-snr"``.

    Raises:
        RequestError: ``t_high`` is not larger than ``t_low``.
    """

    usual_steps = 20

    def __init__(
        self,
        *,
        t_low: Annotated[float, Field(ge=0, lt=1)] = 0.2,
        t_high: Annotated[float, Field(gt=0, le=1)] = 0.6,
        repeats: PositiveInt = 2,
        inner: PositiveInt = 5,
        grid: Grid = "uniform",
    ) -> None:
        if t_high <= t_low:
            raise RequestError(f"restart: t_high = {t_high} must be larger than t_low = {t_low}")
        self.t_low = t_low
        self.t_high = t_high
        self.repeats = repeats
        self.inner = inner
        self.spacing = grid

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> _State:
        """Return the draw and the start of each trajectory, and the generator."""
        return _State(z, t, generator)

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: _State
    ) -> tuple[Tensor, _State]:
        """Walk from t to s, and again where that reaches the lower time."""
        x_s, _ = _COLD.step(restorer, x_t, t, s, state.z)
        arrived = (t > self.t_low) & (s <= self.t_low)
        if not arrived.any():
            return x_s, state
        low = torch.where(arrived, s, 0.0)
        high = state.start.to(s.dtype).clamp_max(self.t_high)
        z = state.z
        for _ in range(self.repeats):
            x_high, fresh = _jump(restorer, x_s, low, high, z, state.generator)
            again = _descend(restorer, x_high, high, low, fresh, self.inner)
            x_s = _choose(arrived, again, x_s)
            z = fresh if z is None or fresh is None else _choose(arrived, fresh, z)
        return x_s, state._replace(z=z)


def _jump(
    restorer: Restores,
    x_s: Tensor,
    s: Tensor,
    h: Tensor,
    z: Tensor | None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor | None]:
    """Return data at h > s, and its draw."""
    degradation = restorer.degradation
    if isinstance(degradation, DiagonalDegradation):
        a, c = amplitudes(restorer, x_s, h, s), degradation.to_basis(x_s)
        c = cast_like(a.left, x_s) * c + fresh_noise(x_s, a.forward, generator)
        return degradation.from_basis(c), z
    x_0 = _choose(s > 0, restorer(x_s, s), x_s)
    fresh = degradation.draw(x_0, generator=generator)
    return degradation.degrade(x_0, h, fresh), fresh


def _descend(
    restorer: Restores, x: Tensor, h: Tensor, s: Tensor, z: Tensor | None, steps: int
) -> Tensor:
    """Walk from h to s with the cold sampler."""
    shares = uniform(steps).tolist()
    t = h
    for share in shares[1:]:
        following = torch.lerp(s, h, share)
        x, _ = _COLD.step(restorer, x, t, following, z)
        t = following
    return x


def _choose(where: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the examples of ``a`` where the condition ``(B,)`` holds, and else those of ``b``."""
    return torch.where(where.reshape(-1, *[1] * (a.ndim - 1)), a, b)
