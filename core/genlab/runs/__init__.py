"""Runs: from a request to a folder, and from a folder back to a model.

Names are imported when they are first used, so that a list of runs needs no PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
