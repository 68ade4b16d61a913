"""Seeds: every seed works everywhere, and every purpose has a stream of its own."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import genlab
import genlab_plugins
from genlab.seeds import MOST, checked_seed, generator_of
from genlab.training.order import Order

SEEDS = st.integers(0, MOST)
DRAWN = {"densities/gmm.py", "densities/expectation.py"}
"""Where the seed of scikit-learn is drawn from a generator."""


@given(SEEDS, st.lists(st.one_of(st.text(max_size=8), st.integers(0, 10)), max_size=3))
def test_numpy_and_pytorch_take_every_sub_seed(seed: int, purpose: list[str | int]) -> None:
    derived = genlab.sub_seed(seed, *purpose)
    np.random.RandomState(derived)  # refuses what is not below 2**32
    assert torch.Generator().manual_seed(derived).initial_seed() == derived
    assert generator_of(seed, *purpose).initial_seed() == derived


@given(SEEDS)
def test_seeds_that_differ_in_their_high_bits_alone_differ(seed: int) -> None:
    """PyTorch's generator of the CPU would take them for one."""
    other = seed ^ 2**40
    assert genlab.sub_seed(seed) != genlab.sub_seed(other)
    one, two = (torch.randn(4, generator=generator_of(each, "x")) for each in (seed, other))
    assert not torch.equal(one, two)


def test_purposes_and_neighbouring_seeds_do_not_meet() -> None:
    told = itertools.product(range(30), ("order", "labels", "batch"), range(10))
    found = [genlab.sub_seed(*each) for each in told]
    assert len(set(found)) == len(found)
    assert genlab.sub_seed(0, "a", "b") != genlab.sub_seed(0, "ab")
    assert genlab.sub_seed(0, 1) != genlab.sub_seed(0, "1")


def test_a_sub_seed_is_the_same_for_ever() -> None:
    """Runs are repeated on other machines, by other versions."""
    assert genlab.sub_seed(0) == 0x8F1F228B
    assert genlab.sub_seed(MOST, "order", 3) == 0xCA48ED91


@pytest.mark.parametrize("wrong", [-1, 2**63, 1.0, True, "0", None, float("nan")])
def test_what_is_no_seed_is_refused(wrong: object) -> None:
    for use in (checked_seed, genlab.sub_seed, generator_of):
        with pytest.raises(genlab.RequestError, match="a whole number from 0 to"):
            use(wrong)  # type: ignore[operator]


def made_seeds(source: str) -> list[str]:
    """Return the expressions that seed by something else than a sub-seed, or count with a seed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            wrong = any(getattr(s, "id", getattr(s, "attr", "")) == "seed" for s in sides)
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", "") == "manual_seed"
            named = [k.value for k in node.keywords if k.arg == "random_state"]
            wrong = any(not _is_sub_seed(value) for value in [*node.args[: int(called)], *named])
        else:
            continue
        if wrong:
            found.append(ast.unparse(node))
    return found


def _is_sub_seed(value: ast.expr) -> bool:
    called = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "sub_seed"
    return called or isinstance(value, ast.Constant)


def test_no_seed_is_made_but_by_hashing() -> None:
    for package in (genlab, genlab_plugins):
        folder = Path(str(package.__path__[0]))
        for file in folder.rglob("*.py"):
            where = file.relative_to(folder).as_posix()
            if where.startswith("testing/") or where in DRAWN:
                continue
            assert (where, made_seeds(file.read_text("utf-8"))) == (where, [])


@pytest.mark.parametrize(
    "wrong",
    [
        "g.manual_seed(seed)",
        "g.manual_seed(sub_seed(seed) + 1)",
        "f(self.seed * 3)",
        "f(random_state=seed)",
    ],
)
def test_a_seed_that_is_made_otherwise_is_found(wrong: str) -> None:
    assert made_seeds(wrong)
    assert not made_seeds('g.manual_seed(sub_seed(seed, "x")); g.manual_seed(0)')


def test_numpy_integers_are_seeds() -> None:
    assert genlab.sub_seed(np.int64(7)) == genlab.sub_seed(7)  # type: ignore[arg-type]


def test_the_order_of_one_seed_is_not_that_of_another_a_little_later() -> None:
    """Of seeds that are multiplied and added, one goes through the epochs of another."""
    first, second = Order(50, 50, 1), Order(50, 50, 0)
    orders = [order.indices(epoch).tolist() for order in (first, second) for epoch in range(20)]
    assert len(set(map(tuple, orders))) == len(orders)
    assert Order(50, 50, MOST).indices(3).sort().values.tolist() == list(range(50))
