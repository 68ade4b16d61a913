"""Scripts as notebooks: every cell begins with ``# %%``, or ``# %% [markdown]``.

The format is nbformat 4 (https://nbformat.readthedocs.io), which is JSON. Nothing heavy is imported here:
the kit writes notebooks, too.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["notebook_of_script"]


def notebook_of_script(script: str) -> str:
    """Return the notebook that a script with ``# %%`` before every cell stands for.

    Args:
        script: The script; the lines of a Markdown cell are comments.

    Returns:
        The JSON of an ``.ipynb`` file.
    """
    cells: list[dict[str, Any]] = []
    for number, part in enumerate(f"\n{script}".split("\n# %%")[1:], 1):
        first, _, text = part.partition("\n")
        lines = text.strip("\n").split("\n")
        about: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}}
        if first.strip() == "[markdown]":
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
            about |= {"cell_type": "markdown"}
        else:
            about |= {"cell_type": "code", "execution_count": None, "outputs": []}
        cells.append({**about, "source": "\n".join(lines).splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
