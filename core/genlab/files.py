"""Files that appear whole or not at all, and are on the disk when they do.

A file is written as a draft beside its place, flushed, and renamed; then its folder is flushed. A draft that
a process has left that died is known by the host and the process in its name, and swept away.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genlab.errors import FileError, worded_os_error

__all__ = [
    "cache_folder", "checksum", "draft", "draft_folder", "flush", "host_mark", "is_draft", "is_running",
    "sweep_drafts", "write_bytes", "write_text",
]  # fmt: skip

_DRAFT = ".draft-"
_OLD = 24 * 3600.0  # seconds after which a draft of another host is taken for abandoned


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of ``path`` when the block ends without an error.

    Args:
        path: Where the file belongs. Its folder is made if it is missing.

    Raises:
        FileError: The disk is full or can only be read, the name is too long, and the like.
    """
    name = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f"{_DRAFT}{host_mark()}-{os.getpid()}-"
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        yield Path(name)
        os.chmod(name, 0o644)
        flush(Path(name))
        os.replace(name, path)
        flush(path.parent)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{worded_os_error(error, path)}; nothing was written there") from error
    finally:
        if name:
            with suppress(OSError):
                Path(name).unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until what was written to a file, or into a folder, is on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder, on Windows
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno is not None and path.is_dir():
            return  # not every file system knows how to flush a folder
        raise
    finally:
        os.close(handle)


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


def checksum(*parts: bytes | memoryview) -> str:
    """Return what tells bytes from other bytes: the first 16 digits of their SHA-256."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:16]


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all.

    Raises:
        FileError: The disk is full or can only be read, the name is too long, and the like.
    """
    with draft(path) as file:
        file.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all.

    Raises:
        FileError: The disk is full or can only be read, the name is too long, and the like.
    """
    write_bytes(path, text.encode())


def is_draft(path: Path) -> bool:
    """Say whether a file is a draft, by its name."""
    return path.name.startswith(_DRAFT)


def sweep_drafts(folder: Path) -> None:
    """Remove the drafts in a folder, and below, that processes have left which are no longer there."""
    for file in folder.rglob(f"{_DRAFT}*"):
        host, _, rest = file.name.removeprefix(_DRAFT).partition("-")
        process = rest.partition("-")[0]
        with suppress(OSError):
            if host == host_mark():
                dead = not process.isdecimal() or not is_running(int(process))
            else:
                dead = time.time() - file.stat().st_mtime > _OLD
            if dead:
                file.unlink()


def host_mark() -> str:
    """Return a few characters that tell this machine from others, for names of files."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def is_running(process: int) -> bool:
    """Say whether there is a process of this number on this machine."""
    if process <= 0 or process >= 2**31:
        return False
    if os.name == "nt":
        return True  # nothing that Python has asks without harm
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def cache_folder() -> Path:
    """Return the folder of the user that genlab keeps files in which it can make again."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("genlab"))
