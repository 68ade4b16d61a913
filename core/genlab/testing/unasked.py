"""Watching that a computation asks no tensor for its values, as one that is recorded on a GPU must not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genlab.testing.check import require

__all__ = ["require_no_answer"]

_ASKING = frozenset({
    "_local_scalar_dense", "bincount", "equal", "masked_select", "nonzero", "_unique2", "unique_consecutive",
    "unique_dim",
})  # fmt: skip
"""Operations whose result, or its shape, the processor needs before it goes on."""
_BY_MASK = frozenset({"index", "index_put", "index_put_", "_index_put_impl_"})


@contextmanager
def require_no_answer(what: str) -> Iterator[None]:
    """Require that the block needs no tensor's values in Python, nor for the shape of a result.

    On a GPU that waits for the device, and cannot be recorded.

    Args:
        what: What runs, in words.
    """
    with _Watch() as watch:
        yield
    found = ", ".join(dict.fromkeys(watch.asked))
    require(not found, f"tagged replayable, it asks for values of tensors ({found}), {what}")


class _Watch(TorchDispatchMode):
    """Notes the operations that ask for values."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute as ever."""
        name = function._schema.name.removeprefix("aten::")
        if name in _ASKING or (name in _BY_MASK and _has_mask(args[1])):
            self.asked.append(name)
        return function(*args, **(kwargs or {}))


def _has_mask(indices: Any) -> bool:
    return any(isinstance(x, Tensor) and x.dtype == torch.bool for x in tree_leaves(indices))
