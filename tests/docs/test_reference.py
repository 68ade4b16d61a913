"""Nothing public is missing from the reference, and nothing in it lacks a docstring."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from types import ModuleType

import pytest

from genlab.components.registry import ROLES, registry

from .conftest import DOCS


@cache
def inventory() -> ModuleType:
    """The module that says what is public; the documentation is built from it."""
    spec = importlib.util.spec_from_file_location("docs_inventory", DOCS / "_ext" / "inventory.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def directives() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Prefixes whose objects the reference documents, single objects, and roles."""
    text = "\n".join(page.read_text("utf-8") for page in sorted((DOCS / "reference").glob("*.rst")))
    prefixes, single = set(), set()
    for found in re.finditer(
        r"^\.\. genlab-objects:: (\S+)\n((?: +\S[^\n]*\n)*)", text, re.MULTILINE
    ):
        names = re.sub(r":names:", "", found[2]).split()
        single |= {f"{found[1]}.{name}" for name in names}
        prefixes |= set() if names else {found[1]}
    roles = re.findall(r"^\.\. genlab-components:: (\S+)", text, re.MULTILINE)
    return frozenset(prefixes), frozenset(single), frozenset(roles)


@cache
def components() -> set[str]:
    return {
        entry.value.replace(":", ".")
        for role in ROLES for entry in registry(role).entries() if entry.package == "genlab"
    }  # fmt: skip


def test_everything_public_is_in_the_reference() -> None:
    prefixes, single, roles = directives()
    assert roles == set(ROLES)
    missing = [
        item.canonical
        for item in inventory().items()
        if item.documented not in single
        and item.canonical not in components()
        and not any(item.documented.startswith(f"{prefix}.") for prefix in prefixes)
    ]
    assert missing == []


def test_nothing_is_in_the_reference_that_is_not_there() -> None:
    prefixes, single, _ = directives()
    known = {item.documented for item in inventory().items()}
    assert single <= known
    assert prefixes <= set(inventory().modules())


def test_every_component_is_known_to_the_reference() -> None:
    assert components() <= {item.canonical for item in inventory().items()}


def test_everything_public_has_a_docstring() -> None:
    assert [item.canonical for item in inventory().items() if not item.docstring] == []


@pytest.mark.parametrize("package", ["genlab", "genlab.components", "genlab.testing"])
def test_the_inventory_agrees_with_what_can_be_imported(package: str) -> None:
    """The sources are read without importing them; importing them says the same."""
    module = importlib.import_module(package)
    known = {item.documented for item in inventory().items()} | {
        f"{package}.{item.name}" for item in inventory().items() if item.kind == "data"
    }
    public = [name for name in module.__all__ if not name.startswith("__")]
    assert public
    assert [n for n in public if not {f"{package}.{n}", f"genlab.{n}"} & known] == []


def test_every_command_has_help() -> None:
    import typer

    from genlab.cli import app

    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            declared = typer.main.get_params_from_function(command.callback)
            said = getattr(declared[parameter.name].default, "help", None)
            assert said or name == "version", f"genlab {name}: {parameter.name} has no help"
