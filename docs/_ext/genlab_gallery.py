"""The gallery of experiments, written from the files in ``experiments/`` and their results.

``.. genlab-gallery::`` shows every experiment: what its first lines say, how to run it, its file, and the
pictures in ``report/results/NAME/`` where there are any.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
PICTURES = (".png", ".gif", ".svg")


class Gallery(SphinxDirective):
    """Show the experiments."""

    def run(self) -> list[nodes.Node]:
        """Return one section per experiment."""
        lines: list[str] = []
        for file in sorted((ROOT / "experiments").glob("*.toml")):
            self.env.note_dependency(str(file))
            lines += section(file)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def section(file: Path) -> Iterator[str]:
    """Yield the section of an experiment."""
    name = file.stem
    text = file.read_text("utf-8")
    command = "sweep" if "\n[sweep]" in text else "run"
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    yield from (f".. _experiment-{name}:", "", name, "-" * len(name), "")
    yield from (line.lstrip("# ") for line in comment)
    yield from ("", ".. code-block:: sh", "", f"   genlab {command} {name}{needs(text)}", "")
    for picture in pictures(ROOT / "report" / "results" / name):
        yield from (
            f".. figure:: {picture}",
            "   :class: gl-plate",
            "",
            f"   {Path(picture).stem}",
            "",
        )
    yield from (".. dropdown:: The file", "", "   .. code-block:: toml", "")
    yield from (f"      {line}" for line in text.splitlines())
    yield ""


def needs(text: str) -> str:
    """Return what the command needs besides the name."""
    files = any(f'dataset = "{name}"' in text for name in ("mnist", "fashion-mnist", "cifar10"))
    return " --data DIR" if files else ""


def pictures(folder: Path) -> list[str]:
    """Return the pictures of a result, relative to the page."""
    if not folder.is_dir():
        return []
    found = sorted(f for f in folder.rglob("*") if f.suffix in PICTURES)
    whole = {f.with_suffix("") for f in found if f.suffix == ".png"}
    kept = [f for f in found if f.suffix != ".svg" or f.with_suffix("") not in whole]
    return [f"../{f.relative_to(ROOT).as_posix()}" for f in kept]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("genlab-gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
