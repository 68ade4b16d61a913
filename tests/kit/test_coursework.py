"""``genlab new coursework``: the folder works from the first command of its README to the last."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import genlab

OWN_MODULES = ("mosaic", "test_coursework")


@pytest.fixture
def folder(tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the command makes it, in which Python finds modules, as with ``python -m``."""
    made = tmp_path / "work"
    said = command("new", "coursework", "work", "--out", tmp_path)
    assert said.status == 0
    assert str(made / "README.md") in said.out
    monkeypatch.chdir(made)
    monkeypatch.syspath_prepend(str(made))
    for name in OWN_MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return made


def commands_of(readme: str) -> list[list[str]]:
    """The command lines of the README, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def carry_out(words: list[str], folder: Path, command: Callable[..., Any]) -> None:
    """Carry a command of the README out in this process, with the smallest budget and few figures."""
    if words == ["python", "-m", "pytest"]:
        passed = runpy.run_path("test_coursework.py")
        checks = passed["test_contract"].pytestmark[0].args[1]
        for check in checks[: len(checks) // 2]:  # of one Mosaic; the other has the same contract
            check.values[0].run()
        passed["test_the_last_state_is_the_mosaic"]()
        passed["test_the_sets_differ_in_one_thing"]()
    elif words[:2] == ["python", "report.py"]:
        runpy.run_path("report.py", run_name="__main__")
    elif words[:2] == ["jupyter", "lab"]:
        cells = json.loads((folder / words[2]).read_text("utf-8"))["cells"]
        names: dict[str, Any] = {}
        for cell in cells:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]).removeprefix("%matplotlib inline\n"), names)
        assert names["tried"].degradation == names["Mosaic"](side=2)
    else:
        assert words[:3] == ["python", "-m", "genlab"], words
        given = [
            str(path) for word in words[3:]
            for path in (sorted(folder.glob(word[:-1])) if "*" in word else [word])
            if "*" not in word or path.is_dir()
        ]  # fmt: skip
        small = ["--budget", "smoke"] if given[0] in ("run", "sweep") else []
        said = command(*given, *small, *(["--no-figures"] if given[0] == "run" else []))
        assert said.status == 0, said.err


@pytest.mark.filterwarnings("ignore:.*samples:UserWarning")  # there are sixteen
def test_everything_in_it_works(folder: Path, command: Callable[..., Any]) -> None:
    plt.switch_backend("Agg")
    commands = commands_of((folder / "README.md").read_text("utf-8"))
    tried = [words for words in commands if "smoke" in words]
    assert {words[3] for words in tried} == {"run", "sweep"}
    for words in commands:
        if words not in tried:  # the others have the same runs
            carry_out(words, folder, command)
    plt.close("all")
    report = (folder / "report.md").read_text("utf-8")
    assert "{{" not in report
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", report)
    assert len(pictures) == 5
    assert [name for name in pictures if not (folder / name).is_file()] == []
    a = genlab.open_run("runs/a")
    record = next(r for r in a.records if r["name"] == "classifier-confidence/confidence")
    assert f"is {record['value']:.3g} ({record['interval'][0]:.3g} to" in report
    runs = [file.parent for file in sorted(folder.glob("runs/sets/*/run.toml"))]
    means = genlab.compare(runs, None, over="seed")
    confidence = next(n for n in means.numbers if n.name == "classifier-confidence/confidence")
    for mean in confidence.records:
        assert mean is not None
        assert mean["runs"] == 2
        assert f"| {mean['value']:.3g} ({mean['interval'][0]:.3g} to" in report
    assert [r.config.flat()["objective"]["times"] for r in (a, genlab.open_run("runs/b"))] == [
        "logit-normal", "uniform",
    ]  # fmt: skip
    assert genlab.open_run("runs/own").config.flat()["degradation"]["class"] == "mosaic:Mosaic"
