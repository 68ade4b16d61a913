"""Pairs of test examples, which interpolations begin and end with."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec, Examples
from genlab.errors import RequestError

__all__ = ["class_pairs", "example_pairs", "examples_of_class"]


def example_pairs(examples: Examples, pairs: int) -> tuple[Tensor, Tensor]:
    """Return examples in pairs, each of two classes where there are classes.

    Args:
        examples: A split of the data.
        pairs: How many pairs at most.

    Returns:
        Where the paths begin and where they end, each ``(B, *shape)`` with B up to ``pairs``, on the CPU.
    """
    x, y = examples.first(16 * pairs)
    x = x.cpu()
    if y is None:
        count = min(pairs, len(x) // 2)
        return x[:count], x[count : 2 * count]
    used: set[int] = set()
    first: list[int] = []
    second: list[int] = []
    for i in range(len(x)):
        j = next((j for j in range(i + 1, len(x)) if j not in used and y[j] != y[i]), None)
        if i in used or j is None or len(first) == pairs:
            continue
        used |= {i, j}
        first.append(i)
        second.append(j)
    return x[first], x[second]


def class_pairs(
    examples: Examples, spec: DataSpec, begin: int | str, end: int | str, pairs: int
) -> tuple[Tensor, Tensor]:
    """Return examples of one class, and as many of another.

    Args:
        examples: A split of the data.
        spec: What the data is.
        begin: The class of the first of each pair, by number or name.
        end: The class of the second, by number or name.
        pairs: How many pairs at most.

    Raises:
        RequestError: There is no such class, or no example of it.
    """
    same = spec.class_of(begin) == spec.class_of(end)
    a, b = (examples_of_class(examples, spec, label, 2 * pairs) for label in (begin, end))
    if same:  # an example is no pair with itself
        count = min(pairs, len(a) // 2)
        return a[:count], a[count : 2 * count]
    count = min(pairs, len(a), len(b))
    return a[:count], b[:count]


def examples_of_class(examples: Examples, spec: DataSpec, label: int | str, most: int) -> Tensor:
    """Return the first examples of a class, on the CPU.

    Args:
        examples: A split of the data.
        spec: What the data is.
        label: A class by number or name.
        most: How many at most.

    Raises:
        RequestError: There is no such class, or no example of it.
    """
    y = examples.y
    where = torch.empty(0) if y is None else (y == spec.class_of(label)).nonzero()[:most, 0]
    if not len(where):
        raise RequestError(f"there is no example of the class {label!r}")
    return examples.take(where.to(examples.device))[0].cpu()
