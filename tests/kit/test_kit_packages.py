"""Packages that the kit makes, and that of the documentation, pass their tests and are used from outside."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from genlab.kit import create_package
from genlab.kit.names import GROUPS

from .conftest import SWIRL, Outcome, outside

PYTEST = ("--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist", "-q")
SERIES = """
backbone = "mlp"
prior = "try-density"
metrics = ["try-metric"]
figures = ["samples"]
training = { steps = 2, batch = 16 }
sampling = { count = 8, steps = 2 }

[sweep]
degradation = ["try-degradation", "swirl"]
"""
FEW = ("--steps=4", "--set=sampling.count=8", "--set=sampling.steps=2", "--set=training.batch=16")
PLACES = ("dataset", "backbone", "sampler", "objective", "optimiser", "tracker")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("outside")
    (made / "series.toml").write_text(SERIES)
    return made


@pytest.fixture(scope="module")
def outcomes(packages: Sequence[Path], folder: Path) -> Mapping[str, Outcome]:
    """What became of the packages' own tests, and of commands that use the packages."""
    parts = [f"--{role}=try-{role}" for role in PLACES]
    lists = ['--set=metrics=["try-metric"]', '--set=figures=["try-figure"]']
    return outside(
        packages,
        folder,
        {
            "tests": [*PYTEST, *(str(package / "tests") for package in packages)],
            "run": ["run", *parts, *lists, *FEW, "--out=runs/all"],
            "command": ["try-command", "runs"],
            "sweep": ["sweep", "series.toml", "--engine=try-engine", "--out=series"],
            "show": ["show", "degradation", "swirl", "--json"],
        },
    )


def test_every_package_passes_its_own_tests(outcomes: Mapping[str, Outcome]) -> None:
    tests = outcomes["tests"]
    assert tests.status == 0, tests.said
    passed = re.search(r"(\d+) passed in", tests.said)
    assert passed
    assert int(passed[1]) > 350


def test_what_the_kit_makes_works_together_in_one_run(
    outcomes: Mapping[str, Outcome], folder: Path
) -> None:
    """Every part that has a place in a run of Gaussian noise is a made one, named on a command line."""
    assert outcomes["run"].status == 0, outcomes["run"].said
    run = folder / "runs" / "all"
    tables = tomllib.loads((run / "run.toml").read_text())
    assert {tables[role]["name"] for role in PLACES[:-1]} == {f"try-{role}" for role in PLACES[:-1]}
    assert tables["objective"] == {"name": "try-objective", "gamma": 5.0}
    assert "genlab-try-backbone 0.1.0" in str(tables)
    assert (run / "figures" / "try-figure.png").is_file()
    (header, *lines) = (run / "loss.csv").read_text().splitlines()
    assert header == "step,loss,lr,elapsed_s"
    assert lines[-1].startswith("4,")
    names = {record["name"] for record in json.loads((run / "metrics.json").read_text())["metrics"]}
    assert "try-metric" in names


def test_a_made_command_is_a_command_of_genlab(outcomes: Mapping[str, Outcome]) -> None:
    assert outcomes["command"].status == 0
    assert outcomes["command"].said.startswith("runs/all  gaussian on try-dataset  done")


def test_a_series_is_carried_out_by_a_made_engine(
    outcomes: Mapping[str, Outcome], folder: Path
) -> None:
    assert outcomes["sweep"].status == 0, outcomes["sweep"].said
    for name in ("try-degradation", "swirl"):
        run = folder / "series" / "series" / name
        assert json.loads((run / "status.json").read_text())["outcome"] == "done"
        assert tomllib.loads((run / "run.toml").read_text())["prior"]["name"] == "try-density"
        assert (run / "figures" / "samples.png").is_file()


def test_swirl_is_shown_like_our_own(outcomes: Mapping[str, Outcome]) -> None:
    shown = json.loads(outcomes["show"].said)
    assert shown["package"] == "genlab-swirl 0.1.0"
    assert {p["name"] for p in shown["parameters"]} == {"turns", "rings"}


def test_the_example_is_what_the_kit_makes_today(tmp_path: Path) -> None:
    """Its pyproject, licence and workflow have not fallen behind the templates."""
    fresh = create_package("degradation", "swirl", tmp_path)
    for name in ("LICENSE", ".gitignore", ".github/workflows/tests.yml"):
        assert (SWIRL / name).read_text() == (fresh / name).read_text()
    known = {"description = ", "genlab = ", "# Remove this table"}
    for ours, theirs in zip(
        (SWIRL / "pyproject.toml").read_text().splitlines(),
        (fresh / "pyproject.toml").read_text().splitlines(),
        strict=False,
    ):
        assert ours == theirs or any(ours.startswith(start) for start in known)
    source = {p.relative_to(SWIRL) for p in (SWIRL / "src").rglob("*.py")}
    assert source == {p.relative_to(fresh) for p in (fresh / "src").rglob("*.py")}


def own_lines(source: str) -> int:
    """Count lines that are neither blank, comments, docstrings nor imports."""
    tree = ast.parse(source)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(body, list) and body and isinstance(body[0], ast.Expr)
        if documented and isinstance(body[0].value, ast.Constant):
            skipped |= set(range(body[0].lineno, (body[0].end_lineno or 0) + 1))
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = dict(enumerate(source.splitlines(), 1))
    kept = [n for n, line in lines.items() if n not in skipped and line.strip()]
    return sum(not lines[n].lstrip().startswith("#") for n in kept)


MOST = dict.fromkeys(GROUPS, 35) | {"objective": 15}  # min-SNR with logit-normal times


@pytest.mark.parametrize("role", GROUPS)
def test_a_component_takes_few_lines(role: str, packages: Sequence[Path]) -> None:
    (module,) = [
        p for package in packages for p in package.glob(f"src/genlab_try_{role}/{role}.py")
    ]
    assert own_lines(module.read_text()) <= MOST[role]
