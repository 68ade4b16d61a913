"""Components: the base class, parameters and the registry; and one file for each role.

Names are imported when they are first used, so that listing what is installed does not import torch;
``__init__.pyi`` beside this file lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
