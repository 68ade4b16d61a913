"""The reference of the settings of a run, written from their models and from ``defaults.toml``.

``.. genlab-settings::`` documents every table with its settings, their types, defaults and meanings.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from genlab.config import Setting, described_settings


class Settings(SphinxDirective):
    """Document the settings."""

    def run(self) -> list[nodes.Node]:
        """Return one section per table."""
        lines: list[str] = []
        for table, settings in described_settings().items():
            title = "Without a table" if table == "run" else f"[{table}]"
            lines += [f".. _settings-{table}:", "", title, "-" * len(title), ""]
            lines += rows(settings)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def rows(settings: tuple[Setting, ...]) -> list[str]:
    """Return a table of settings."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 25 20 35", ""]
    cells = [("setting", "default", "type", "what it is")]
    cells += [
        (f"``{each.key}``", each.default_in_words, f"``{each.type}``", each.meaning)
        for each in settings
    ]
    for row in cells:
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
    return [*lines, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("genlab-settings", Settings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
