"""The compiler: where it is asked for, that it changes nothing else, and what happens where it fails."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

import genlab
from genlab.training.compiled import Compiled, is_compiled
from genlab.training.settings import Budget

LONG, SHORT = Budget(total=20_000, unit="steps"), Budget(total=19_999, unit="steps")


@pytest.mark.parametrize(
    ("asked", "budget", "shape", "gains", "expected"),
    [
        ("auto", LONG, (2,), True, True),
        ("auto", SHORT, (2,), True, False),
        ("auto", LONG, (2,), False, False),
        ("auto", LONG, (1, 8, 8), True, False),
        ("auto", Budget(total=5, unit="minutes"), (2,), True, True),
        ("auto", Budget(total=4.9, unit="minutes"), (2,), True, False),
        ("on", SHORT, (1, 8, 8), False, True),
        ("off", LONG, (2,), True, False),
    ],
)
def test_networks_are_compiled_where_it_is_asked_for_or_pays(
    asked: Any, budget: Budget, shape: tuple[int, ...], gains: bool, expected: bool
) -> None:
    assert is_compiled(asked, budget, shape, gains) is expected


def test_what_cannot_be_compiled_is_called_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def compiled(network: Callable[..., Any]) -> Callable[..., Any]:
        tried.append(network)
        return lambda x: 1 / 0

    monkeypatch.setattr(torch, "compile", compiled)
    network = Compiled(torch.square)
    with pytest.warns(UserWarning, match=r"without torch\.compile: division by zero$"):
        assert network(torch.tensor(3.0)) == 9
    assert network(torch.tensor(4.0)) == 16
    assert tried == [torch.square]


def test_an_error_of_the_network_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network: network)
    with pytest.raises(IndexError):
        Compiled(lambda x: x[5])(torch.zeros(2))


def test_a_compiled_training_is_the_same_training(monkeypatch: pytest.MonkeyPatch) -> None:
    data = genlab.load("moons")
    calls = []

    def compiled(network: Callable[..., Any]) -> Callable[..., Any]:
        traced = eager(network)

        def call(x: torch.Tensor) -> Any:
            calls.append(len(x))
            return traced(x)

        return call

    eager = functools.partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", compiled)

    def trained(compile: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        density = genlab.build("density", "realnvp", data.spec, couplings=2, width=8)
        objective = genlab.Likelihood(density)
        genlab.fit(objective, data.train, steps=3, batch=16, compile=compile)
        return density.state_dict()

    plain = trained("off")
    assert calls == []
    torch.testing.assert_close(trained("on"), plain)
    assert calls == [16, 16, 16]
