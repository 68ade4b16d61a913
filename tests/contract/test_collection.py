"""The error that lists what is broken, and the way from components to tests of pytest."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import AdamW, DataSpec, Degradation, Denoising, Metric, RequestError
from genlab.components.registry import ROLES, registry
from genlab.engines import Local
from genlab.testing import (
    Check,
    ContractError,
    CosineNoise,
    Fade,
    check_degradation,
    checks_of,
    parametrize_with_checks,
)
from genlab.testing.tiny import AffineFlow, Perceptron, StepDown, TwoNormals


class Plain(Degradation):
    tags = Fade.tags
    draw = Fade.draw
    degrade = Fade.degrade
    summarize = Fade.summarize
    expand = Fade.expand


class Two(Plain):
    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().degrade(x_0, t, z) + 1e-6

    def summarize(self, x_1: Tensor) -> Tensor:
        return super().summarize(x_1) * 1.01


class WrongInverse(Fade):
    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return super().invert(x_t, 1.01 * t, z)


SMALL: list[tuple[int, ...]] = [(1, 8, 8), (2, 9, 12)]


def test_the_error_lists_every_broken_clause_with_its_example() -> None:
    with pytest.raises(ContractError) as caught:
        check_degradation(Two(), shapes=SMALL)
    names = [failure.check.name for failure in caught.value.failures]
    assert names == ["identity_at_zero", "summary_round_trip"]
    message = str(caught.value)
    assert "Two breaks 2 clauses of its contract" in message
    assert "t = 0, shape (1, 8, 8), torch.float32: the values differ by" in message


class RaisesAtTheEnd(Plain):
    def summarize(self, x_1: Tensor) -> Tensor:
        raise KeyError(f"nothing here for {len(x_1)} examples")


class RaisesTwice(Plain):
    def summarize(self, x_1: Tensor) -> Tensor:
        raise KeyError("nothing here")

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        if len(x_0) == 1:
            raise KeyError("nothing here")


def test_a_method_that_raises_is_one_failure() -> None:
    with pytest.raises(ContractError, match="KeyError: 'nothing here for 3 examples'") as caught:
        check_degradation(RaisesAtTheEnd(), shapes=SMALL)
    assert len(caught.value.failures) == 1


def test_two_methods_that_raise_are_two_failures() -> None:
    with pytest.raises(ContractError) as caught:
        check_degradation(RaisesTwice(), shapes=SMALL)
    assert len(caught.value.failures) == 2


def test_the_smallest_shape_is_named_first() -> None:
    class OddSides(Plain):
        def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
            return super().degrade(x_0, t, z) + (x_0.shape[-1] != x_0.shape[-2])

    with pytest.raises(ContractError, match=r"shape \(2, 9, 12\)"):
        check_degradation(OddSides(), shapes=[(1, 8, 8), (2, 9, 12), (1, 5, 6)])


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Fade(), "identity_at_zero"),
        (Fade, "identity_at_zero"),
        (StepDown(), "grid_from_one_to_zero"),
        (TwoNormals(), "spec_is_sound"),
        (Perceptron, "uses_time"),
        (partial(Perceptron), "uses_time"),
        (lambda spec: Perceptron(spec), "uses_time"),
        (AffineFlow, "flow_inverts"),
        (lambda spec: AffineFlow(spec), "flow_inverts"),
        (Denoising, "calls_the_network"),
        (partial(Denoising, weight="min-snr"), "calls_the_network"),
        (lambda restorer: Denoising(restorer), "calls_the_network"),
        (AdamW(), "lowers_a_quadratic"),
        (Local(), "every_job_once"),
    ],
)
def test_the_role_follows_from_the_component(component: Any, name: str) -> None:
    checks = list(checks_of(component))
    names = {check.name for check in checks}
    assert name in names
    assert "parameters_survive_a_file" in names
    assert len(names) == len(checks)
    assert all(check.meaning.endswith(".") for check in checks)


def test_every_role_has_checks() -> None:
    """Of each there is one that is installed, or of this file."""
    for role in ROLES:
        names = registry(role).names()
        if names and role != "dataset":
            component = registry(role).get(names[0])
            later = role in ("backbone", "density", "objective")
            assert next(checks_of(component if later else component())).meaning


def test_a_metric_brings_its_data_sets() -> None:
    metric: Metric = registry("metric").get("sliced-wasserstein")()
    assert "order_does_not_matter" in {check.name for check in checks_of(metric)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (3, "neither a component nor"),
        (Perceptron(DataSpec((2,), "vector")), "give what builds the backbone"),
        (lambda one: one + 1, "builds nothing"),
    ],
)
def test_what_has_no_role_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        checks_of(wrong)


def test_an_expected_failure_must_name_a_check() -> None:
    with pytest.raises(RequestError, match=r"unknown check 'inverses'.*'inverse'"):
        parametrize_with_checks([Fade()], {"inverses": "a slip of the pen"})


def test_tests_are_named_by_class_and_parameters() -> None:
    muon = registry("optimiser").get("muon")
    mark = parametrize_with_checks([muon(), muon(lr=0.5), partial(AffineFlow)])
    ids = {param.id.rpartition("-")[0] for param in mark.args[1]}
    assert ids == {"Muon", "Muon(lr=0.5)", "AffineFlow()"}


@parametrize_with_checks(
    [Plain(), WrongInverse()],
    lambda d: {"inverse": "planted above"} if isinstance(d, WrongInverse) else {},
)
def test_expected_failures_are_strict(check: Check) -> None:
    check.run()


@parametrize_with_checks([WrongInverse()], {"inverse": "planted above"})
def test_expected_failures_may_be_a_mapping(check: Check) -> None:
    check.run()


def test_a_check_disturbs_nobody() -> None:
    """The global generators are as they were, whatever a component does to them."""

    class Reseeds(CosineNoise):
        def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
            torch.manual_seed(0)
            return super().draw(x_0, generator=generator)

    checks = {check.name: check for check in checks_of(Reseeds())}
    torch.manual_seed(7)
    before = torch.get_rng_state()
    with pytest.raises(AssertionError, match=r"draw\(\) touches the global generator of torch"):
        checks["global_rng_untouched"].run()
    assert torch.equal(torch.get_rng_state(), before)
