"""genlab turns any way of degrading data into a generative model.

Names are imported when they are first used, so that ``import genlab`` is quick and does not import torch;
``__init__.pyi`` beside this file lists them.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *__all__]
