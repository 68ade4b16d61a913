"""Directives that document everything public, and references that know every name of an object.

``.. genlab-objects:: genlab.report`` documents all objects below a prefix, module by module;
``:names:`` chooses some of them. ``.. genlab-components:: degradation`` documents the registered
components of a role, by their names.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
from functools import cache
from typing import Any, ClassVar

import inventory
from docutils import nodes
from docutils.parsers.rst import directives
from genlab_figure import STRIP
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import find_pending_xref_condition, make_refnode

from genlab.components.registry import ROLES, registry

OTHERS = (
    r"(torch|numpy|np|npt|nn|pluggy|pydantic|pytest|matplotlib|typer|click|PIL|Image|"
    r"pathlib|collections|typing|pydantic_core|types|abc|enum|dataclasses|functools|contextlib|concurrent|"
    r"importlib|jinja2|rich|ot|prdc|sklearn|annotated_types)\..*"
)
"""Names of other libraries: their pages would have to be fetched while the documentation is built."""
LANGUAGE = frozenset(dir(builtins))
AUTO = {"class": "autoclass", "function": "autofunction", "data": "autodata"}


class Objects(SphinxDirective):
    """Document the public objects below a prefix."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"names": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the documentation."""
        prefix = self.arguments[0]
        named = self.options.get("names")
        if named is not None:
            lines = []
            by_name = {i.name: i for i in inventory.items() if i.documented == f"{prefix}.{i.name}"}
            for name in named.split():
                lines += described(by_name[name])
        else:
            lines = by_module([i for i in inventory.children(prefix) if not is_component(i)])
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Components(SphinxDirective):
    """Document the registered components of a role."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the documentation."""
        role = self.arguments[0]
        known = {item.canonical: item for item in inventory.items()}
        entries = [e for e in registry(role).entries() if e.package == "genlab"]
        if not entries:
            return self.parse_text_to_nodes("None comes with genlab.")
        lines = [".. list-table::", "   :widths: 25 75", ""]
        for entry in entries:
            lines += [
                f"   * - :ref:`{entry.name} <{role}-{entry.name}>`",
                f"     - {entry.summary}",
            ]
        lines += [""]
        for entry in entries:
            lines += [f".. _{role}-{entry.name}:", "", entry.name, "-" * len(entry.name), ""]
            lines += [".. code-block:: sh", "", f"   {usage(role, entry.name)}", ""]
            if role == "degradation":
                lines += [".. genlab-figure::", "   :hidden:", f"   :alt: {entry.name} at work", ""]
                lines += [f"   {line}" for line in STRIP.format(name=entry.name).splitlines()]
                lines += [""]
            lines += described(known[entry.value.replace(":", ".")])
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def usage(role: str, name: str) -> str:
    """Return the command that uses a component."""
    return {
        "density": f"genlab run --density {name}",
        "metric": f"genlab evaluate RUN --metric {name}",
        "figure": f"genlab figures RUN {name}",
        "engine": f"genlab sweep FILE --engine {name}",
    }.get(role, f"genlab run --{role} {name}")


def is_component(item: inventory.Item) -> bool:
    """Say whether an object is a registered component, which is documented by its name."""
    return item.canonical in components()


@cache
def components() -> frozenset[str]:
    """Return where the registered components are defined."""
    return frozenset(e.value.replace(":", ".") for role in ROLES for e in registry(role).entries())


def by_module(found: list[inventory.Item]) -> list[str]:
    """Document objects under the heading of the module that defines them."""
    lines: list[str] = []
    for module in dict.fromkeys(item.home for item in found):
        title = module.removeprefix("genlab_plugins.").removeprefix("genlab.")
        lines += [title, "-" * len(title), "", f".. automodule:: {module}", ""]
        for item in found:
            if item.home == module:
                lines += described(item)
    return lines


def described(item: inventory.Item) -> list[str]:
    """Return the directive of one object."""
    lines = [f".. {AUTO[item.kind]}:: {item.documented}"]
    if item.kind == "class":
        lines += ["   :members:", "   :show-inheritance:"]
        lines += ["   :inherited-members:"] if item.documented == "genlab.Run" else []
    if item.kind == "data":
        lines += ["   :no-value:"] if item.name in ("ROLES", "STYLE", "hookimpl") else []
    return [*lines, ""]


def resolve(app: Sphinx, env: Any, node: Any, content: nodes.Node) -> nodes.Node | None:
    """Resolve a reference to an object by another of its names than the documented one."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip(".~")
    module, cls = node.get("py:module"), node.get("py:class")
    for name in [target, f"{module}.{target}", f"{module}.{cls}.{target}"]:
        home = documented(name) or alone(name)
        if home:
            domain = env.get_domain("py")
            found = domain.objects.get(home)
            if found:
                return make_refnode(
                    app.builder, node["refdoc"], found.docname, found.node_id, [content], home
                )
    return None


def forget(app: Sphinx, tree: nodes.document) -> None:
    """Make plain text of references to the language and to other libraries: most types are such."""
    for node in list(tree.findall(addnodes.pending_xref)):
        target = node["reftarget"]
        if node["refdomain"] == "py" and (target in LANGUAGE or re.fullmatch(OTHERS, target)):
            whole = find_pending_xref_condition(node, "*") or node
            node.replace_self(whole.children)


@cache
def alone(name: str) -> str | None:
    """Return the documented name of the only public object of a bare name, or of its member, or None."""
    top, *inner = name.split(".")
    found = [item.documented for item in inventory.items() if item.name == top]
    return ".".join([found[0], *inner]) if len(found) == 1 else None


@cache
def documented(name: str) -> str | None:
    """Return the documented name of whatever a dotted name means, or None."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        try:
            for part in parts[cut:]:
                value = getattr(value, part)
        except AttributeError:
            return None
        if inspect.ismodule(value):
            return value.__name__
        module, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if module is None or qualified is None:
            return None
        top, *inner = qualified.split(".")
        home = homes().get(f"{module}.{top}")
        return ".".join([home, *inner]) if home else None
    return None


@cache
def homes() -> dict[str, str]:
    """Return the documented name of everything public by where it is defined."""
    return {item.canonical: item.documented for item in inventory.items()}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("genlab-objects", Objects)
    app.add_directive("genlab-components", Components)
    app.connect("doctree-read", forget)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
