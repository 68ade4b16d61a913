"""A folder for coursework: two sets of hyperparameters, an own degradation, a report and a notebook."""

from __future__ import annotations

from pathlib import Path

from genlab.kit.names import Names
from genlab.kit.origin import requirement, uv_source
from genlab.kit.writing import rendered, require_new, write_folder
from genlab.runs.notebook_file import notebook_of_script

__all__ = ["create_coursework"]

_TIMES = {"a": "logit-normal", "b": "uniform"}  # of training, in which the two sets differ


def create_coursework(folder: Path) -> Path:
    """Write a folder that is ready to work in.

    Args:
        folder: The folder; it must be new.

    Returns:
        The folder.

    Raises:
        RequestError: Something is there already, or it cannot be written; nothing was.
    """
    require_new(folder, "another folder")
    files = rendered(
        {
            "coursework/README.md": "README.md",
            "coursework/pyproject.toml": "pyproject.toml",
            "coursework/gitignore": ".gitignore",
            "coursework/sets.toml": "sets.toml",
            "coursework/own.toml": "own.toml",
            "degradation/module.py": "mosaic.py",
            "coursework/test.py": "test_coursework.py",
            "coursework/text.md": "text.md",
            "coursework/report.py": "report.py",
            "coursework/notebook.py": "coursework.ipynb",
        },
        names=Names("degradation", "mosaic"),
        requirement=requirement(),
        uv_source=uv_source(),
    )
    for letter, other in (("a", "b"), ("b", "a")):
        files |= rendered(
            {"coursework/set.toml": f"{letter}.toml"},
            letter=letter, other=other, times=_TIMES[letter],
        )  # fmt: skip
    notebook = Path("coursework.ipynb")
    files[notebook] = notebook_of_script(files[notebook])
    write_folder(folder, files)
    return folder
