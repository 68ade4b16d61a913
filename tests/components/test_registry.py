"""The registry: names without imports, components on demand, and names given in this process."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import genlab
from genlab import RequestError, Tracker, build, register, registry
from genlab.components.registry import ROLES, Entry, Registry, role_class
from genlab.errors import BrokenComponentError
from genlab.testing import CosineNoise, Fade


def entry(
    value: str, name: str = "thing", package: str = "acme-things", version: str = "1.0"
) -> Entry:
    return Entry("degradation", name, value, package, version)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    return tmp_path / "genlab" / "imports.json"


# --- what is installed


def test_every_role_has_components_of_its_class() -> None:
    declared = importlib.metadata.distribution("genlab").entry_points
    assert len(ROLES) == 11
    for role, group in ROLES.items():
        assert role_class(role).role == role
        own = [found for found in registry(role).entries() if found.package == "genlab"]
        assert {found.name for found in own} == {
            point.name for point in declared.select(group=group)
        }
        for found in own:
            assert issubclass(found.load(), role_class(role))
            assert found.version == genlab.__version__


def test_the_plural_of_a_role_is_understood() -> None:
    assert registry("degradations").names() == registry("degradation").names()
    with pytest.raises(
        RequestError, match=r"unknown role 'degradatoin'\. Did you mean 'degradation'"
    ):
        registry("degradatoin")


def test_names_are_sorted_and_unique() -> None:
    found = Registry(
        "degradation", [entry("a:A", "b"), entry("a:B", "a"), entry("a:A", "b", "other")]
    )
    assert found.names() == ["a", "b"]
    assert [(e.name, e.package) for e in found.entries()] == [
        ("a", "acme-things"), ("b", "acme-things"), ("b", "other"),
    ]  # fmt: skip


def test_a_name_that_two_packages_declare_is_refused() -> None:
    twice = Registry("degradation", [entry("a:A"), entry("b:B", package="other", version="2")])
    with pytest.raises(
        RequestError, match=r"'thing' is declared by acme-things 1\.0 and other 2: "
    ):
        twice.get("thing")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"unknown degradation 'blurr'\. Did you mean 'blur'"):
        build("degradation", "blurr")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "no_such_module_at_all:Thing",
            "package acme-things 1.0 cannot be imported: ModuleNotFoundError",
        ),
        ("genlab.testing:NoSuchThing", "cannot be imported: AttributeError"),
        ("genlab.testing:check_sampler", "is not a subclass of genlab.Degradation"),
        ("genlab.testing.tiny:StepDown", "is not a subclass of genlab.Degradation"),
    ],
)
def test_a_broken_component_is_named_with_its_package(value: str, message: str) -> None:
    with pytest.raises(
        BrokenComponentError, match=r"the degradation 'thing' of the package"
    ) as caught:
        Registry("degradation", [entry(value)]).get("thing")
    assert message in str(caught.value)


@pytest.mark.parametrize("role", ROLES)
def test_a_summary_is_the_first_line_of_the_docstring(role: str) -> None:
    for found in registry(role).entries():
        if found.package == "genlab":
            document = inspect.getdoc(found.load()) or ""
            assert found.summary == document.split("\n")[0].rstrip(". ")
            assert found.source == Path(inspect.getfile(found.load()))
            assert found.problem() is None


def test_sources_are_found_without_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lonely_file.py").write_text('class Thing(Base):\n    r"""Does it."""\n')
    package = tmp_path / "a_package_of_it"
    package.mkdir()
    (package / "__init__.py").write_text("class Thing:\n    pass\n")
    assert entry("lonely_file:Thing").source == tmp_path / "lonely_file.py"
    assert entry("lonely_file:Thing").summary == "Does it"
    assert entry("a_package_of_it:Thing").source == package / "__init__.py"
    assert entry("a_package_of_it:Thing").summary == ""
    assert entry("a_package_of_it.missing:Thing").source is None
    assert entry("no_such_module_at_all:Thing").source is None
    assert entry("no_such_module_at_all:Thing").summary == ""
    (package / "latin.py").write_bytes(b'class Thing:\n    """\xe9"""\n')
    assert entry("a_package_of_it.latin:Thing").summary == ""


# --- foreign components are imported once


def test_what_imported_well_is_remembered(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for count, name in enumerate(("Fade", "NoisyFade", "Fade"), 1):
        assert entry(f"genlab.testing:{name}").problem() is None
        assert len(json.loads(cache.read_text())) == min(count, 2)
    calls: list[Any] = []

    def load(point: Any) -> Any:
        calls.append(point)
        raise ImportError("gone")

    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", load)
    assert entry("genlab.testing:Fade").problem() is None
    assert not calls, "it was imported a second time"
    assert entry("genlab.testing:Fade", version="1.1").problem() == "ImportError: gone"
    assert entry("genlab.testing:CosineNoise").problem() == "ImportError: gone"
    assert len(json.loads(cache.read_text())) == 2, "what failed is tried again"


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_memory_is_forgotten(cache: Path, text: str) -> None:
    cache.parent.mkdir()
    cache.write_text(text)
    assert entry("genlab.testing:Fade").problem() is None
    assert len(json.loads(cache.read_text())) == 1


def test_without_a_place_for_a_memory_all_goes_on(cache: Path) -> None:
    cache.parent.write_text("a file where the folder belongs")
    assert entry("genlab.testing:Fade").problem() is None


def test_a_problem_is_told_in_a_line(cache: Path) -> None:
    assert "No module named" in str(entry("no_such_module_at_all:Thing").problem())
    assert "not a subclass" in str(entry("genlab.testing.tiny:StepDown").problem())


# --- names given in this process


def test_a_registered_class_is_as_good_as_an_installed_one() -> None:
    register("tracker", "test-quiet", Quiet)
    assert "test-quiet" in registry("tracker").names()
    assert build("tracker", "test-quiet", level=2) == Quiet(level=2)
    with pytest.raises(RequestError, match=r"^tracker\.level: "):
        build("tracker", "test-quiet", level="loud")
    found = registry("tracker").entry("test-quiet")
    assert (found.summary, found.source, found.problem()) == ("Says nothing", None, None)
    assert found.value == f"{Quiet.__module__}:Quiet"


def test_a_cell_can_be_run_again() -> None:
    class Quieter(Quiet):
        """Says even less."""

    register("trackers", "test-again", Quiet)
    register("tracker", "test-again", Quieter)
    assert registry("tracker").get("test-again") is Quieter
    assert registry("tracker").names().count("test-again") == 1


@pytest.mark.parametrize(
    ("role", "name", "given", "message"),
    [
        (
            "degradation",
            "blur",
            Fade,
            r"the degradation 'blur' is there already, in the package genlab",
        ),
        ("sampler", "fade", Fade, r"Fade'> is no sampler: it is not a subclass of genlab\.Sampler"),
        ("degradation", "fade", CosineNoise(), r"CosineNoise\(\) is no degradation"),
        ("dish", "soup", Fade, "unknown role 'dish'"),
    ],
)
def test_a_registration_that_does_not_fit_is_refused(
    role: str, name: str, given: Any, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        register(role, name, given)
    assert genlab.registry("degradation").get("blur").__module__.startswith("genlab_plugins")


class Quiet(Tracker):
    """Says nothing.

    Args:
        level: How little.
    """

    def __init__(self, *, level: int = 1) -> None:
        self.level = level

    def warned(self, message: str) -> None:
        """Do nothing."""
