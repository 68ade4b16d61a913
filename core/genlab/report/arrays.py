"""Samples as the bytes of a file of arrays."""

from __future__ import annotations

import io

import numpy as np
from torch import Tensor

__all__ = ["npz_bytes"]


def npz_bytes(x: Tensor, y: Tensor | None) -> bytes:
    """Return samples, and their labels where they have some, as the bytes of an ``.npz`` file.

    Args:
        x: Samples ``(n, *shape)``.
        y: Labels ``(n,)`` or None.
    """
    arrays = {"x": x.numpy()} if y is None else {"x": x.numpy(), "y": y.numpy()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
