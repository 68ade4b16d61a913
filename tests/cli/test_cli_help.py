"""Help pages and what the shell completes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click
import pytest
import typer

import genlab
from genlab.cli import app, completion
from genlab.components.parameters import parameters
from genlab.components.registry import ROLES
from genlab.config import SETTINGS, SLOTS

GROUP = typer.main.get_command(app)
OWN = {name: each for name, each in GROUP.commands.items() if not each.hidden}  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_help_lists_every_command_in_a_group_with_all_of_its_summary_on_one_line(
    command: Callable[..., Any],
) -> None:
    text = command().out
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.partition("\n")[2]
    groups = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    assert len(groups) > 4
    assert groups[-1] == "Options"
    for name, each in OWN.items():
        paragraph = " ".join((each.help or "").split("\n\n")[0].split()).removesuffix(".")
        (line,) = re.findall(rf"^  {name} +(.*)$", text, re.MULTILINE)
        assert paragraph == line or (name == "compare" and line in paragraph), name


def test_a_long_summary_of_another_package_is_whole_too() -> None:
    group = type(GROUP)(name="g", rich_markup_mode=None)
    summary = " ".join(f"word{i}" for i in range(30))
    group.add_command(click.Command("long", help=f"{summary}.\n\nMore of it."))
    text = " ".join(group.get_help(click.Context(group)).split())
    assert f"long {summary} classifier" in text.replace("Commands of other packages: ", "")


@pytest.mark.parametrize("name", OWN)
def test_the_help_of_a_command_has_every_option_once_in_its_group(
    name: str, command: Callable[..., Any]
) -> None:
    text = command(name, "--help").out
    assert max(map(len, text.splitlines())) <= 80
    for parameter in OWN[name].params:
        for spelled in parameter.opts if isinstance(parameter, click.Option) else ():
            assert len(re.findall(rf"^  (?:-\w, )?{spelled}\b(?!-)", text, re.MULTILINE)) == (
                not re.fullmatch(r"-\w", spelled)
            ) or re.search(rf"^  {spelled},", text, re.MULTILINE), spelled


def test_the_options_of_a_run_stand_in_groups(command: Callable[..., Any]) -> None:
    parts = re.split(r"^(\S.*):$", command("run", "--help").out, flags=re.MULTILINE)
    of = dict(zip(parts[1::2], parts[2::2], strict=True))
    for group, option in {
        "Arguments": "[EXPERIMENT]", "Components and settings": "--degradation",
        "Budget": "--minutes", "Output": "--no-figures", "Options": "--seed",
    }.items():  # fmt: skip
        assert f"\n  {option}" in of[group]


@pytest.mark.parametrize(
    ("typo", "meant"), [("lst", "list"), ("runn", "run"), ("clasifier", "classifier")]
)
def test_a_misspelled_command_is_guessed_once(
    typo: str, meant: str, command: Callable[..., Any]
) -> None:
    """One of another package, too."""
    said = command(typo)
    assert said.status == 2
    assert said.err.count("Did you mean") == 1
    assert said.err.startswith(f"error: unknown command '{typo}'. Did you mean '{meant}'")


COMPLETED = [
    ("run --degradation", "degradation"), ("run --backbone", "backbone"),
    ("run --sampler", "sampler"), ("run --density", "density"), ("run --prior", "density"),
    ("run --dataset", "dataset"), ("run --objective", "objective"), ("run --optimiser", "optimiser"),
    ("run --metric", "metric"), ("run --figure", "figure"), ("evaluate RUN --metric", "metric"),
    ("evaluate RUN --sampler", "sampler"), ("sample RUN --sampler", "sampler"), ("figures RUN", "figure"),
    ("interpolate RUN --sampler", "sampler"), ("restore RUN --degradation", "degradation"),
    ("sweep FILE --engine", "engine"), ("check metric modes --dataset", "dataset"),
    ("show degradation", "degradation"),
]  # fmt: skip


def completed(line: str, incomplete: str = "") -> set[str]:
    """Ask what the shell would offer, as click's own completion does."""
    from click.shell_completion import ShellComplete

    shell = ShellComplete(GROUP, {}, "genlab", "_GENLAB_COMPLETE")
    return {item.value for item in shell.get_completions(line.split(), incomplete)}


@pytest.mark.parametrize(("line", "role"), COMPLETED)
def test_names_of_components_are_completed(line: str, role: str) -> None:
    names = set(genlab.registry(role).names())
    assert completed(line) == names
    first = min(names)
    assert completed(line, first[:2]) == {name for name in names if name.startswith(first[:2])}


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("run", {"ddpm-mnist"}), ("sweep", {"degradations-compared"}), ("reproduce", {"ddpm-mnist"}),
        ("run --device", {"auto", "cuda"}), ("sample RUN --checkpoint", {"last", "best"}),
        ("run x --budget", {"smoke", "gpu"}), ("interpolate RUN --path", {"slerp"}),
        ("list", {"experiment", "metric"}), ("new", {"command", "figure"}),
    ],
)  # fmt: skip
def test_other_words_are_completed(line: str, some: set[str]) -> None:
    assert some <= completed(line)


def keys(of: set[str], table: str) -> set[str]:
    return {key.partition(".")[2].rstrip("=") for key in of if key.startswith(f"{table}.")}


def test_names_of_settings_are_completed_and_are_those_that_exist() -> None:
    offered = completed("run --set")
    assert {key.rstrip("=") for key in offered if "." not in key} == {
        *SLOTS, "metrics", "figures", "seed", "device", "data",
    }  # fmt: skip
    for table, known in SETTINGS.items():
        assert keys(offered, table) == set(known)
    for slot, role in SLOTS.items():
        every = [parameters(genlab.registry(role).get(n)) for n in genlab.registry(role).names()]
        assert keys(offered, slot) == {p.name for each in every for p in each}


@pytest.mark.parametrize("role", ROLES)
def test_parameters_of_a_component_are_completed(role: str) -> None:
    """They are read from the source, inherited ones too."""
    for name in genlab.registry(role).names():
        wanted = {p.name for p in parameters(genlab.registry(role).get(name))}
        assert completed(f"show {role} {name} --set") == {f"{key}=" for key in wanted}
        if role in SLOTS and role != "dataset":
            assert keys(completed(f"run --{role} {name} --set", f"{role}."), role) == wanted


@pytest.mark.parametrize("line", ["run --set", "run --prior", "show settings"])
def test_completion_imports_nothing_heavy(line: str, process: Callable[..., Any]) -> None:
    words = f"genlab {line} "
    done = process(
        _GENLAB_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split()))
    )
    assert done.out.split()
    assert not done.modules & {"torch", "numpy", "pydantic", "matplotlib"}


def test_completion_survives_what_it_cannot_read() -> None:
    assert completed("show nonsense") == set()
    assert completed("show nonsense x --set") == set()
    assert completed("show degradation nonsense --set") == set()
    assert completion.one_of("last", "best")("be") == ["best"]
