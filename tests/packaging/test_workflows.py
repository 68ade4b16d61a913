"""The workflows name sessions, versions and permissions that are right."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (ROOT / ".github" / "workflows" / name).read_text("utf-8")
    )
    return found


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def sessions() -> set[str]:
    """Names of the sessions of the noxfile."""
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d).startswith("nox.session") for d in node.decorator_list)
    }


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return found


def test_there_are_three() -> None:
    assert [file.name for file in FILES] == ["docs.yml", "release.yml", "tests.yml"]


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_every_session_exists(name: str) -> None:
    runs = [step["run"] for step in steps(name) if "nox" in step.get("run", "")]
    asked = [re.sub(r" -- .*", "", run).split(" -s ")[1].split() for run in runs]
    assert asked
    assert {session for each in asked for session in each} <= sessions()


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_actions_are_pinned_by_major_version(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [u for u in used if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+@(release/)?v\d+", u)] == []


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_rights_are_asked_for_one_by_one(name: str) -> None:
    """No workflow may write to the repository; a job that needs more says what."""
    assert workflow(name)["permissions"] == {"contents": "read"}
    more = {
        job: w["permissions"] for job, w in workflow(name)["jobs"].items() if "permissions" in w
    }
    assert more == {
        "docs.yml": {"deploy": {"pages": "write", "id-token": "write"}},
        "release.yml": {"publish": {"id-token": "write"}},
    }.get(name, {})


def test_the_lowest_and_the_highest_of_everything_are_tested() -> None:
    matrix = workflow("tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    classifiers = [c.rpartition(" ")[2] for c in project()["project"]["classifiers"]
                   if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", c)]  # fmt: skip
    versions = sorted(classifiers, key=lambda version: int(version.split(".")[1]))
    assert matrix["python"] == [versions[0], versions[-1]]
    assert project()["project"]["requires-python"] == f">={versions[0]}"
    assert matrix["resolution"] == ["lowest-direct", "highest"]


def test_groups_exist() -> None:
    known = set(project()["dependency-groups"])
    named = {g for file in FILES for g in re.findall(r"--group (\S+)", file.read_text("utf-8"))}
    assert named
    assert named <= known


def test_a_release_is_a_tag() -> None:
    # YAML reads the key "on" as true
    assert workflow("release.yml")[True] == {"push": {"tags": ["v*"]}}  # type: ignore[index]
