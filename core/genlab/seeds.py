"""Seeds: from the one seed of a request to the seeds of all that is random.

A seed is a whole number from 0 to :math:`2^{63} - 1`. PyTorch's generator of the CPU reads no more than the
lowest 32 bits of a seed, and NumPy and scikit-learn take no more. So nothing is seeded by a request's
seed itself, nor by its neighbours: each purpose has a seed of its own, a hash of the seed and the purpose.
"""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import torch

from genlab.errors import RequestError

__all__ = ["MOST", "checked_seed", "generator_of", "sub_seed"]

MOST = 2**63 - 1
"""The largest seed."""


def sub_seed(seed: int, *purpose: str | int) -> int:
    """Return the seed of one purpose, a hash of the seed and the purpose.

    Args:
        seed: The seed of a request, from 0 to ``2**63 - 1``.
        purpose: Words and numbers that tell this purpose from all others.

    Returns:
        A whole number from 0 to ``2**32 - 1``, which PyTorch, NumPy and scikit-learn all take.

    Raises:
        RequestError: The seed is none.

    Example:
        >>> import genlab
        >>> genlab.sub_seed(0, "train") == genlab.sub_seed(0, "test")
        False
    """
    told = repr((checked_seed(seed), *purpose)).encode()
    return int.from_bytes(hashlib.blake2b(told, digest_size=4).digest(), "big")


def generator_of(
    seed: int, *purpose: str | int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a generator of one purpose.

    Args:
        seed: The seed of a request.
        purpose: See :func:`sub_seed`.
        device: Where it draws.

    Raises:
        RequestError: The seed is none.
    """
    return torch.Generator(device).manual_seed(sub_seed(seed, *purpose))


def checked_seed(seed: Any) -> int:
    """Return a seed that was given.

    Raises:
        RequestError: It is no whole number from 0 to ``2**63 - 1``.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= MOST:
        raise RequestError(f"seed = {seed!r}: a seed is a whole number from 0 to 2**63 - 1")
    return number
