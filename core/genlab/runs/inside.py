"""What a run folder may consist of: files and folders of its own, and no link by which to write elsewhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from genlab.errors import RequestError, brief

__all__ = ["require_inside"]

_APPENDED = (".jsonl", ".lock")  # files that are written into; all others are replaced as a whole
_DEEP = 4  # folders in folders that genlab makes


def require_inside(folder: Path) -> None:
    """Refuse a run folder through which something would be written elsewhere.

    A folder in it, or a file that lines are added to, is no link that leads out of it; and there are
    neither pipes nor devices. The run folder itself can be a link. A file that is replaced as a whole can
    be one, too: the link is what is replaced.

    Args:
        folder: The run folder.

    Raises:
        RequestError: It is not so.
    """
    _look(folder, os.path.realpath(folder), _DEEP)


def _look(folder: Path, root: str, levels: int) -> None:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise RequestError(f"{brief(folder)} cannot be read: {error.strerror}") from None
    for entry in entries:
        if entry.is_symlink():
            _require_link_inside(entry, root)
        elif entry.is_dir(follow_symlinks=False):
            if levels:
                _look(Path(entry.path), root, levels - 1)
        elif not entry.is_file(follow_symlinks=False):
            raise RequestError(
                f"{brief(Path(entry.path))} is {_kind(entry)}, and a run folder has files and folders alone"
            )


def _require_link_inside(entry: os.DirEntry[str], root: str) -> None:
    target = os.path.realpath(entry.path)
    leads_out = os.path.commonpath((root, target)) != root
    written_into = entry.name.endswith(_APPENDED) or not entry.is_file()
    if leads_out and written_into:
        raise RequestError(
            f"{brief(Path(entry.path))} is a link out of the run folder, to {brief(Path(target))}: nothing "
            f"is written through it. Put a copy in its place"
        )


def _kind(entry: os.DirEntry[str]) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
