"""The reference of the command line, written from the application itself.

``.. genlab-cli::`` documents every command with its arguments, its options and their help.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from genlab.cli import app as application


class CommandLine(SphinxDirective):
    """Document the application."""

    def run(self) -> list[nodes.Node]:
        """Return one section per command."""
        group = typer.main.get_command(application)
        lines = [*of_command("genlab", group)]
        context = group.make_context("genlab", [], resilient_parsing=True)
        for name in group.list_commands(context):  # type: ignore[attr-defined]
            _, command, _ = group.resolve_command(context, [name])  # type: ignore[attr-defined]
            lines += of_command(f"genlab {name}", command)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def of_command(path: str, command: Any) -> list[str]:
    """Return the section of a command."""
    context = command.make_context(path, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f".. _{path.replace(' ', '-')}:", "", path, "-" * len(path), ""]
    lines += [".. code-block:: text", "", f"   {path} {usage}", ""]
    lines += [*inspect.cleandoc(command.help or "").splitlines(), ""]
    lines += [f".. program:: {path}", ""]
    declared = helps(command.callback)
    for parameter in command.get_params(context):
        lines += of_parameter(parameter, context, declared)
    return lines


def helps(callback: Any) -> dict[str, str]:
    """Return what a command's function says of its parameters: newer clicks drop it for arguments."""
    found = {}
    for name, parameter in typer.main.get_params_from_function(callback).items():
        found[name] = getattr(parameter.default, "help", None) or ""
    return found


def of_parameter(parameter: Any, context: Any, declared: dict[str, str]) -> list[str]:
    """Return the directive of an argument or an option."""
    said = getattr(parameter, "help", None) or declared.get(parameter.name, "")
    if parameter.param_type_name == "argument":
        return [f".. option:: {parameter.make_metavar(context)}", "", f"   {said}", ""]
    value = "" if parameter.is_flag else f" <{parameter.metavar or parameter.type.name}>"
    spelled = ", ".join(f"{name}{value}" for name in [*parameter.opts, *parameter.secondary_opts])
    notes = []
    if parameter.multiple:
        notes.append("May be given several times.")
    if parameter.required:
        notes.append("Required.")
    elif isinstance(parameter.default, (int, float, str, Path)) and not parameter.is_flag:
        notes.append(f"Default: ``{parameter.default}``.")
    return [f".. option:: {spelled}", "", f"   {' '.join([said, *notes])}", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("genlab-cli", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
