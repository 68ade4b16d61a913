"""Writing a package: templates in, a folder out, whole or not at all."""

from __future__ import annotations

import ast
import datetime
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jinja2

from genlab.errors import RequestError
from genlab.kit.names import Names, checked_names
from genlab.kit.origin import requirement, uv_source

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
    if folder.exists() or folder.is_symlink():
        raise RequestError(f"{folder} exists already: choose another name, or another --out")
    files = rendered(names)
    _check_name(names, files[Path("src", names.package, f"{names.role}.py")])
    try:
        with _draft_folder(folder) as draft:
            for path, text in files.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_text(text, "utf-8")
    except OSError as error:
        raise RequestError(f"{folder} cannot be written: {error.strerror or error}") from None
    return folder


def rendered(names: Names) -> Mapping[Path, str]:
    """Return the files of a package by their paths in it.

    Args:
        names: What the component is called.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genlab.kit"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    known = {
        "names": names,
        "requirement": requirement(),
        "uv_source": uv_source(),
        "year": datetime.date.today().year,
    }
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
    return {
        Path(place): environment.get_template(f"{template}.jinja").render(known)
        for template, place in places.items()
    }


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


@contextmanager
def _draft_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write to; it becomes ``folder`` when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        os.rename(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
