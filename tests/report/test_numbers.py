"""Numbers and pictures in texts are those of the results."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .conftest import REPORT, ROOT

QUOTED: list[dict[str, Any]] = tomllib.loads((REPORT / "quoted.toml").read_text("utf-8"))["quoted"]
TEXTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.rst")),
]


def plain(text: str) -> str:
    return " ".join(text.split())  # a no-break space is a space, too


def fault(quoted: dict[str, Any], root: Path, results: Path) -> str:
    """What is wrong with a quotation, or nothing."""
    from sources import ResultError, Results

    asked = {key: quoted[key] for key in ("digits", "percent", "column") if key in quoted}
    text = plain(quoted["text"])
    if text not in plain((root / quoted["file"]).read_text("utf-8")):
        return f"{text!r} is not in {quoted['file']}"
    try:
        number = Results(results).value(
            quoted["source"], quoted["number"], **asked, **quoted.get("where", {})
        )
    except ResultError as error:
        return str(error)
    if not re.search(rf"(?<![\d.,]){re.escape(plain(str(number)))}(?!\.?\d)", text):
        return f"{quoted['file']} says {text!r}, and the result is {number}"
    return ""


@pytest.mark.parametrize("quoted", QUOTED, ids=lambda q: f"{q['file']}: {q['text']}")
def test_quoted_numbers_are_those_of_the_results(quoted: dict[str, Any]) -> None:
    assert fault(quoted, ROOT, REPORT / "results") == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"text": "not there 3.3"}, "is not in"),
        ({"digits": 2}, "the result is 3.26"),
        ({"number": "nll"}, "nll"),
        ({"source": "other"}, "other/results.json"),
        ({"text": "distance of 3.3"}, ""),
        ({"number": "accuracy"}, "the result is 1.0"),
    ],
)
def test_faults_are_found(change: dict[str, Any], said: str, folder: Path) -> None:
    (folder / "page.md").write_text("A Fréchet\ndistance of 3.3.")
    quoted = {"file": "page.md", "text": "Fréchet distance of 3.3", "source": "run",
              "number": "frechet", "digits": 1}  # fmt: skip
    found = fault(quoted | change, folder, folder)
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_pictures_from_results_exist(text: Path) -> None:
    named = re.findall(r"report/results/[\w./-]+\.(?:png|gif|svg)", text.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []
