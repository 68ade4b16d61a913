"""Keeps PyTorch from importing its compiler where nothing is compiled."""

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["uncompiled"]


def uncompiled(*functions: Callable[..., Any]) -> None:
    """Let functions that PyTorch has decorated for its compiler be called without it.

    ``torch._disable_dynamo`` tells the compiler to leave a function alone; at the first call it imports the
    compiler to tell it so, which takes 4 s of CPU and 150 MB. Here it finds the plain function in its cache.
    Where the compiler is there already, everything stays as it is.

    Args:
        functions: What was decorated; others are left as they are.
    """
    if "torch._dynamo" in sys.modules:
        return
    for function in functions:
        plain = getattr(function, "__wrapped__", None)
        if plain is not None:
            plain.__dict__.setdefault("__dynamo_disable", plain)
