"""What a command takes is what a run is made of, and what stands in for what nobody said."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from typer.main import get_command

import genlab
from genlab import ArrayDataset, Run
from genlab.cli import app
from genlab.cli.app import exit_status
from genlab.components.data import described
from genlab.runs.combinations import combinations

OPTIONS = [
    ("--dataset", "moons", "dataset"), ("--degradation", "gaussian", "degradation"),
    ("--backbone", "mlp", "backbone"), ("--sampler", "heun", "sampler"),
    ("--objective", "denoising", "objective"), ("--optimiser", "muon", "optimiser"),
]  # fmt: skip


def dry(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert exit_status(["run", "--dry-run", *words]) == 0
    return tomllib.loads(capsys.readouterr().out)


def test_every_option_of_a_component_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for option, name, _ in OPTIONS for word in (option, name)]
    found = dry(capsys, *words)
    assert {place: found[place]["name"] for _, _, place in OPTIONS} == {
        place: name for _, name, place in OPTIONS
    }


def test_metrics_and_figures_that_are_named_are_all_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--metric", "mmd", "--metric", "modes", "--figure", "loss", "--figure", "samples")
    found = dry(capsys, "--dataset", "8-gaussians", *words)
    assert [metric["name"] for metric in found["metrics"]] == ["mmd", "modes"]
    assert [figure["name"] for figure in found["figures"]] == ["loss", "samples"]


def with_a_seed() -> Iterator[tuple[str, inspect.Parameter]]:
    """Yield the seed of every public function and method of a run that has one."""
    public = [(name, getattr(genlab, name)) for name in genlab.__all__]
    methods = [(f"Run.{name}", each) for name, each in vars(Run).items() if name[0] != "_"]
    for name, each in public + methods:
        if inspect.isfunction(each) and "seed" in inspect.signature(each).parameters:
            yield name, inspect.signature(each).parameters["seed"]


@pytest.mark.parametrize(("name", "seed"), list(with_a_seed()), ids=lambda given: str(given)[:20])
def test_the_seed_is_0_where_nobody_says_another(name: str, seed: inspect.Parameter) -> None:
    assert seed.default in (0, None, inspect.Parameter.empty), name


def test_draws_of_a_sweep_are_those_of_seed_0() -> None:
    table = {"draws": 3, "optimiser.lr": {"low": 1e-4, "high": 1e-2}}
    said = {**table, "draws": {"count": 3, "seed": 0}}
    other = {**table, "draws": {"count": 3, "seed": 1}}
    assert list(combinations(table)) == list(combinations(said)) != list(combinations(other))


@pytest.mark.parametrize(
    ("classes", "said"), [(0, "no classes"), (1, "1 class:"), (2, "2 classes:")]
)
def test_classes_are_counted_in_words(classes: int, said: str) -> None:
    y = torch.arange(8) % classes if classes else None
    data = genlab.load(ArrayDataset(x=torch.rand(8, 2), y=y))
    assert described(data).startswith(said)


def test_four_pairs_of_images_are_interpolated_where_nobody_says_how_many() -> None:
    commands: Callable[..., Any] = get_command(app)
    pairs = next(p for p in commands.commands["interpolate"].params if p.name == "pairs")
    assert pairs.default == 4
