"""Optimisers: AdamW, and Muon, which gives every matrix of weights an orthogonal step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.adamw import adamw

from genlab.components.optimiser import Optimiser

__all__ = ["AdamW", "Muon", "orthogonalised"]

_NOTHING = (
    1e-9  # of the norm: no part of a step, and products of it have no normal float32, which is slow
)
_HUGE = 1e35  # a rate that float32 can compute with, and no weight survives

Share = Annotated[float, Field(ge=0, lt=1)]
"""A factor by which an average forgets, in [0, 1)."""


class AdamW(Optimiser):
    r"""Steps of about one size for every weight: the mean of its gradients over their root mean square.

    .. math:: \theta \leftarrow (1 - \eta \lambda) \theta
        - \eta \frac{\hat m}{\sqrt{\hat v} + 10^{-8}}

    with running averages m of the gradient and v of its square, freed of their start at 0.

    Source: Loshchilov & Hutter 2019 (arXiv:1711.05101), algorithm 2.

    Args:
        lr: Peak learning rate :math:`\eta`.
        weight_decay: The weight decay :math:`\lambda`.
        betas: How much the averages m and v keep at every step.

    Example:
        >>> from torch import nn
        >>> AdamW(lr=3e-4, weight_decay=0.01).build(nn.Linear(2, 2).parameters()).defaults["lr"]
        0.0003
    """

    def __init__(
        self,
        *,
        lr: PositiveFloat = 1e-3,
        weight_decay: NonNegativeFloat = 0.0,
        betas: tuple[Share, Share] = (0.9, 0.999),
    ) -> None:
        self.lr, self.weight_decay, self.betas = lr, weight_decay, betas

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimiser of PyTorch for these weights, in one kernel where the device has one."""
        weights = list(parameters)
        return _AdamW(
            weights,
            lr=self.lr,
            betas=self.betas,
            weight_decay=self.weight_decay,
            fused=all(p.device.type in ("cpu", "cuda") for p in weights),
            capturable=_on_cuda(weights),
        )


class Muon(Optimiser):
    r"""Orthogonal steps: every singular value of the step of a matrix is about 1.

    .. math:: M \leftarrow \mu M + (1 - \mu) G, \qquad
        W \leftarrow (1 - \eta \lambda) W - \eta g \sqrt{\max(1, n / m)} \;
        \operatorname{NS}(\mu M + (1 - \mu) G)

    for an n x m matrix W with the gradient G, where NS is :func:`orthogonalised`. Weights of more dimensions,
    such as those of convolutions, are read as matrices: the first dimension by all others. Weights of one
    row or one column, and of fewer dimensions, are moved as :class:`AdamW` moves them, with the rate
    :math:`\eta` and :math:`\beta = (0.9, 0.999)`.

    Source: Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon); the factor of tall matrices
    is that of its code.

    Args:
        lr: Peak learning rate :math:`\eta`.
        weight_decay: The weight decay :math:`\lambda`, of all weights.
        momentum: Share :math:`\mu` of the running average of gradients that stays at every step.
        gain: Rate g of matrices in units of ``lr``.
        iterations: Steps of Newton and Schulz.

    Example:
        >>> import genlab
        >>> Muon(lr=1e-3) == genlab.build("optimiser", "muon", lr=1e-3)
        True
    """

    def __init__(
        self,
        *,
        lr: PositiveFloat = 2e-3,
        weight_decay: NonNegativeFloat = 0.0,
        momentum: Share = 0.95,
        gain: PositiveFloat = 5.0,
        iterations: PositiveInt = 5,
    ) -> None:
        self.lr, self.weight_decay = lr, weight_decay
        self.momentum, self.gain, self.iterations = momentum, gain, iterations

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimiser of PyTorch for these weights: matrices are a group, and the rest."""
        weights = list(parameters)
        groups: list[dict[str, Any]] = [
            {"params": [p for p in weights if _is_matrix(p) is matrices], "matrices": matrices}
            for matrices in (True, False)
        ]
        return _Muon(
            [group for group in groups if group["params"]],
            {"lr": self.lr, "weight_decay": self.weight_decay, "momentum": self.momentum,
             "gain": self.gain, "iterations": self.iterations, "capturable": _on_cuda(weights)},
        )  # fmt: skip


class _AdamW(torch.optim.AdamW):
    """PyTorch's AdamW, whose step does not import the compiler only to tell it to stay away."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
    _warned_capturable_if_run_uncaptured = True  # PyTorch's own warning is for those who forgot


