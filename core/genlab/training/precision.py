"""Which arithmetic is faster where."""

from __future__ import annotations

from typing import Literal

import torch

__all__ = ["bf16_is_faster", "uses_bf16"]

_SMALLEST_SIDE = 16  # below, the layers are too small to gain


def bf16_is_faster(device: torch.device, shape: tuple[int, ...], mixed_precision: bool) -> bool:
    """Say whether bf16 autocast pays for a network.

    The answer depends on the hardware and on the data alone, so that the same request computes in the
    same arithmetic every time.

    Args:
        device: Where the network runs.
        shape: Shape of one example.
        mixed_precision: Whether the backbone says that bf16 speeds it up.
    """
    if not mixed_precision or min(shape[1:], default=0) < _SMALLEST_SIDE:
        return False
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and bool(native())


def uses_bf16(
    precision: Literal["auto", "fp32", "bf16"],
    device: torch.device,
    shape: tuple[int, ...],
    mixed_precision: bool,
) -> bool:
    """Say whether a network computes under bf16 autocast, in training and in sampling alike.

    Args:
        precision: What the settings of the training say.
        device: Where the network runs.
        shape: Shape of one example.
        mixed_precision: Whether the backbone says that bf16 speeds it up.
    """
    if precision == "auto":
        return bf16_is_faster(device, shape, mixed_precision)
    return precision == "bf16"
