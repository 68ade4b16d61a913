"""A port of this machine that nobody uses."""

from __future__ import annotations

import socket

from genlab import RequestError

__all__ = ["HOST", "chosen_port"]

HOST = "127.0.0.1"

_FIRST, _TRIED = 8420, 50
_MOST = 65535


def chosen_port(asked: int | None) -> int:
    """Return the port to serve on.

    Args:
        asked: The one that was asked for; 0: any free one; None: the first free one from 8420.

    Raises:
        RequestError: It is taken or none.
    """
    if asked is None:
        free = next((port for port in range(_FIRST, _FIRST + _TRIED) if _bound(port)), 0)
        return free or _bound(0)
    if not 0 <= asked <= _MOST:
        raise RequestError(f"--port {asked}: a port is a number from 0 to {_MOST}")
    found = _bound(asked)
    if not found:
        raise RequestError(f"--port {asked} is taken or not allowed: --port 0 takes a free one")
    return found


def _bound(port: int) -> int:
    """Return the port, or for 0 a free one; 0 where it is taken."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return 0
        return int(tried.getsockname()[1])
