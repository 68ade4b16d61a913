"""What all contract checks share: the check itself, its failures, and the examples it looks at.

A check is a function that raises an :class:`AssertionError` with the smallest example that breaks the
contract. Checks draw their examples from seeded generators and walk fixed grids from small to large, so
that the first failure is the smallest and the same everywhere.
"""

from __future__ import annotations

import pickle
import random
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "Check",
    "ContractError",
    "Failure",
    "bind",
    "devices",
    "example_data",
    "failures",
    "global_rng_untouched",
    "require",
    "require_close",
    "require_equal",
    "run_checks",
    "seeded",
]


@dataclass(frozen=True)
class Check:
    """One clause of a contract.

    Args:
        name: Its name, unique within its role.
        meaning: What it asks for, in one sentence.
        run: Runs it; raises when the clause is broken.
    """

    name: str
    meaning: str
    run: Callable[[], None]


@dataclass(frozen=True)
class Failure:
    """A broken clause.

    Args:
        check: The check that found it.
        example: The smallest example that breaks it, in words.
    """

    check: Check
    example: str

    def __str__(self) -> str:
        return f"{self.check.name}: {self.check.meaning}\n    {self.example}"


class ContractError(AssertionError):
    """A component breaks its contract.

    Args:
        subject: What was checked.
        failures: Every broken clause.
    """

    def __init__(self, subject: str, failures: Sequence[Failure]) -> None:
        self.subject = subject
        self.failures = tuple(failures)
        clauses = "clause" if len(failures) == 1 else "clauses"
        lines = [f"{subject} breaks {len(failures)} {clauses} of its contract:"]
        super().__init__("\n  ".join([*lines, *map(str, failures)]))


def bind(functions: Iterable[Callable[..., None]], *args: Any) -> Iterator[Check]:
    """Turn functions into checks: the name is the function's, the meaning its docstring.

    Args:
        functions: Functions with a one-sentence docstring; a leading underscore is dropped.
        args: What each of them is called with.
    """
    for function in functions:
        meaning = " ".join((function.__doc__ or "").split())
        yield Check(function.__name__.lstrip("_"), meaning, partial(function, *args))


def failures(checks: Iterable[Check]) -> Iterator[Failure]:
    """Run checks and yield a failure for each that raises, whatever it raises.

    An error that a component raises where it should not ends many checks, and is told once.
    """
    told = set()
    for check in checks:
        try:
            check.run()
        except AssertionError as error:
            if isinstance(error.__cause__, Exception):
                told.add(_origin(error.__cause__))
            yield Failure(check, str(error))
        except Exception as error:
            origin = _origin(error)
            if origin not in told:
                told.add(origin)
                yield Failure(check, f"{type(error).__name__}: {error}")


def run_checks(subject: str, checks: Iterable[Check]) -> None:
    """Run every check.

    Args:
        subject: What is checked, for the message.
        checks: The checks.

    Raises:
        ContractError: At least one failed; the message lists all that did.
    """
    found = list(failures(checks))
    if found:
        raise ContractError(subject, found)


def require(condition: bool, example: str) -> None:
    """Raise an :class:`AssertionError` with the example unless the condition holds."""
    if not condition:
        raise AssertionError(example)


def require_equal(got: Tensor, want: Tensor, example: str) -> None:
    """Require the same shape and the same values to the last bit; two that are not a number are the same."""
    if got.shape == want.shape and bool(((got == want) | (got.isnan() & want.isnan())).all()):
        return
    require_close(got, want, 0.0, example)
    raise AssertionError(f"{example}: the values are not equal")


def require_close(got: Tensor, want: Tensor, tolerance: float, example: str) -> None:
    """Require the same shape, and values that differ by little.

    Args:
        got: What came out.
        want: What should have come out.
        tolerance: Largest difference, in units of the largest wanted value or of 1.
        example: The example, for the message.
    """
    require(
        got.shape == want.shape, f"{example}: shape {tuple(got.shape)}, not {tuple(want.shape)}"
    )
    if want.numel() == 0:
        return
    difference = (got.double() - want.double()).abs().nan_to_num(nan=torch.inf)
    scale = max(1.0, float(want.double().abs().max()))
    worst = float(difference.max())
    place = tuple(int(i) for i in np.unravel_index(int(difference.argmax()), want.shape))
    require(
        worst <= tolerance * scale,
        f"{example}: the values differ by {worst:.3g} at {list(place)} "
        f"(allowed: {tolerance * scale:.3g})",
    )


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator with a seed."""
    return torch.Generator(device).manual_seed(seed)


def example_data(
    shape: Sequence[int],
    n: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> Tensor:
    """Return generic data ``(n, *shape)``: vectors standard normal, all else uniform in [-1, 1].

    The draw is made once in float64 on the CPU, so that every dtype and device sees the same example.
    """
    generator = seeded(seed)
    if len(shape) == 1:
        x = torch.randn(n, *shape, generator=generator, dtype=torch.float64)
    else:
        x = torch.rand(n, *shape, generator=generator, dtype=torch.float64) * 2 - 1
    return x.to(device, dtype)


def devices() -> list[torch.device]:
    """Return the devices that checks can look at: the CPU, and the GPU where there is one."""
    return [torch.device("cpu"), *([torch.device("cuda")] if torch.cuda.is_available() else [])]


@contextmanager
def global_rng_untouched(what: str) -> Iterator[None]:
    """Require that the block leaves the global generators of torch, NumPy and Python alone.

    They are set to a state that nobody sets, so that seeding them shows as well as drawing from them,
    and are put back in any case, so that a check disturbs nobody.
    """
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    torch.manual_seed(_NOBODY)
    np.random.seed(_NOBODY)  # noqa: NPY002
    random.seed(_NOBODY)
    before = _global_states()
    try:
        yield
        after = _global_states()
        touched = [name for name in before if before[name] != after[name]]
        require(not touched, f"{what} touches the global generator of {' and '.join(touched)}")
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        random.setstate(kept[2])


_NOBODY = 1_928_374_655
_HERE = str(Path(__file__).parent)


def _global_states() -> dict[str, bytes]:
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "random": pickle.dumps(random.getstate()),
    }


def _origin(error: Exception) -> Hashable:
    """Return what two errors have in common that come from one place of a component."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if last.filename.startswith(_HERE):  # a check stumbled: the place says little
        return type(error), str(error)
    return type(error), last.filename, last.lineno
