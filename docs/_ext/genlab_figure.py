"""Pictures that are drawn while the documentation is built.

The content of the directive ``genlab-figure`` is Python whose last line is a figure. The code is shown,
unless ``:hidden:`` is given, and run; the figure stands below it.
"""

from __future__ import annotations

import ast
import hashlib
import os
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from genlab.report.figures.files import save_figure

STRIP = """
import torch
from genlab import build
from genlab.report.figures.forward import forward

degradation = build("degradation", "{name}")
data = build("dataset", "digits" if "image" in degradation.tags.data else "moons")
x_0, _ = data.load("test").first(2)
z = degradation.draw(x_0, generator=torch.Generator().manual_seed(1))
times = torch.linspace(0, 1, 9).tolist()
states = [degradation.degrade(x_0, torch.full((len(x_0),), t), z) for t in times]
forward(states, times, data.spec, rows=2)
"""
"""Draws a degradation at work."""


class GenlabFigure(SphinxDirective):
    """Run code, and show the figure that it ends with."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"hidden": directives.flag, "alt": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the code and the picture."""
        code = "\n".join(self.content)
        shown: list[nodes.Node] = []
        if "hidden" not in self.options:
            shown = [nodes.literal_block(code, code, language="python")]
        file = drawn(code, Path(self.env.app.outdir).parent / "pictures")
        place = os.path.relpath(file, self.env.srcdir)
        picture = nodes.image(
            uri=f"/{place}", alt=self.options.get("alt", ""), classes=["gl-plate"]
        )
        self.set_source_info(picture)
        return [*shown, picture]


def drawn(code: str, folder: Path) -> Path:
    """Run code and return the file of its figure."""
    *before, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        raise ValueError("the last line is no figure")
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), "figure", "exec"), namespace)
    figure = eval(compile(ast.Expression(last.value), "figure", "eval"), namespace)
    file = folder / f"{hashlib.sha256(code.encode()).hexdigest()[:16]}.png"
    folder.mkdir(parents=True, exist_ok=True)
    save_figure(figure, file)
    return file


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("genlab-figure", GenlabFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
