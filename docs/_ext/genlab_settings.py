"""The reference of the settings of a run, written from models, from ``defaults.toml`` and from components.

``.. genlab-settings::`` documents every table with its settings, their types, defaults and meanings; then the
parameters of every component, by the table that they stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from genlab import registry
from genlab.components.parameters import Parameter, parameters
from genlab.components.words import type_in_words
from genlab.config import described_settings

PLACES = {
    "dataset": "dataset",
    "degradation": "degradation",
    "backbone": "backbone",
    "sampler": "sampler",
    "density": "density",
    "objective": "objective",
    "optimiser": "optimiser",
    "metric": "metrics",
    "figure": "figures",
}
"""Roles whose components stand in the table or the list of a run, and its name there."""
ALSO = {
    "density": "``[prior]`` holds the density of the degraded state, with the same parameters.",
    "optimiser": "``[prior_optimiser]`` is that of a prior that is trained, with the same parameters.",
    "metric": 'A list: ``metrics = [{ name = "mmd" }]``, or ``--set \'metrics=["mmd"]\'``.',
    "figure": 'A list: ``figures = [{ name = "samples" }]``, or ``--set \'figures=["samples"]\'``.',
}


class Settings(SphinxDirective):
    """Document the settings."""

    def run(self) -> list[nodes.Node]:
        """Return one section per table."""
        lines: list[str] = []
        for name, settings in described_settings().items():
            title = "Without a table" if name == "run" else f"[{name}]"
            lines += [f".. _settings-{name}:", "", title, "-" * len(title), ""]
            lines += table(
                (f"``{each.key}``", each.default_in_words, f"``{each.type}``", each.meaning)
                for each in settings
            )
        for role, place in PLACES.items():
            lines += of_role(role, place)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def of_role(role: str, place: str) -> Iterator[str]:
    """Yield the section of a table whose keys are parameters of a component."""
    title = f"[{place}]" if place == role else f"[[{place}]]"
    yield from (f".. _settings-{place}:", "", title, "-" * len(title), "")
    yield f"``name`` is that of a :doc:`{role} <{pages(role)}>`; the other keys are its parameters."
    yield from (ALSO.get(role, ""), "")
    entries = [entry for entry in registry(role).entries() if entry.package == "genlab"]
    yield from table(
        (row(role, place, e.name, p) for e in entries for p in parameters(e.load())),
        first="setting, and of which component",
    )


def row(role: str, place: str, name: str, parameter: Parameter) -> Sequence[str]:
    """Return the row of a parameter."""
    key = f"{place}.{parameter.name}" if place == role else parameter.name
    default = "none: it must be given" if parameter.required else f"``{spoken(parameter.default)}``"
    said = parameter.description.replace("\n", " ")
    kind = f"``{type_in_words(parameter.annotation)}``"
    return f"``{key}`` (:ref:`{name} <{role}-{name}>`)", default, kind, said


def spoken(value: Any) -> str:
    """Return a default as ``--set`` takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"[{', '.join(map(spoken, value))}]"
    return str(value)


def pages(role: str) -> str:
    """Return the page of the components of a role."""
    return {"density": "densities"}.get(role, f"{role}s")


def table(rows: Iterable[Sequence[str]], *, first: str = "setting") -> list[str]:
    """Return a table of settings."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 25 20 20 35", ""]
    for each in [(first, "default", "type", "what it is"), *rows]:
        lines += [f"   {'  -' if i else '* -'} {cell}".rstrip() for i, cell in enumerate(each)]
    return [*lines, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("genlab-settings", Settings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
