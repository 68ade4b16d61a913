"""How large what a configuration asks for may become: looked at before it is made, and while it is built.

``torch.device("meta")`` builds modules without memory, too, but arithmetic on it imports sympy, which takes
seconds, and it knows no values, which flows look at while they are built. So a module is built as it is, and
every tensor is refused before its memory is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration
from torch.utils._python_dispatch import TorchDispatchMode

from genlab.components.dataset import DataSpec
from genlab.config.resolved import Resolved
from genlab.errors import RequestError, brief
from genlab.guards import MOST, most_bytes, require_fits
from genlab.uncompiled import uncompiled

__all__ = ["bounded", "require_config_fits", "require_spec_fits"]

_MODULES = 8_000  # for each GiB
_CLASSES = 20_000  # for each GiB
_EXAMPLES = 16  # that fit, at least
_FILLED = ("empty", "zeros", "ones", "full", "rand", "randn", "randint", "normal")
_RANGES = ("arange", "linspace", "logspace", "randperm", "range")


def require_spec_fits(spec: DataSpec) -> None:
    """Refuse data of which one example, or the number of classes, is beyond all measure.

    Raises:
        RequestError: It is.
    """
    size = 4 * math.prod(spec.shape)
    require_fits(f"{_EXAMPLES} examples of the shape {brief(spec.shape, 40)}", _EXAMPLES * size)
    most = max(round(_CLASSES * most_bytes() / 2**30), 1)
    if spec.classes > most:
        raise RequestError(
            f"the data has {spec.classes} classes, and at most {most} are allowed: the environment variable "
            f"{MOST} allows {_CLASSES} for each GiB"
        )


def require_config_fits(config: Resolved, spec: DataSpec) -> None:
    """Refuse batches and samples that take too much memory.

    Raises:
        RequestError: They do.
    """
    size = 4 * math.prod(spec.shape)
    counts = {
        "sampling.count": config.sampling.count,
        "sampling.batch": min(config.sampling.batch, config.sampling.count),
        "evaluation.count": config.evaluation.count if config.evaluation.times else 1,
        "training.batch": config.learned.settings.batch if config.learned else 1,
    }
    for setting, count in counts.items():
        require_fits(
            f"{setting} = {count} examples of the shape {brief(spec.shape, 40)}", count * size
        )


@contextmanager
def bounded(what: str, of: str = "parameters") -> Iterator[None]:
    """Refuse what has too many numbers, or is made of too many modules, while it is built.

    Args:
        what: What is built, in words.
        of: What the numbers are.

    Raises:
        RequestError: It has.
    """
    built = _Built(what, of)
    handles = [
        registration.register_module_parameter_registration_hook(built.add_tensor),
        registration.register_module_buffer_registration_hook(built.add_tensor),
        registration.register_module_module_registration_hook(built.add_module),
    ]
    try:
        with _Allocations(built):
            yield
    finally:
        for handle in handles:
            handle.remove()


class _Built:
    """Counts what has been built so far."""

    def __init__(self, what: str, of: str) -> None:
        self.what, self.of = what, of
        self.bytes, self.numbers, self.modules = 0, 0, 0
        self.room = most_bytes()
        self.most = max(round(_MODULES * self.room / 2**30), 1)

    def add_tensor(self, module: nn.Module, name: str, tensor: Tensor | None) -> None:
        """Count a parameter or a buffer."""
        if isinstance(tensor, Tensor):
            self.bytes += tensor.numel() * tensor.element_size()
            self.numbers += tensor.numel()
            self._require(self.numbers, self.bytes)

    def add_module(self, module: nn.Module, name: str, inner: nn.Module | None) -> None:
        """Count a module."""
        self.modules += 1
        if self.modules > self.most:
            raise RequestError(
                f"{self.what} is made of more than {self.most} modules: the environment variable {MOST} "
                f"allows {_MODULES} for each GiB"
            )

    def require_room(self, numbers: float, size: int) -> None:
        """Refuse a tensor before it is made."""
        self._require(self.numbers + numbers, self.bytes + numbers * size)

    def _require(self, numbers: float, size: float) -> None:
        if size > self.room:
            require_fits(f"{self.what} has at least {numbers:,.6g} {self.of}, which", size)


class _Allocations(TorchDispatchMode):
    """Looks at every tensor that is made from a shape, before it is made."""

    def __init__(self, built: _Built) -> None:
        super().__init__()
        uncompiled(type(self).__torch_dispatch__)
        self.built = built

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        numbers = _numbers(func.overloadpacket.__name__, args)
        if numbers:
            dtype = given.get("dtype") or torch.get_default_dtype()
            self.built.require_room(numbers, dtype.itemsize)
        return func(*args, **given)


def _numbers(name: str, args: tuple[Any, ...]) -> float:
    """Return how many numbers the tensor has that an operation makes from a shape; 0 for other operations."""
    stem = name.removeprefix("new_")
    if stem.startswith(_FILLED):
        shape = next((arg for arg in args if isinstance(arg, list | tuple)), ())
        return math.prod(shape) if all(isinstance(side, int) for side in shape) else 0
    plain = [arg for arg in args if isinstance(arg, int | float)]
    if name == "eye" and plain:
        return plain[0] * plain[-1] if len(plain) > 1 else plain[0] ** 2
    return max(map(abs, plain), default=0) if name in _RANGES else 0
