"""Names and types of Python arguments are checked before any work."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genlab
from genlab.components.arguments import checked_arguments, refuse_types

FUNCTIONS = (genlab.run, genlab.resume, genlab.open_run, genlab.sweep)
FREE = ("degradation", "backbone", "sampler", "density", "dataset", "prior", "objective", "optimiser",
        "metrics", "figures", "engine")  # fmt: skip


def typed() -> list[tuple[Any, str]]:
    """Every argument of a function that is of certain types, and not the place of a component."""
    return [
        (function, name)
        for function in FUNCTIONS
        for name, hint in typing.get_type_hints(function).items()
        if name not in (*FREE, "return", "request_options") and hint is not Any
    ]


@pytest.mark.parametrize(
    ("function", "name"), typed(), ids=lambda value: getattr(value, "__name__", value)
)
def test_an_argument_of_another_type_is_refused(
    function: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    required = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty
                and p.kind is not p.VAR_KEYWORD]  # fmt: skip
    for wrong in (object(), 3 + 4j):
        given = {**dict.fromkeys(required, "x"), name: wrong}
        with pytest.raises(genlab.RequestError, match=rf"^{name} = ") as caught:
            function(**given)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"steps": "30"}, "^steps = '30' is of the type str, and run takes int | none$"),
        ({"steps": True}, "^steps = True is of the type bool"),
        ({"steps": 30.0}, "^steps = 30.0 is of the type float"),
        ({"minutes": "1"}, "^minutes = '1'"),
        ({"trackers": "csv"}, "^trackers = 'csv' is of the type str"),
        ({"seed": 1.0}, "^seed = 1.0"),
        ({"device": 0}, "^device = 0 "),
        ({"out": 3}, "^out = 3 "),
        ({"measure": 0}, "^measure = 0 "),
        ({"set": 3}, "^set = 3 "),
        (
            {"batch_size": 3},
            r"no argument 'batch_size'\. It is called training\.batch here: run\(set=",
        ),
        ({"optimizer": "muon"}, r"no argument 'optimizer'\. It is called optimiser here\."),
        ({"stepz": 3}, r"no argument 'stepz'\. Did you mean 'steps'\?"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], answer: str) -> None:
    with pytest.raises(genlab.RequestError, match=answer.replace("|", r"\|")):
        genlab.run(**given)


@pytest.mark.parametrize("options", [{"steps": "3"}, {"seed": "x"}, {"minutes": []}])
def test_what_all_runs_of_a_sweep_share_is_checked(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(genlab.RequestError, match=next(iter(options))):
        genlab.sweep({"seed": [0]}, out=tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()


def test_what_fits_is_handed_on() -> None:
    @checked_arguments
    def sums(a: float, *, b: int | None = None, names: typing.Iterable[str] = ()) -> float:
        return a + (b or 0) + len(list(names))

    assert sums(1, b=2) == 3
    assert sums(np.float32(1.5), b=np.int64(2), names=("x",)) == 4.5
    assert sums(1.0, names=(each for each in "ab")) == 3
    assert str(inspect.signature(sums)).startswith("(a: 'float', *, b")
    with pytest.raises(genlab.RequestError, match="missing a required argument: 'a'"):
        sums()  # type: ignore[call-arg]
    refuse_types(sums, {"nonsense": 3})
