r"""Mixtures of Gaussians in the plane, with free weights and covariances.

.. math:: p(r) = \sum_k w_k \, \mathcal{N}(r; \mu_k, \Sigma_k)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from torch import Tensor

from genlab import DataSpec, RequestError
from genlab_plugins.datasets.curves import KnownPoints, gaussian_nodes

__all__ = ["Covariance", "GaussianModes", "Weight"]


def _of_known_form(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    try:
        return check(value)
    except ValidationError:
        raise ValueError(
            "a spread is a positive standard deviation, a pair of them, or a 2 x 2 covariance matrix"
        ) from None


def _definite(spread: _Spread) -> _Spread:
    matrix = torch.tensor(spread, dtype=torch.float64)
    if matrix.ndim < 2:
        return spread
    if not torch.allclose(matrix, matrix.T, rtol=1e-6, atol=0.0):
        raise ValueError("a covariance matrix is symmetric")
    eigenvalues = torch.linalg.eigvalsh(matrix)
    if not eigenvalues[0] > 1e-12 * eigenvalues[1]:
        values = ", ".join(f"{value:.3g}" for value in eigenvalues.tolist())
        raise ValueError(f"a covariance matrix is positive definite (its eigenvalues are {values})")
    return spread


_Std = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Entry = Annotated[float, Field(allow_inf_nan=False)]
_Spread = _Std | tuple[_Std, _Std] | tuple[tuple[_Entry, _Entry], tuple[_Entry, _Entry]]

Covariance = Annotated[_Spread, WrapValidator(_of_known_form), AfterValidator(_definite)]
"""A mode's spread: one standard deviation, one for each axis, or a full covariance matrix."""

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A mode's weight, in any unit."""

_FINEST = 24
"""Most nodes per deviation of a wide mode, which must not miss the narrow modes that it covers."""


class GaussianModes(KnownPoints):
    """Points from a mixture of Gaussians; the classes are its modes (abstract).

    Args:
        centres: Means of the modes in raw units ``(K, 2)``.
        sigma: Standard deviation of each mode on both axes, where ``covariances`` is None.
        weights: A weight for each mode, in any unit; None: all equal.
        covariances: A spread for each mode; None: ``sigma``.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.

    Raises:
        RequestError: There are not as many weights or covariances as modes, or all weights are 0.
    """

    def __init__(
        self,
        centres: Tensor,
        *,
        sigma: float,
        weights: Sequence[float] | None,
        covariances: Sequence[Covariance] | None,
        train: int,
        test: int,
        seed: int,
    ) -> None:
        modes = len(centres)
        spreads = [sigma] * modes if covariances is None else covariances
        shares = _checked_weights([1.0] * modes if weights is None else weights, modes)
        self._centres, self._covariances = centres, _checked_covariances(spreads, modes)
        self._factors = torch.linalg.cholesky(self._covariances)
        mean = shares @ centres
        within = self._covariances.diagonal(dim1=1, dim2=2)
        variance = shares @ (within + (centres - mean).square())
        super().__init__(
            DataSpec((2,), "vector", modes, tuple(f"mode {k}" for k in range(modes))),
            mean,
            variance.sqrt(),
            shares,
            train=train,
            test=test,
            seed=seed,
        )

    @property
    def means(self) -> Tensor:
        r"""Means of the modes in standardised units, :math:`(\mu_k - \mu) / s`, float64 ``(K, 2)``."""
        return (self._centres - self.mean) / self.std

    @property
    def covs(self) -> Tensor:
        r"""Covariances in standardised units, :math:`\Sigma_k / s s^T`, float64 ``(K, 2, 2)``."""
        return self._covariances / torch.outer(self.std, self.std)

    @property
    def weights(self) -> Tensor:
        r"""Weights :math:`w_k` of the modes, which sum to 1, float64 ``(K,)``."""
        return self.shares

    def _draw(self, part: Tensor, generator: torch.Generator) -> Tensor:
        z = torch.randn(len(part), 2, dtype=torch.float64, generator=generator)
        return self._centres[part] + torch.einsum("nij,nj->ni", self._factors[part], z)

    def _log_densities(self, r: Tensor) -> Tensor:
        away = (r[:, None] - self._centres).movedim(0, -1)
        z = torch.linalg.solve_triangular(self._factors, away, upper=False)
        scale = self._factors.diagonal(dim1=1, dim2=2).log().sum(1) + math.log(2 * math.pi)
        log_p: Tensor = -z.square().sum(1).T / 2 - scale
        return log_p

    def _entropy(self) -> float:
        spread = torch.linalg.eigvalsh(self._covariances).sqrt()
        finer = (spread[:, 1] / spread.min()).mul(4).ceil().clamp(max=_FINEST)
        log_shares, total = self.shares.log(), 0.0
        modes = zip(self.shares, self._centres, self._factors, finer, strict=True)
        for share, centre, factor, per_std in modes:
            z, w = gaussian_nodes(int(per_std))
            log_p = (self._log_densities(centre + z @ factor.T) + log_shares).logsumexp(1)
            total -= float(share * (w @ log_p))
        return total


def _checked_weights(weights: Sequence[float], modes: int) -> Tensor:
    if len(weights) != modes:
        raise RequestError(f"weights has {len(weights)} entries; it takes {modes}, one per mode")
    if not any(weights):
        raise RequestError("weights are all 0; at least one must be positive")
    w = torch.tensor(weights, dtype=torch.float64)
    w = w / w.max()
    return w / w.sum()


def _checked_covariances(spreads: Sequence[Covariance], modes: int) -> Tensor:
    if len(spreads) != modes:
        raise RequestError(
            f"covariances has {len(spreads)} entries; it takes {modes}, one per mode"
        )
    return torch.stack([_matrix(spread) for spread in spreads])


def _matrix(spread: Covariance) -> Tensor:
    given = torch.tensor(spread, dtype=torch.float64)
    if given.ndim < 2:
        return torch.diag(given.expand(2).square())
    return (given + given.T) / 2
