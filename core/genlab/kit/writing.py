"""Templates in, a folder out, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2

from genlab.errors import RequestError

__all__ = ["rendered", "require_new", "write_folder"]


def rendered(places: Mapping[str, str], **known: Any) -> dict[Path, str]:
    """Return files by their paths.

    Args:
        places: The path of each file by its template.
        known: What the templates ask for.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genlab.kit"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    return {
        Path(place): environment.get_template(f"{template}.jinja").render(known)
        for template, place in places.items()
    }


def require_new(folder: Path, instead: str) -> None:
    """Require that there is nothing at the path of a folder.

    Args:
        folder: The folder.
        instead: What to choose otherwise, for the message.

    Raises:
        RequestError: Something is there.
    """
    if folder.exists() or folder.is_symlink():
        raise RequestError(f"{folder} exists already: choose {instead}")


def write_folder(folder: Path, files: Mapping[Path, str]) -> None:
    """Write a new folder with its files.

    Args:
        folder: The folder; those above it are made if they are missing.
        files: The text of each file by its path in it.

    Raises:
        RequestError: It cannot be written; nothing was.
    """
    try:
        with _draft_folder(folder) as draft:
            for path, text in files.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_text(text, "utf-8")
    except OSError as error:
        raise RequestError(f"{folder} cannot be written: {error.strerror or error}") from None


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
