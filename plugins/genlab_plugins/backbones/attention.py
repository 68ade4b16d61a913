"""Attention in the arithmetic that is quick on the device at hand."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["attend"]


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    r"""Return scaled dot-product attention.

    .. math:: \operatorname{softmax}(q k^T / \sqrt{d}) \, v

    In bf16 on the CPU it is computed in float32, since the backward pass of PyTorch's bf16 kernel takes
    about five times as long there.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), eq. 1.

    Args:
        q: Queries ``(B, heads, N, d)``.
        k: Keys ``(B, heads, M, d)``.
        v: Values ``(B, heads, M, d)``.

    Returns:
        ``(B, heads, N, d)``.
    """
    if q.device.type != "cpu" or q.dtype != torch.bfloat16:
        return scaled_dot_product_attention(q, k, v)
    with torch.autocast("cpu", enabled=False):
        return scaled_dot_product_attention(q.float(), k.float(), v.float()).to(q.dtype)
