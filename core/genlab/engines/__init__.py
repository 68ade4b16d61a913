"""Engines: who carries out many runs. Those that come with genlab use this machine."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
