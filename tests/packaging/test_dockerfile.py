"""The Dockerfile, read as far as that tells whether it can work."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Stage:
    """A stage: what it starts from, and its instructions."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == keyword]


def stages() -> dict[str, Stage]:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    found: dict[str, Stage] = {}
    for line in filter(str.strip, lines):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = Stage(name, base)
        else:
            list(found.values())[-1].instructions.append((word, rest.strip()))
    return found


def inherited(stage: Stage) -> list[Stage]:
    """A stage and those that it starts from, the first one first."""
    before = stages().get(stage.base)
    return [*(inherited(before) if before else []), stage]


TARGETS = ("cpu", "cuda")


def test_the_last_stage_is_the_one_that_needs_nothing() -> None:
    assert list(stages())[-1] == "cpu"


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_root(target: str) -> None:
    users = [user for stage in inherited(stages()[target]) for user in stage.all("USER")]
    assert users
    assert users[-1] not in ("root", "0")
    made = " ".join(run for stage in inherited(stages()[target]) for run in stage.all("RUN"))
    assert re.search(rf"useradd \S+ {users[-1]}\b", made), "the user exists"
    assert re.search(rf"-o {users[-1]}\b.* /data\b", made), "and owns the data folder"


@pytest.mark.parametrize("target", TARGETS)
def test_data_lies_in_a_volume(target: str) -> None:
    line = inherited(stages()[target])
    volumes = [
        place for stage in line for volume in stage.all("VOLUME") for place in json.loads(volume)
    ]
    assert "/data" in volumes


@pytest.mark.parametrize("target", TARGETS)
def test_the_program_is_there(target: str) -> None:
    line = inherited(stages()[target])
    (program,) = [json.loads(entry) for stage in line for entry in stage.all("ENTRYPOINT")]
    assert program == ["genlab"]
    copied = [copy for stage in line for copy in stage.all("COPY")]
    assert copied == [f"--from=build-{target} /opt/genlab /opt/genlab"]


def test_everything_that_is_copied_exists() -> None:
    known = stages()
    for stage in known.values():
        for copy in stage.all("COPY"):
            *sources, _ = copy.split()
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in known, copy
            else:
                assert [s for s in sources if not (ROOT / s).exists()] == []


def test_the_build_has_what_the_wheel_is_made_of() -> None:
    import tomllib

    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    target = built["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {Path(p).parts[0] for p in [*target["packages"], *target["force-include"]]}
    needed |= {built["project"]["readme"], *built["project"]["license-files"], "pyproject.toml"}
    copied = {s for copy in stages()["source"].all("COPY") for s in copy.split()[:-1]}
    assert needed <= copied


def test_only_one_of_the_builds_is_without_cuda() -> None:
    (cpu,), (cuda,) = (stages()[f"build-{target}"].all("RUN") for target in TARGETS)
    assert cpu.replace(" --torch-backend cpu", "") == cuda
    assert cpu != cuda
