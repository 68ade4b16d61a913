"""Components and commands of other packages, good and broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genlab

BROKEN = """
raise RuntimeError("the moon is in the wrong phase")
"""

WORKING = '''
from genlab import Degradation, Sampler

class Still(Sampler):
    """A sampler from somewhere else."""

    requires = Degradation

    def grid(self, steps, degradation): ...
    def init(self, restorer, x_t, t, z, *, generator): ...
    def step(self, restorer, x_t, t, s, state): ...
'''

COMMANDS = '''
import typer

def hello(name: str, loud: bool = False):
    """Greet somebody.

    More is said where one asks for it.
    """
    from genlab import RequestError

    if name == "nobody":
        raise RequestError("there is nobody")
    typer.echo(f"hello {name}".upper() if loud else f"hello {name}")

many = typer.Typer()

@many.command()
def one(): typer.echo("this is one")

@many.command()
def two(): raise typer.Exit(5)
'''


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    """The environment in which the packages of a test are installed."""
    return {"PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_broken_package_is_listed_and_the_rest_works(
    distribution: Callable[..., Path], here: dict[str, str], process: Callable[..., Any]
) -> None:
    distribution("moonware", "moonware", BROKEN, "genlab.samplers", {"moon": "moonware:Moon"})
    distribution("good", "good", WORKING, "genlab.samplers", {"still": "good:Still"})
    for heavy in (True, False):  # what imported well once is not imported again
        listed = process("list", "samplers", "--json", **here)
        assert listed.status == 0
        assert ("torch" in listed.modules) is heavy
        rows = {row["name"]: row for row in json.loads(listed.out)}
        assert "the moon is in the wrong phase" in rows.pop("moon")["problem"]
        still = rows.pop("still")
        assert (still["problem"], still["package"]) == (None, "good")
        assert still["summary"] == "A sampler from somewhere else"
        assert set(rows) == set(genlab.registry("sampler").names())
        assert not any(row["problem"] for row in rows.values())
    sick = process("doctor", "--json", **here)
    assert sick.status == 1
    moon, components = (row for row in json.loads(sick.out) if not row["ok"])
    assert (moon["check"], components["check"]) == ("sampler moon", "components")
    assert (
        "of the package moonware 1.0 cannot be imported: RuntimeError: the moon" in moon["detail"]
    )


def test_two_packages_with_one_name_are_an_error_that_names_both(
    distribution: Callable[..., Path], tmp_path: Path, here: dict[str, str],
    process: Callable[..., Any],
) -> None:  # fmt: skip
    for name in ("first", "second"):
        distribution(name, name, WORKING, "genlab.samplers", {"still": f"{name}:Still"})
    refused = process("run", "--sampler", "still", "--out", str(tmp_path / "out"), **here)
    assert refused.status == 2
    assert "first 1.0 and second 1.0" in refused.err
    assert not (tmp_path / "out").exists()
    listed = process("list", "sampler", "--json", **here)
    assert "torch" not in listed.modules  # neither of them is imported
    twins = [row for row in json.loads(listed.out) if row["name"] == "still"]
    assert len(twins) == 2
    assert all("first 1.0 and second 1.0" in row["problem"] for row in twins)


def test_commands_of_other_packages(
    distribution: Callable[..., Path], here: dict[str, str], process: Callable[..., Any]
) -> None:
    """A function and an application of typer; a broken one harms none but itself."""
    entries = {"hello": "greetings:hello", "many": "greetings:many", "run": "greetings:hello"}
    distribution("greetings", "greetings", COMMANDS, "genlab.commands", entries)
    distribution("moonware", "moonware", BROKEN, "genlab.commands", {"moon": "moonware:moon"})
    text = process("--help", **here)
    assert text.status == 0
    rows = {
        line.split()[0]: " ".join(line.split()[1:])
        for line in text.out.splitlines()
        if line.strip()
    }
    assert rows["hello"] == "Greet somebody"
    assert rows["many"] == "A command of the package greetings"
    assert rows["moon"] == "A command of the package moonware"
    assert not text.modules & {"greetings", "moonware", "torch"}
    assert process("hello", "you", "--loud", **here).out == "HELLO YOU\n"
    assert "More is said where one asks for it." in process("hello", "--help", **here).out
    assert process("many", "one", **here).out == "this is one\n"
    for arguments, status, wanted in (
        (("many", "two"), 5, ""), (("hello", "nobody"), 2, "error: there is nobody"),
        (("hello",), 2, "Missing argument"), (("hello", "you", "--lod"), 2, "--lod"),
        (("moon",), 2, "command 'moon' of the package moonware cannot be imported: RuntimeError: the moon"),
        (("run", "you"), 2, "unknown experiment 'you'"),  # a name of genlab's own stays its own
    ):  # fmt: skip
        done = process(*arguments, **here)
        assert done.status == status, arguments
        assert wanted in done.err
        assert len(done.err.splitlines()) == (1 if wanted else 0)
