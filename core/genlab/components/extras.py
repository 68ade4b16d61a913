"""Packages that genlab grows by, and works without."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from genlab.errors import RequestError

__all__ = ["extra", "require_extra"]


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
        raise _missing(package, name, what) from None


def require_extra(package: str, name: str, what: str) -> None:
    """Check that a package is installed, without importing it, which may take seconds.

    Args:
        package: The package.
        name: The extra of genlab that brings it.
        what: What needs it, in words, for the message.

    Raises:
        RequestError: It is not installed; the message says how to install it.

    Example:
        >>> import genlab
        >>> genlab.require_extra("json", "json", "this line")
    """
    found = importlib.util.find_spec(package)
    if (
        found is None or found.origin is None
    ):  # a folder of that name, such as wandb's, is no package
        raise _missing(package, name, what)


def _missing(package: str, name: str, what: str) -> RequestError:
    return RequestError(f"{what} needs the package {package}: pip install 'genlab[{name}]'")
