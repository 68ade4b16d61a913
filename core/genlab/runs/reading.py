"""Reading the files of a run folder: what is whole comes back, what is damaged ends in one line.

Tables carry a checksum of what was written, as their first line (TOML) or as an entry (JSON, and each line of
a log), so that a digit that has changed on the disk is noticed. A table without a checksum is taken as it is:
whoever changes one by hand takes the checksum out.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from torch import Tensor

from genlab.errors import FileError, RequestError, brief, worded_os_error
from genlab.files import checksum, write_text
from genlab.guards import parsed_json, parsed_toml, read_bounded, require_fits

__all__ = [
    "add_line", "read_arrays", "read_lines", "read_table", "read_toml", "write_lines", "write_table",
    "write_toml",
]  # fmt: skip

_SUM = "checksum"
_DAMAGE = (ValueError, RecursionError, KeyError, EOFError, zlib.error, zipfile.BadZipFile,
           NotImplementedError, RuntimeError)  # fmt: skip


def write_toml(file: Path, tables: Mapping[str, Any]) -> None:
    """Write tables as TOML, with a checksum as first line."""
    text = tomli_w.dumps(tables)
    write_text(file, f'{_SUM} = "{_sum(text)}"\n{text}')


def read_toml(file: Path) -> dict[str, Any]:
    """Read tables that :func:`write_toml` wrote.

    Raises:
        RequestError: The file cannot be read, or is not what was written.
    """
    text = _text(file)
    try:
        tables = parsed_toml(text)
    except ValueError as error:
        raise RequestError(f"{file} cannot be read: {brief(error, 120)}") from None
    first, _, rest = text.partition("\n")
    if _SUM in tables and first != f'{_SUM} = "{_sum(rest)}"':
        raise RequestError(
            f"{file} is damaged, or was changed by hand: it is not what genlab wrote. Put the file back, or "
            f"take out its first line where the change is meant"
        )
    return {key: value for key, value in tables.items() if key != _SUM}


def write_table(file: Path, table: Mapping[str, Any]) -> None:
    """Write a table as JSON, with a checksum."""
    write_text(file, json.dumps(_signed(table), indent=2) + "\n")


def read_table(file: Path, remedy: str) -> dict[str, Any]:
    """Read a table that :func:`write_table` wrote; an empty one where there is no file.

    Args:
        file: The file.
        remedy: What helps where it is damaged.

    Raises:
        RequestError: It is damaged.
    """
    if not file.exists():
        return {}
    found = _parsed(_text(file))
    if found is None:
        raise RequestError(f"{file} is damaged: {remedy}")
    return found


def add_line(file: Path, record: Mapping[str, Any]) -> None:
    """Add a record to a log."""
    try:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(_signed(record)) + "\n")
    except OSError as error:
        raise FileError(worded_os_error(error, file)) from error


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the records of a log that are whole; of others a warning tells.

    A last line without an end is what a crash leaves, and is left out without a word.
    """
    if not file.exists():
        return []
    try:
        text = file.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        warnings.warn(f"the log is left out: {worded_os_error(error, file)}", stacklevel=2)
        return []
    *lines, _ = text.split("\n")
    found = [_parsed(line) for line in lines]
    whole = [line for line in found if line is not None and _is_number(line.get("step"))]
    if len(whole) < len(found):
        warnings.warn(
            f"{file}: {len(found) - len(whole)} of {len(found)} lines are damaged, and left out",
            stacklevel=2,
        )
    return whole


def write_lines(file: Path, records: list[dict[str, Any]]) -> None:
    """Write a log anew."""
    write_text(file, "".join(json.dumps(_signed(record)) + "\n" for record in records))


def read_arrays(file: Path, remedy: str) -> tuple[Tensor, Tensor | None]:
    """Read samples ``(n, *shape)`` and their labels from an ``.npz`` file, whose own checksums are checked.

    Args:
        file: The file.
        remedy: What helps where it is damaged.

    Raises:
        RequestError: It is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            require_fits(str(file), sum(member.file_size for member in archive.infolist()))
            arrays = {
                name: np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
            }
        x = torch.from_numpy(arrays["x.npy"])
        y = torch.from_numpy(arrays["y.npy"]) if "y.npy" in arrays else None
        if arrays.keys() - {"x.npy", "y.npy"} or (y is not None and len(y) != len(x)):
            raise ValueError
    except RequestError:
        raise
    except OSError as error:
        raise RequestError(f"{worded_os_error(error, file)}; {remedy}") from None
    except (*_DAMAGE, TypeError):
        raise RequestError(f"{file} is damaged: {remedy}") from None
    return x, y


def _signed(table: Mapping[str, Any]) -> dict[str, Any]:
    return {**table, _SUM: _sum(json.dumps(dict(table)))}


def _parsed(text: str) -> dict[str, Any] | None:
    """Return a table of JSON without its checksum, or None where it is damaged."""
    try:
        found = parsed_json(text)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    written = found.pop(_SUM, None)
    return found if written in (None, _sum(json.dumps(found))) else None


def _text(file: Path) -> str:
    try:
        return read_bounded(file)
    except OSError as error:
        raise RequestError(worded_os_error(error, file)) from None
    except UnicodeDecodeError:
        raise RequestError(f"{file} cannot be read: it is no UTF-8 text") from None


def _sum(text: str) -> str:
    return checksum(text.encode("utf-8", errors="surrogatepass"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
