"""Where this genlab was installed from, for packages that are made before it is on an index."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["requirement", "uv_source"]


def requirement() -> str:
    """Return the requirement of a package that is made for this version, such as ``genlab>=0.1``."""
    parts = importlib.metadata.version("genlab").split(".")
    return f"genlab>={'.'.join(parts[:2])}"


def uv_source(recorded: str | None = None) -> str | None:
    """Return the value that ``genlab`` has in ``[tool.uv.sources]``, or None.

    Args:
        recorded: The text of the installation's ``direct_url.json`` (PEP 610); read from the installed
            distribution when left out.

    Returns:
        A TOML inline table; None for a genlab that came from an index, which needs no source.
    """
    if recorded is None:
        recorded = importlib.metadata.distribution("genlab").read_text("direct_url.json")
    try:
        found: dict[str, Any] = json.loads(recorded or "null") or {}
    except ValueError:
        return None
    url = str(found.get("url", ""))
    if "vcs_info" in found:
        return f"{{ git = {json.dumps(url)}, rev = {json.dumps(found['vcs_info']['commit_id'])} }}"
    parts = urlsplit(url)
    path = Path(url2pathname(parts.path))
    if parts.scheme != "file" or not path.exists():
        return None
    editable = found.get("dir_info", {}).get("editable", False)
    return f"{{ path = {json.dumps(str(path))}{', editable = true' if editable else ''} }}"
