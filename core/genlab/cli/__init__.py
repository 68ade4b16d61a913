"""The command line: one file per command, and one line per error.

No command imports torch before it needs it, so that ``genlab --help`` and ``genlab list`` answer at
once.
"""

from genlab.cli.app import app, main

__all__ = ["app", "main"]