class _Muon(torch.optim.Optimizer):
    """Muon as an optimiser of PyTorch: ``lr`` stands in every group, and the state of a weight is tensors.

    As PyTorch's own fused optimisers do, it takes a rate that is a tensor, and asks the tensor ``found_inf``,
    if one is set: where that is 1, a step changes nothing.
    """

    _step_supports_amp_scaling = True

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every weight that has a gradient; return the loss where a closure computes it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moved = [(p, p.grad) for p in group["params"] if p.grad is not None]
            (self._step_matrices if group["matrices"] else self._step_rest)(moved, group)
        return loss

    def _step_matrices(self, moved: list[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        lr, momentum = _below(group["lr"], _HUGE), group["momentum"]
        if not moved:
            return
        weights, gradients = [p for p, _ in moved], [gradient for _, gradient in moved]
        for p in weights:
            if not self.state[p]:
                self.state[p]["mean"] = torch.zeros_like(p)
        means = [self.state[p]["mean"] for p in weights]
        found_inf = getattr(self, "found_inf", None)
        if found_inf is None:
            torch._foreach_lerp_(means, gradients, 1 - momentum)
        else:
            gradients = [gradient.masked_fill(found_inf > 0, 0) for gradient in gradients]
            change = torch._foreach_sub(gradients, means)
            torch._foreach_mul_(change, (1 - momentum) * (1 - found_inf))
            torch._foreach_add_(means, change)
            lr = lr * (1 - found_inf)
        ahead = torch._foreach_lerp(gradients, means, momentum)
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}  # many small products at once
        for p, step in zip(weights, ahead, strict=True):
            matrix = step.flatten(1)
            alike.setdefault(matrix.shape, []).append((p, matrix))
        for (rows, columns), pairs in alike.items():
            size = lr * group["gain"] * math.sqrt(max(1, rows / columns))
            steps = orthogonalised(
                torch.stack([matrix for _, matrix in pairs]), group["iterations"]
            )
            if isinstance(size, Tensor):
                steps, size = steps * size, 1.0
            for (p, _), step in zip(pairs, steps, strict=True):
                p.sub_(step.view(p.shape), alpha=size)

    def _step_rest(self, moved: list[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        if not moved:
            return
        on_device, found_inf = group["capturable"], getattr(self, "found_inf", None)
        for p, _ in moved:
            if not self.state[p]:
                self.state[p].update(
                    step=torch.tensor(0.0, device=p.device if on_device else "cpu"),
                    mean=torch.zeros_like(p), square=torch.zeros_like(p),
                )  # fmt: skip
        states = [self.state[p] for p, _ in moved]
        adamw(
            [p for p, _ in moved],
            [gradient for _, gradient in moved],
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False, beta1=0.9, beta2=0.999, lr=_below(group["lr"], _HUGE), eps=1e-8, maximize=False,
            weight_decay=group["weight_decay"], fused=True if on_device or found_inf is not None else None,
            capturable=on_device, found_inf=found_inf,
        )  # fmt: skip


def orthogonalised(G: Tensor, iterations: int = 5) -> Tensor:
    r"""Return about the nearest orthogonal matrix: the same singular vectors, singular values about 1.

    .. math:: X \leftarrow a X + (b A + c A^2) X, \qquad A = X X^T,
        \qquad (a, b, c) = (3.4445, -4.7750, 2.0315)

    from :math:`X = G / \|G\|_F` on, of which entries below :math:`10^{-9}` count as 0. Five iterations bring
    every singular value above 1/300 of the norm into [0.6, 1.3]; smaller ones grow by the factor a each time.
    Units that have stopped learning have entries that small; their products would be denormal numbers, with
    which a CPU computes many times as slowly. GPUs compute it in bf16; the CPU in float32, which is quicker
    there for up to 64 rows or columns and is fast on every CPU.

    Source: Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon).

    Args:
        G: A matrix ``(n, m)``, or several ``(B, n, m)``.
        iterations: How many.

    Returns:
        The same shape in the arithmetic of ``G``. Of a matrix of zeros: zeros.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = G.shape[-2] > G.shape[-1]
    X: Tensor = G / torch.linalg.matrix_norm(G, keepdim=True).clamp_min(1e-12)
    several = X.ndim > 2
    X = functional.hardshrink(X if several else X[None], _NOTHING)
    X = X.bfloat16() if X.is_cuda else X.float()
    X = X.mT if tall else X  # the smaller of X X^T and X^T X
    for _ in range(iterations):
        A = X @ X.mT
        X = torch.baddbmm(X, torch.baddbmm(A, A, A, beta=b, alpha=c), X, beta=a)
    X = X if several else X[0]
    return (X.mT if tall else X).to(G.dtype)


def _on_cuda(weights: list[nn.Parameter]) -> bool:
    return bool(weights) and all(p.is_cuda for p in weights)


def _below(rate: float | Tensor, most: float) -> Any:
    return rate.clamp(max=most) if isinstance(rate, Tensor) else min(rate, most)


def _is_matrix(p: Tensor) -> bool:
    """Say whether a weight is a matrix of more than one row and column, read by its first dimension."""
    return p.ndim > 1 and min(len(p), p.numel() // max(len(p), 1)) > 1
