"""A package: a complete distribution with one working component, or command."""

from __future__ import annotations

import ast
import datetime
from collections.abc import Mapping
from pathlib import Path

from genlab.errors import RequestError
from genlab.kit.names import Names, checked_names
from genlab.kit.origin import requirement, uv_source
from genlab.kit.writing import rendered, require_new, write_folder

__all__ = ["create_package"]


def create_package(role: str, name: str, parent: Path) -> Path:
    """Write a complete distribution with one working component, or command.

    Args:
        role: The role of the component, or ``"command"``.
        name: Its name, in lower case with hyphens.
        parent: The folder to make the package in; it is made if it is missing.

    Returns:
        The new folder, ``parent / "genlab-NAME"``.

    Raises:
        RequestError: The role, the name or the folder does not do; nothing was written.
    """
    names = checked_names(role, name)
    folder = parent / names.distribution
    require_new(folder, "another name, or another --out")
    files = _files(names)
    _check_name(names, files[Path("src", names.package, f"{names.role}.py")])
    write_folder(folder, files)
    return folder


def _files(names: Names) -> Mapping[Path, str]:
    """Return the files of a package by their paths in it."""
    places = {
        "common/pyproject.toml": "pyproject.toml",
        "common/README.md": "README.md",
        "common/LICENSE": "LICENSE",
        "common/gitignore": ".gitignore",
        "common/tests.yml": ".github/workflows/tests.yml",
        "common/init.py": f"src/{names.package}/__init__.py",
        f"{names.role}/module.py": f"src/{names.package}/{names.role}.py",
        f"{names.role}/test.py": f"tests/test_{names.package.removeprefix('genlab_')}.py",
    }
    return rendered(
        places, names=names, requirement=requirement(), uv_source=uv_source(),
        year=datetime.date.today().year,
    )  # fmt: skip


def _check_name(names: Names, module: str) -> None:
    """Refuse a class or function that would hide a name its own module imports, such as ``Tensor``."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    if names.component in imported:
        raise RequestError(
            f"{names.name!r} becomes the {names.kind} {names.component!r}, which its own module needs "
            f"from elsewhere: choose another name"
        )
