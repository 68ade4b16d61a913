"""Errors that nobody has worded are one line that says whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab.testing import Fade

FAILING = '''
from genlab import Degradation, Sampler


def helper(x):
    return x.nonsense  # line 6


class Failing(Sampler):
    """A sampler that fails."""

    requires = Degradation

    def grid(self, steps, degradation):
        return helper(steps)

    def init(self, restorer, x_t, t, z, *, generator): ...
    def step(self, restorer, x_t, t, s, state): ...
'''

BROKEN = """
x = 1
raise RuntimeError("the moon is in the wrong phase")
"""


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_an_error_of_a_plugin_is_one_line_with_its_package_file_and_line(
    distribution: Callable[..., Path], here: dict[str, str], process: Callable[..., Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    distribution(
        "failware", "failware", FAILING, "genlab.samplers", {"failing": "failware:Failing"}
    )
    line = ("run", "--sampler", "failing", "--dataset", "moons", "--out", str(tmp_path / "run"))
    failed = process("--traceback", *line, **here)
    assert failed.status == 1
    assert failed.out == ""
    *before, last = failed.err.splitlines()
    assert last == (
        "error: the sampler 'failing' of the package failware 1.0 raised AttributeError: 'int' object has no "
        "attribute 'nonsense' (failware.py, line 6); --traceback shows all"
    )
    assert before[0] == "Traceback (most recent call last):"
    assert any("return x.nonsense  # line 6" in each for each in before)


def test_a_package_that_cannot_be_imported_is_told_with_its_line(
    distribution: Callable[..., Path], here: dict[str, str], process: Callable[..., Any]
) -> None:
    distribution("moonware", "moonware", BROKEN, "genlab.samplers", {"moon": "moonware:Moon"})
    said = process("show", "sampler", "moon", **here)
    assert said.status == 2
    assert said.err.endswith("the wrong phase (moonware.py, line 3)")


class Burning(Fade):
    """A degradation that burns."""

    def draw(self, x_0: Any, *, generator: Any) -> Any:
        """Burn."""
        raise OSError("it burns")


def test_an_error_of_an_own_object_names_its_class_and_module(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from genlab import api

    monkeypatch.setattr(api, "request", lambda *_, **__: {
        "degradation": Burning(), "dataset": "digits", "training": {"steps": 2},
        "backbone": {"name": "unet", "channels": [8]},
    })  # fmt: skip
    said = command("run", "--out", tmp_path / "run")
    assert said.status == 1
    (line,) = said.err.splitlines()
    assert line.startswith(
        f"error: the degradation Burning of the module {__name__} raised OSError: it burns"
    )
    assert "(test_cli_failures.py, line " in line


def test_a_mistake_of_genlab_itself_is_one_line_too(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from genlab.components import registry

    monkeypatch.setattr(registry, "registry", lambda role: {}[role])
    said = command("show", "degradation", "blur")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert said.err.startswith("error: KeyError: 'degradation' (")
    assert "Traceback" in command("show", "degradation", "blur", "--traceback").err


def test_traceback_of_a_wrong_request(command: Callable[..., Any]) -> None:
    said = command("show", "degradation", "blurr", "--traceback")
    assert said.status == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("error: unknown degradation 'blurr'")


def test_an_unknown_figure_is_answered_with_those_that_fit(digits_run: genlab.Run) -> None:
    with pytest.raises(
        genlab.RequestError, match="unknown figure of this run 'confusio'"
    ) as caught:
        digits_run.figure("confusio")
    told = str(caught.value)
    assert "samples" in told
    assert "'confusion'" not in told, "it needs a density"
