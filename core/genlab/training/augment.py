"""Augmentation: small changes of an image that leave its class and its likelihood about the same."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from genlab.training.batches import moved

__all__ = ["augment"]


def augment(x: Tensor, *, shift: int, flip: bool | Tensor, generator: torch.Generator) -> Tensor:
    """Move images by whole pixels and mirror them, each on its own.

    What a moved image uncovers is filled with its edge.

    Args:
        x: Images ``(B, C, H, W)``.
        shift: Largest move along each axis, in pixels; every move up to it is equally likely.
        flip: Whether half of the images, chosen at random, are mirrored left to right; or which, ``(B,)``.
        generator: Source of randomness, on the device of ``x``.

    Returns:
        Images of the same shape; ``x`` itself where nothing is asked for.
    """
    if flip is True:
        flip = torch.rand(len(x), generator=generator, device=x.device) < 0.5
    if isinstance(flip, Tensor):
        mirrored = moved(flip, x.device)
        x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    return _moved(x, shift, generator) if shift else x


def _moved(x: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    n, _, height, width = x.shape
    padded = functional.pad(x, (shift, shift, shift, shift), mode="replicate")
    moves = torch.randint(2 * shift + 1, (2, n, 1), generator=generator, device=x.device)
    rows = moves[0] + torch.arange(height, device=x.device)
    columns = moves[1] + torch.arange(width, device=x.device)
    picked = torch.arange(n, device=x.device)[:, None, None]
    return padded.movedim(1, 3)[picked, rows[:, :, None], columns[:, None, :]].movedim(3, 1)
