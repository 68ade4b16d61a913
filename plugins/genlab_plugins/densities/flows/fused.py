"""Affine couplings whose forward and backward passes are one function each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["affine", "affine_by_perceptron"]


def affine(out: Tensor, x: Tensor, a: Tensor, c: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
    r"""Return the affine map of x by a conditioner's output, or its inverse, and ``ladj``.

    .. math:: z = e^{s} x + t, \qquad s = c + a \tanh \sigma

    Args:
        out: :math:`(\sigma, t)` ``(B, 2C, ...)``.
        x: ``(B, C, ...)``.
        a: Bound of the log-scales per channel.
        c: Their centre.
        inverse: Whether :math:`(x - t) e^{-s}` is asked for.

    Returns:
        The result, and the sums of its logarithmic derivatives ``(B,)``.
    """
    if torch.is_grad_enabled():
        result: tuple[Tensor, Tensor] = _Affine.apply(out, x, a, c, inverse)
        return result
    z, ladj, _, _ = _mapped(out, x, a, c, inverse)
    return z, ladj


def affine_by_perceptron(
    given: Tensor, x: Tensor, a: Tensor, c: Tensor, inverse: bool, weights: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return what :func:`affine` returns with the output of a perceptron.

    Args:
        given: What the perceptron sees ``(B, inputs)``.
        x: ``(B, C)``.
        a: Bound of the log-scales.
        c: Their centre.
        inverse: Whether the inverse is asked for.
        weights: Weight and bias of one layer after the other, with rectified linear units between them.
    """
    if torch.is_grad_enabled():
        result: tuple[Tensor, Tensor] = _ByPerceptron.apply(given, x, a, c, inverse, *weights)
        return result
    z, ladj, _, _ = _mapped(_activations(given, weights)[-1], x, a, c, inverse)
    return z, ladj


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, out: Tensor, x: Tensor, a: Tensor, c: Tensor, inverse: bool
    ) -> tuple[Tensor, Tensor]:
        z, ladj, e, tanh = _mapped(out, x, a, c, inverse)
        ctx.inverse = inverse
        ctx.save_for_backward(z if inverse else x, e, tanh, a)
        return z, ladj

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor, dladj: Tensor) -> tuple[Tensor | None, ...]:
        return *_pulled_back(ctx.saved_tensors, dz, dladj, ctx.inverse), None


class _ByPerceptron(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, given: Tensor, x: Tensor, a: Tensor, c: Tensor, inverse: bool, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden = _activations(given, weights)
        z, ladj, e, tanh = _mapped(hidden.pop(), x, a, c, inverse)
        ctx.inverse, ctx.depth = inverse, len(hidden)
        ctx.save_for_backward(z if inverse else x, e, tanh, a, given, *hidden, *weights[::2])
        return z, ladj

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor, dladj: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        inputs, weights = saved[4 : 5 + ctx.depth], saved[5 + ctx.depth :]
        d, dx, da, dc = _pulled_back(saved[:4], dz, dladj, ctx.inverse)
        gradients: list[Tensor] = []
        for i in range(ctx.depth, -1, -1):
            h = inputs[i].to(d.dtype)  # of another one under autocast
            gradients[:0] = [d.mT @ h, d.sum(0)]
            d = d @ weights[i]
            if i:
                torch.ops.aten.threshold_backward.grad_input(d, h, 0, grad_input=d)
        return d, dx, da, dc, None, *gradients


def _activations(given: Tensor, weights: list[Tensor] | tuple[Tensor, ...]) -> list[Tensor]:
    """Return the outputs of all layers of a perceptron."""
    h, found = given, []
    for i in range(0, len(weights), 2):
        h = torch.nn.functional.linear(h, weights[i], weights[i + 1])
        if i + 2 < len(weights):
            h = h.relu_()
        found.append(h)
    return found


def _mapped(
    out: Tensor, x: Tensor, a: Tensor, c: Tensor, inverse: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the result, ``ladj``, the factor of x and the hyperbolic tangents."""
    n = x.shape[1]
    tanh = out[:, :n].to(x.dtype).tanh()
    s = torch.addcmul(c, a, tanh)
    s = s.neg_() if inverse else s
    ladj, e = s.flatten(1).sum(1), s.exp()
    t = out[:, n:].to(x.dtype)
    return (x - t).mul_(e) if inverse else torch.addcmul(t, x, e), ladj, e, tanh


def _pulled_back(
    saved: tuple[Tensor, ...], dz: Tensor, dladj: Tensor, inverse: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of the conditioner's output, x, a and c."""
    kept, e, tanh, a = saved
    n = e.shape[1]
    dx = dz * e
    ds = torch.addcmul(dladj.view(-1, *(1 for _ in e.shape[1:])), dz if inverse else dx, kept)
    over = (0, *range(2, e.ndim))
    layout = torch.channels_last if e.ndim == 4 else torch.contiguous_format
    out = torch.empty(
        (len(e), 2 * n, *e.shape[2:]), dtype=e.dtype, device=e.device, memory_format=layout
    )
    if inverse:
        ds = ds.neg_()
        torch.neg(dx, out=out[:, n:])
    else:
        out[:, n:] = dz
    da = (ds * tanh).sum(over).view(a.shape)
    dc = ds.sum(over).view(a.shape)
    torch.ops.aten.tanh_backward.grad_input(ds.mul_(a), tanh, grad_input=out[:, :n])
    return out, dx, da, dc
