r"""Interpolation paths: from one point to another.

* linear: :math:`(1 - \lambda) a + \lambda b`;
* slerp: :math:`\frac{\sin((1 - \lambda)\omega)}{\sin\omega} a + \frac{\sin(\lambda\omega)}{\sin\omega} b`
  with the angle :math:`\omega` between a and b.

Between two independent draws of noise the linear path passes through points whose variance is
:math:`(1 - \lambda)^2 + \lambda^2` of what it should be, half at the middle; slerp keeps it (Shoemake 1985,
"Animating rotation with quaternion curves"; White 2016, arXiv:1609.04468).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genlab.components.degradation import right_expand
from genlab.diffusion.checks import checked_count
from genlab.errors import unknown

__all__ = ["Path", "between", "check_path"]

Path = Literal["linear", "slerp"]
"""How to go from one point to another."""
_PARALLEL = 1e-4  # radians below which both paths are the same


def between(a: Tensor, b: Tensor, points: int | Tensor, path: Path = "linear") -> Tensor:
    r"""Return points on the path from ``a`` to ``b``.

    Args:
        a: Where the paths begin, ``(B, *shape)``.
        b: Where they end, ``(B, *shape)``.
        points: How many points, evenly spaced and both ends included; or the :math:`\lambda` of each, for all
            paths ``(points, 1)`` or for each ``(points, B)``.
        path: ``"linear"`` or ``"slerp"``.

    Returns:
        ``(points, B, *shape)``.

    Raises:
        RequestError: There is no such path, or no point.
    """
    check_path(path)
    if not isinstance(points, Tensor):
        points = torch.linspace(0, 1, checked_count("points", points, "a path has at least one"))[
            :, None
        ]
    share = points.to(a.device, a.dtype)
    return _PATHS[path](a, b, share.reshape(*share.shape, *[1] * (a.ndim - 1)))


def check_path(path: str) -> None:
    """Check the name of a path.

    Raises:
        RequestError: There is no such path.
    """
    if path not in _PATHS:
        raise unknown("path", str(path), _PATHS)


def _linear(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return (1 - share) * a + share * b


def _slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    u, v = (part.flatten(1).cpu().double() for part in (a, b))
    cosine = torch.nn.functional.cosine_similarity(u, v, dim=1, eps=1e-12).clamp(-1, 1)
    angle = right_expand(cosine.acos(), a)
    sine = angle.sin()
    straight = sine < _PARALLEL
    sine = sine.masked_fill(straight, 1.0)
    curved = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / sine
    return torch.where(straight, _linear(a, b, share), curved)


_PATHS = {"linear": _linear, "slerp": _slerp}
