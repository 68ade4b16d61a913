"""Terminals: text appears in them as it is, and what they cannot show is replaced by what they can."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["plain_console", "show_what_can_be_shown"]

_PLAINER = {
    "→": "->", "←": "<-", "↑": "^", "↓": "v", "–": "-", "—": "-", "…": "...", "±": "+-", "≥": ">=", "≤": "<=",
    "−": "-", "×": "x", "·": "*", "“": '"', "”": '"', "’": "'",
}  # fmt: skip
"""What stands for a character where a terminal lacks it."""

_HANDLER = "genlab-plainer"


def plain_console(*, soft_wrap: bool = False, stderr: bool = False) -> Console:
    """Return what prints tables and text; names with brackets or colons are no mark-up.

    Args:
        soft_wrap: Whether long lines are left to the terminal.
        stderr: Whether it prints to the stream of errors.
    """
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap, stderr=stderr)


def show_what_can_be_shown() -> None:
    """Let both streams replace characters that their encoding lacks, instead of raising an error."""
    codecs.register_error(_HANDLER, _plainer)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_instead, error.object[error.start : error.end])), error.end


def _instead(character: str) -> str:
    """Return what stands for a character: ASCII, its letter without an accent, or a question mark."""
    if character in _PLAINER:
        return _PLAINER[character]
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or "?"
