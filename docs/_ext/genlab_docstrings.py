"""How docstrings are read: types stand in annotations, never in the text.

Napoleon takes ``Returns: name: rest`` for a type and its description. Here a colon is a colon. In
signatures, the bounds of parameters (``Annotated``) are left out: ``genlab show`` prints them.
"""

from __future__ import annotations

import inspect
import typing
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring


def returns(self: Any, preprocess_types: bool = False) -> list[tuple[str, str, list[str]]]:
    """Return the whole section as the description."""
    lines = self._dedent(self._consume_to_next_section())
    return [("", "", lines)] if lines else []


def attribute(self: Any) -> tuple[str, list[str]]:
    """Return the whole docstring as the description."""
    lines = [self._lines.next(), *self._dedent(self._consume_to_end())]
    return "", self.__class__(lines, self._config).lines()


def bare(app: Sphinx, item: Any, bound: bool) -> None:
    """Leave bounds and the like out of the annotations of a function."""
    function = item.__func__ if inspect.ismethod(item) else item
    if not inspect.isfunction(function):
        return
    try:
        function.__annotations__ = typing.get_type_hints(function)
    except NameError:
        return  # a name that is imported for type checking only


def setup(app: Sphinx) -> dict[str, Any]:
    """Patch napoleon and listen to signatures."""
    GoogleDocstring._consume_returns_section = returns  # type: ignore[method-assign]
    GoogleDocstring._consume_inline_attribute = attribute  # type: ignore[method-assign]
    app.connect("autodoc-before-process-signature", bare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
