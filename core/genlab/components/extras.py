"""Packages that genlab grows by, and works without."""

from __future__ import annotations

import importlib
from typing import Any

from genlab.errors import RequestError

__all__ = ["extra"]


def extra(module: str, name: str, what: str) -> Any:
    """Import a module of a package that an extra of genlab brings.

    Args:
        module: The module, such as ``"zuko.flows"``.
        name: The extra, such as ``"zuko"``.
        what: What needs it, in words, for the message.

    Returns:
        The module.

    Raises:
        RequestError: The package is not installed; the message says how to install it.

    Example:
        >>> import genlab
        >>> genlab.extra("json", "json", "this line").dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # it is there, and something that it needs is not
        raise RequestError(
            f"{what} needs the package {package}: pip install 'genlab[{name}]'"
        ) from None
