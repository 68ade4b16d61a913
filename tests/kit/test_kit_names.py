"""What a component may be called, and where genlab comes from."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from genlab.cli import main
from genlab.errors import RequestError
from genlab.kit import create_package, origin
from genlab.kit.names import GROUPS, Names, checked_names


def test_a_name_becomes_distribution_package_class_and_command() -> None:
    names = checked_names("degradations", "soft-ripple2")
    assert names == Names("degradation", "soft-ripple2")
    assert names.distribution == "genlab-soft-ripple2"
    assert names.package == "genlab_soft_ripple2"
    assert names.component == "SoftRipple2"
    assert names.group == "genlab.degradations"
    assert names.command == "genlab run --degradation soft-ripple2"


def test_a_command_is_a_function() -> None:
    names = checked_names("commands", "tidy-up")
    assert names == Names("command", "tidy-up")
    assert (names.component, names.kind, names.group) == ("tidy_up", "function", "genlab.commands")
    assert names.command == "genlab tidy-up"


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("objective", "genlab run --objective gap"),
        ("optimiser", "genlab run --optimiser gap"),
        ("tracker", "genlab run --tracker gap"),
        ("metric", """genlab run --set 'metrics=["gap"]'"""),
        ("figure", "genlab figures RUN gap"),
        ("engine", "genlab sweep FILE --engine gap"),
    ],
)
def test_what_was_made_is_used_by_a_command(role: str, command: str) -> None:
    assert Names(role, "gap").command == command


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("SoftRipple", "'soft-ripple'"),
        ("soft_ripple", "'soft-ripple'"),
        ("soft ripple", "'soft-ripple'"),
        ("XMLRipple", "'xml-ripple'"),
        ("-ripple", "'ripple'"),
        ("rip--ple", "'rip-ple'"),
        ("../ripple", "'ripple'"),
        ("2d", "'soft-ripple'"),
        ("", "'soft-ripple'"),
        ("größe", "lower-case"),
    ],
)
def test_a_malformed_name_is_refused_with_a_better_one(name: str, suggestion: str) -> None:
    with pytest.raises(RequestError, match=suggestion):
        checked_names("degradation", name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("blur", "there already, in the package genlab 0"),
        ("genlab-ripple", "leave the prefix out: 'ripple'"),
        ("plugins", "'genlab_plugins', which is installed"),
        ("none", "class 'None', which Python has"),
        ("exception", "class 'Exception', which Python has"),
        ("tensor", "class 'Tensor', which its own module needs"),
        ("linear-degradation", "class 'LinearDegradation', which its own module needs"),
    ],
)
def test_a_name_that_clashes_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=why):
        create_package("degradation", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("classifier", "the command 'classifier' is there already, in the package genlab"),
        ("class", "function 'class', which Python has"),
        ("print", "function 'print', which Python has"),
        ("typer", "function 'typer', which its own module needs"),
    ],
)
def test_the_name_of_a_command_clashes_with_other_things(
    name: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=why):
        create_package("command", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_command_is_not_called_as_one_of_genlab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would never be reached: genlab's own go before others."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["new", "command", "list"])
    assert "'list' is genlab's own" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_another_role_is_free(tmp_path: Path) -> None:
    assert create_package("sampler", "blur", tmp_path).name == "genlab-blur"


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(RequestError, match="Did you mean 'degradation'"):
        checked_names("degradatio", "ripple")
    with pytest.raises(RequestError, match=r"Did you mean 'command'"):
        checked_names("comand", "ripple")
    with pytest.raises(RequestError, match=r"Did you mean 'coursework'"):
        checked_names("course-work", "ripple")


def test_words_of_the_language_are_fine(tmp_path: Path) -> None:
    package = create_package("degradation", "class", tmp_path)
    assert (
        "class Class(LinearDegradation)"
        in (package / "src/genlab_class/degradation.py").read_text()
    )


@pytest.mark.parametrize("role", GROUPS)
def test_every_file_is_complete(role: str, tmp_path: Path) -> None:
    package = create_package(role, "ripple", tmp_path)
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert files == {
        ".github/workflows/tests.yml", ".gitignore", "LICENSE", "README.md", "pyproject.toml",
        "src/genlab_ripple/__init__.py", f"src/genlab_ripple/{role}.py", "tests/test_ripple.py",
    }  # fmt: skip
    for file in files:
        text = (package / file).read_text()
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "{%" not in text
        assert "{{" not in text.replace("${{ matrix.python }}", "")
        if file.endswith(".py"):
            compile(text, file, "exec")
            assert max(map(len, text.splitlines())) <= 100
            assert imported(text) <= {"genlab", "genlab.testing"}


def imported(source: str) -> set[str]:
    """The modules of genlab that a file imports."""
    nodes = list(ast.walk(ast.parse(source)))
    found = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    found |= {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
    return {name for name in found if name.split(".")[0] == "genlab"}


def test_nothing_is_left_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RequestError, match="No space left on device"):
        create_package("degradation", "ripple", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "genlab-ripple").mkdir()
    with pytest.raises(RequestError, match="exists already"):
        create_package("degradation", "ripple", tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RequestError, match="cannot be written"):
        create_package("degradation", "ripple", tmp_path / "file")


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., str]:
    def write(**found: object) -> str:
        return json.dumps({"url": tmp_path.as_uri(), **found})

    return write


def test_the_source_is_where_genlab_was_installed_from(
    recorded: Callable[..., str], tmp_path: Path
) -> None:
    path = json.dumps(str(tmp_path))
    editable = recorded(dir_info={"editable": True})
    assert origin.uv_source(editable) == f"{{ path = {path}, editable = true }}"
    assert origin.uv_source(recorded(dir_info={})) == f"{{ path = {path} }}"
    assert origin.uv_source(recorded(archive_info={})) == f"{{ path = {path} }}"


def test_the_source_may_be_a_commit() -> None:
    text = json.dumps({"url": "ssh://git@host/genlab", "vcs_info": {"commit_id": "abc"}})
    assert origin.uv_source(text) == '{ git = "ssh://git@host/genlab", rev = "abc" }'


@pytest.mark.parametrize("text", ["", "null", "nonsense", '{"url": "file:///nowhere/at/all"}'])
def test_a_genlab_from_an_index_needs_no_source(text: str) -> None:
    assert origin.uv_source(text) is None


@pytest.mark.parametrize("source", [None, '{ path = "somewhere" }'])
def test_the_source_is_written_with_a_warning_or_not_at_all(
    source: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.kit.package.uv_source", lambda: source)
    text = (create_package("sampler", "ripple", tmp_path) / "pyproject.toml").read_text()
    assert ("[tool.uv.sources]" in text) == bool(source)
    assert ("Remove this table before you publish" in text) == bool(source)
