"""A run opened in a notebook, with cells that show it and use its model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2

from genlab.components.degradation import AdditiveDegradation
from genlab.components.density import Flow
from genlab.diffusion import DiffusionModel
from genlab.errors import RequestError
from genlab.files import write_text
from genlab.runs.export import taken
from genlab.runs.notebook_file import notebook_of_script
from genlab.runs.opened import OpenedRun

__all__ = ["to_notebook"]

_TEMPLATE = "notebook.py.jinja"


def to_notebook(run: OpenedRun, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a notebook that opens a run; see :meth:`genlab.Run.to_notebook`."""
    path = Path(path)
    if path.suffix != ".ipynb":
        raise RequestError(f"{path}: a notebook is a file whose name ends in .ipynb")
    if path.exists() and not (overwrite and path.is_file()):
        raise taken(path)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    script = environment.get_template(_TEMPLATE).render(_known(run, path))
    write_text(path, notebook_of_script(script))
    return path


def _known(run: OpenedRun, path: Path) -> dict[str, Any]:
    """Return what the template asks about a run."""
    model, spec = run.model, run.spec
    diffusion = isinstance(model, DiffusionModel)
    classes = [(slot, chosen.target) for slot, chosen in run.config.components() if chosen.target]
    drawn = [
        chosen.name for chosen in run.config.figures
        if not chosen.target and run.folder.figure_file(chosen.name, ".png").is_file()
    ]  # fmt: skip
    return {
        "title": run.config.title,
        "made_of": run.config.made_of,
        "folder": run.path.resolve().name,
        "path": repr(_seen_from(path, run.path)),
        "options": "" if run.checkpoint == "last" else f", checkpoint={run.checkpoint!r}",
        "classes_by_place": classes,
        "figures": drawn,
        "kind": spec.kind,
        "channels": spec.shape[0] if spec.shape[0] in (3, 4) else 3 if spec.shape[0] > 4 else 1,
        "second": min(1, spec.shape[0] - 1),
        "classes": spec.classes,
        "conditional": model.conditional,
        "diffusion": diffusion,
        "additive": diffusion and isinstance(run.degradation, AdditiveDegradation),
        "flow": isinstance(run.density, Flow),
    }


def _seen_from(notebook: Path, run: Path) -> str:
    """Return the path of a run as a kernel in the folder of the notebook has it."""
    try:
        return Path(os.path.relpath(run.resolve(), notebook.resolve().parent)).as_posix()
    except ValueError:  # another drive, on Windows
        return str(run.resolve())
