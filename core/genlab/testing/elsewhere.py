"""A made-up device beside the CPU, on which no tensor may be float64, as on Apple's MPS.

Tensors on it compute as those of the CPU do, and say that they lie on PyTorch's device ``meta``. So all that
a component does off the CPU runs to its end on any machine, and an operation that makes a float64 tensor
there, or takes tensors of both devices, raises where it stands.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["OffTheCPUError", "elsewhere", "require_no_float64"]

_DEVICE = torch.device("meta")
_TOO_WIDE = (torch.float64, torch.complex128)
_BOTH = ("aten::copy_", "aten::_to_copy", "aten::index", "aten::index_put", "aten::index_put_")
"""Operations that take tensors of both devices."""
_FIRST = ("aten::copy_", "aten::index_put_")
"""Operations whose result lies where their first argument does."""


class OffTheCPUError(RuntimeError):
    """Something was computed off the CPU that Apple's MPS cannot."""


@contextmanager
def elsewhere() -> Iterator[torch.device]:
    """Give the made-up device, as long as the block lasts; what PyTorch makes without a dispatch knows it."""
    with (
        mock.patch.object(torch, "Generator", _Generator),
        mock.patch.object(torch, "autocast", _autocast),
        mock.patch.object(torch, "tensor", _tensor),
        mock.patch.object(Tensor, "new_tensor", _new_tensor),
        _Mode(),
    ):
        yield _DEVICE


@contextmanager
def require_no_float64(what: str) -> Iterator[torch.device]:
    """Require that the block runs on the made-up device, which it is given.

    Args:
        what: What runs, in words.
    """
    try:
        with elsewhere() as device:
            yield device
    except OffTheCPUError as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if "/torch/" not in f.filename and f.filename != __file__]
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
        raise AssertionError(f"{what}: {error} ({place})") from error


class _Away(Tensor):
    """A tensor on the made-up device, with one of the CPU inside."""

    inside: Tensor

    @staticmethod
    def __new__(cls, inside: Tensor) -> _Away:
        make: Any = Tensor._make_wrapper_subclass
        made: _Away = make(
            cls, inside.shape, strides=inside.stride(), storage_offset=inside.storage_offset(),
            dtype=inside.dtype, device=_DEVICE,
        )  # fmt: skip
        made.inside = inside
        return made

    def __init__(self, inside: Tensor) -> None:
        super().__init__()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"elsewhere {self.inside!r}"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        function: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute on the CPU."""
        return _computed(function, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Makes on the made-up device what is asked for there."""

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute on the CPU."""
        return _computed(function, args, kwargs or {})


def _computed(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Compute on the CPU, and let the results lie where they would."""
    name = function._schema.name
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    wrapped = {id(x.inside): x for x in given if isinstance(x, _Away)}
    if wrapped and name not in _BOTH:
        _require_one_device(name, given)
    away = isinstance(args[0], _Away) if name in _FIRST else bool(wrapped)
    if kwargs.get("device") is not None:
        away = torch.device(kwargs["device"]) == _DEVICE
    inner_args, inner_kwargs = tree_map(_inside, (tuple(args), dict(kwargs)))
    found = function(*inner_args, **inner_kwargs)

    def outside(x: Any) -> Any:
        if not away or not isinstance(x, Tensor):
            return x
        if x.dtype in _TOO_WIDE:
            raise OffTheCPUError(
                f"{name.removeprefix('aten::')} makes a float64 tensor off the CPU"
            )
        return wrapped[id(x)] if id(x) in wrapped else _Away(x)

    return tree_map(outside, found)


def _require_one_device(name: str, given: Sequence[Tensor]) -> None:
    here = [x for x in given if not isinstance(x, _Away) and x.ndim]
    if here:
        raise OffTheCPUError(
            f"{name.removeprefix('aten::')} takes tensors of two devices, one of the shape "
            f"{tuple(here[0].shape)} of the CPU"
        )


def _inside(x: Any) -> Any:
    if isinstance(x, _Away):
        return x.inside
    return torch.device("cpu") if isinstance(x, torch.device) and x == _DEVICE else x


class _Generator(torch.Generator):
    """A generator of the CPU that may say that it is of the made-up device."""

    def __new__(cls, device: torch.device | str = "cpu") -> _Generator:
        make: Any = super().__new__
        made: _Generator = make(cls, "cpu")
        made.__dict__["_device"] = torch.device(device)
        return made

    def __init__(self, device: torch.device | str = "cpu") -> None:
        pass

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it says that it draws."""
        device: torch.device = self.__dict__["_device"]
        return device


_real_autocast, _real_tensor = torch.autocast, torch.tensor


def _autocast(device_type: str, *args: Any, **kwargs: Any) -> Any:
    return _real_autocast("cpu" if device_type == _DEVICE.type else device_type, *args, **kwargs)


def _tensor(data: Any, *, device: torch.device | str | None = None, **kwargs: Any) -> Tensor:
    made = _real_tensor(data, **kwargs)
    return made if device is None else made.to(device)


def _new_tensor(
    like: Tensor,
    data: Any,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    **kwargs: Any,
) -> Tensor:
    made = _real_tensor(data, dtype=like.dtype if dtype is None else dtype, **kwargs)
    return made.to(like.device if device is None else device)
