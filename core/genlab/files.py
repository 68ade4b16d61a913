"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cache_folder", "draft", "draft_folder", "write_bytes", "write_text"]


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of ``path`` when the block ends without an error.

    Args:
        path: Where the file belongs. Its folder is made if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to write to; it takes the place of ``path`` when the block ends without an error.

    Args:
        path: Where the folder belongs. One that is there is deleted then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as name:
        made, old = Path(name) / "made", Path(name) / "old"
        made.mkdir()
        yield made
        if path.exists():
            os.replace(path, old)
        os.replace(made, path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all."""
    with draft(path) as file:
        file.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_bytes(path, text.encode())


def cache_folder() -> Path:
    """Return the folder of the user that genlab keeps files in which it can make again."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("genlab"))
