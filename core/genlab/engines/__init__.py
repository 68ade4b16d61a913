"""Engines: who carries out many runs. Those that come with genlab use this machine."""

from genlab.engines.local import Local

__all__ = ["Local"]
