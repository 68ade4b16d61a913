from .local import Local as Local
